"""kam3: the KAM3 password key exchange of RFC 8121, in constant-time C under a typed Python API, and HTTP Mutual authentication (RFC 8120).

`ALGORITHMS` compute its functions on octets; `ClientExchange` and `ServerExchange` run an exchange and keep its secrets. See
`kam3.backends` for what computes, and `kam3.errors` for what can go wrong. The HTTP storey is imported where it is wanted: `kam3.mutual`
is the protocol without I/O, `kam3.stores` keep its state, `kam3.adapters` put it into clients and servers.
"""

from __future__ import annotations

__version__ = "0.1.0"

from kam3 import backends, errors
from kam3.algorithms import ALGORITHMS, DL_2048, DL_4096, EC_P256, EC_P521, Algorithm, algorithm
from kam3.backends import Kam3Warning
from kam3.errors import (
    BackendUnavailableError,
    DegenerateError,
    ExchangeStateError,
    InvalidElementError,
    InvalidSecretError,
    Kam3Error,
    MissingExtraError,
    UnknownAlgorithmError,
    VerificationError,
    WireError,
)
from kam3.exchange import ClientExchange, ServerExchange
from kam3.pi import Pi
from kam3.preparation import prepare_password, prepare_user
from kam3.prepared import PreparedJ
from kam3.session import ClientSession, ServerSession

__all__ = [
    "ALGORITHMS",
    "DL_2048",
    "DL_4096",
    "EC_P256",
    "EC_P521",
    "Algorithm",
    "BackendUnavailableError",
    "ClientExchange",
    "ClientSession",
    "DegenerateError",
    "ExchangeStateError",
    "InvalidElementError",
    "InvalidSecretError",
    "Kam3Error",
    "Kam3Warning",
    "MissingExtraError",
    "Pi",
    "PreparedJ",
    "ServerExchange",
    "ServerSession",
    "UnknownAlgorithmError",
    "VerificationError",
    "WireError",
    "__version__",
    "algorithm",
    "backends",
    "errors",
    "prepare_password",
    "prepare_user",
]
