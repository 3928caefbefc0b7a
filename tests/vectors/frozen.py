"""Read the frozen vectors of this folder."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from kam3.sets import DL_2048, DL_4096, EC_P256, EC_P521, ParameterSet

FOLDER = Path(__file__).parent
NAMES = {DL_2048: "dl_2048", DL_4096: "dl_4096", EC_P256: "ec_p256", EC_P521: "ec_p521"}


@functools.cache
def document(ps: ParameterSet) -> dict[str, Any]:
    """Return the file of a parameter set."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"kam3_{NAMES[ps]}_exchange_test.json").read_text(encoding="ascii"))
    return loaded


def tests(ps: ParameterSet, kind: str) -> list[dict[str, Any]]:
    """Return the tests of the groups of type `kind`."""
    return [test for group in document(ps)["testGroups"] if group["type"] == kind for test in group["tests"]]


def octets(values: dict[str, str]) -> dict[str, bytes]:
    """Return the octets of inputs or outputs: text is UTF-8, all else hexadecimal, but nc, which is left out."""
    text = ("auth_scope", "realm", "user")
    return {name: value.encode() if name in text else bytes.fromhex(value) for name, value in values.items() if name != "nc"}
