"""The four parameter sets of RFC 8121 section 3 as plain records: what the layers below and above the backends agree on."""

from __future__ import annotations

import enum
from typing import Literal, NamedTuple

WireType = Literal["base64-fixed-number", "hex-fixed-number"]
HashName = Literal["sha256", "sha512"]


class Role(enum.IntEnum):
    """Whose secret exponent: the client's S_c1 or the server's S_s1; the numbers are those of ``enum kam3_role``."""

    CLIENT = 1
    SERVER = 2


class ParameterSet(NamedTuple):
    """One row of the table in RFC 8121 appendix B; lengths in octets."""

    number: int
    token: str
    hash_name: HashName
    hash_octets: int
    element_octets: int
    scalar_octets: int
    wire_type: WireType
    least_s_c1: int
    iterations: int = 16384

    @property
    def is_curve(self) -> bool:
        """Tell the elliptic-curve sets from the discrete-logarithm sets."""
        return self.wire_type == "hex-fixed-number"


DL_2048 = ParameterSet(1, "iso-kam3-dl-2048-sha256", "sha256", 32, 256, 256, "base64-fixed-number", 2048)
DL_4096 = ParameterSet(2, "iso-kam3-dl-4096-sha512", "sha512", 64, 512, 512, "base64-fixed-number", 4096)
EC_P256 = ParameterSet(3, "iso-kam3-ec-p256-sha256", "sha256", 32, 33, 32, "hex-fixed-number", 1)
EC_P521 = ParameterSet(4, "iso-kam3-ec-p521-sha512", "sha512", 64, 66, 66, "hex-fixed-number", 1)

#: In the order of RFC 8121 section 3; `number` is the value of ``enum kam3_algorithm``.
SETS = (DL_2048, DL_4096, EC_P256, EC_P521)
