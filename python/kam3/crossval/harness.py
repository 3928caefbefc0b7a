"""The operations of ``kam3 eval``: one JSON request in, one JSON answer out, to check other implementations against this one.

`OPERATIONS` is the table of the contract, row for row; docs and tests are ticked off against it. A request is judged in a fixed order
and the first fault answers: the line as a whole, the op, the algorithm, the fields in the order of their row (present, of their type,
hex), then the values in the same order, which is the work of the backends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import kam3
from kam3.crossval import strictjson
from kam3.crossval.strictjson import Number, StrictJSONError
from kam3.errors import DegenerateError, InvalidElementError, InvalidSecretError, Kam3Error, MissingExtraError, Rule, WireError, fault

#: What ``error.code`` can be: faults of the request, then those of the backends.
CODES = frozenset({"bad-request", "unknown-op", "unknown-algorithm"}) | {
    error.code for error in (InvalidElementError, InvalidSecretError, WireError, DegenerateError, MissingExtraError)
}

#: Decimal digits of nc; -0 counts as the integer 0.
MAX_NC_DIGITS = 10_000

_HEX = re.compile(r"[0-9a-f]*")


class RequestError(Exception):
    """A fault of the request itself; `code` is what the answer shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _bad(message: str) -> NoReturn:
    raise RequestError("bad-request", message)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        _bad(f"{name} must be a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        _bad(f"{name} must not contain a lone surrogate")
    return value


def _octets(name: str, value: object) -> bytes:
    if not isinstance(value, str) or len(value) % 2 or not _HEX.fullmatch(value):
        _bad(f"{name} must be a string of lower-case hexadecimal digits of even length")
    return bytes.fromhex(value)


def _natural(name: str, value: object) -> int:
    if not isinstance(value, Number) or not value.is_integer:
        _bad(f"{name} must be an integer without fraction or exponent")
    if value.digits > MAX_NC_DIGITS:
        _bad(f"{name} must have at most {MAX_NC_DIGITS} digits")
    number = value.to_int()
    if number < 0:
        _bad(f"{name} must not be negative")
    return number


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        _bad(f"{name} must be true or false")
    return value


def _wire_kind(name: str, value: object) -> str:
    if value not in ("element", "hash"):
        _bad(f'{name} must be "element" or "hash"')
    return str(value)


_REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """A member of the request: how its value is read, and what stands for it when it is missing."""

    name: str
    read: Callable[[str, object], Any]
    default: object = _REQUIRED

    @property
    def required(self) -> bool:
        """Tell whether the field may not be missing."""
        return self.default is _REQUIRED

    def of(self, request: Mapping[str, object]) -> Any:
        """Return this field's value in the request, or raise `RequestError`."""
        if self.name in request:
            return self.read(self.name, request[self.name])
        if self.required:
            _bad(f"{self.name} is missing")
        return self.default


@dataclass(frozen=True)
class Operation:
    """A row of the table: the fields after ``algorithm``, the names in ``result``, the primitive that maps the first to the second."""

    name: str
    fields: tuple[Field, ...]
    answer: tuple[str, ...]
    run: Callable[..., Any]


PASSWORD, AUTH_SCOPE, REALM, USER = (Field(name, _text) for name in ("password", "auth_scope", "realm", "user"))
PREPARE = Field("prepare", _flag, default=False)
PI, J, S_C1, KC1, S_S1, KS1, Z, VH = (Field(name, _octets) for name in ("pi", "j", "s_c1", "kc1", "s_s1", "ks1", "z", "vh"))
T = Field("t", _octets, default=b"")
NC = Field("nc", _natural)
KIND, VALUE, TEXT = Field("kind", _wire_kind), Field("value", _octets), Field("text", _text)


def _pi(alg: Any, password: str, auth_scope: str, realm: str, user: str, prepare: bool) -> Any:
    if prepare:
        password = _prepared(kam3.prepare_password, "password", password)
        user = _prepared(kam3.prepare_user, "user", user)
    return alg.pi(password, auth_scope=auth_scope, realm=realm, user=user)


def _prepared(prepare: Callable[[str], str], name: str, text: str) -> str:
    try:
        return prepare(text)
    except MissingExtraError:
        raise
    except ValueError:
        _bad(f"{name} is refused by the preparation of RFC 8120 section 9")


def _to_wire(alg: Any, kind: str, value: bytes) -> Any:
    expected = alg.element_octets if kind == "element" else alg.hash_octets
    if len(value) != expected:  # the primitive would name its own argument, not this field
        raise fault(Rule.ELEMENT_LENGTH, "value", expected=expected, actual=len(value))
    return alg.to_wire(value, kind=kind)


OPERATIONS: dict[str, Operation] = {
    row.name: row
    for row in (
        Operation("pi", (PASSWORD, AUTH_SCOPE, REALM, USER, PREPARE), ("pi",), _pi),
        Operation("j", (PI,), ("j",), lambda alg, *values: alg.j(*values)),
        Operation("kc1", (S_C1,), ("kc1",), lambda alg, *values: alg.kc1(*values)),
        Operation("ks1", (J, KC1, S_S1), ("ks1",), lambda alg, *values: alg.ks1(*values)),
        Operation("z_server", (KC1, KS1, S_S1), ("z",), lambda alg, *values: alg.z_server(*values)),
        Operation("respond", (J, KC1, S_S1), ("ks1", "z"), lambda alg, *values: alg.respond(*values)),
        Operation("z_client", (PI, S_C1, KC1, KS1), ("z",), lambda alg, *values: alg.z_client(*values)),
        Operation("vkc", (KC1, KS1, Z, NC, VH), ("vkc",), lambda alg, *values: alg.vkc(*values)),
        Operation("vks", (KC1, KS1, Z, NC, VH), ("vks",), lambda alg, *values: alg.vks(*values)),
        Operation("b1", (KC1, KS1, Z, VH, T), ("b1",), lambda alg, *values: alg.b1(*values)),
        Operation("b2", (KC1, KS1, Z, NC, VH, T), ("b2",), lambda alg, *values: alg.b2(*values)),
        Operation("to_wire", (KIND, VALUE), ("text",), _to_wire),
        Operation("from_wire", (KIND, TEXT), ("value",), lambda alg, kind, text: alg.from_wire(text, kind=kind)),
    )
}

#: ``info`` names no algorithm and so stands outside the table.
OP_NAMES = (*OPERATIONS, "info")


class Harness:
    """Answers requests on one backend. It keeps nothing between requests."""

    def __init__(self, backend: str | None = None) -> None:
        """Bind to a backend.

        Args:
            backend: its name; None takes the active one.

        Raises:
            BackendUnavailableError: it cannot run here.
        """
        self._report = kam3.backends.report(backend)
        self._algorithms = {alg.token: alg.on(self._report.backend) for alg in kam3.ALGORITHMS}

    def answer(self, line: bytes | None) -> bytes:
        """Answer one request.

        Args:
            line: the line without its end; None for one that was too long to keep (see `strictjson.lines`).

        Returns:
            The answer, ASCII JSON with LF at the end. No input makes this raise.
        """
        identity: object = None
        try:
            request = _request(line)
            identity = request.get("id")
            outcome: dict[str, object] = {"result": self._evaluate(request)}
        except RequestError as error:
            outcome = {"error": {"code": error.code, "message": str(error)}}
        except Kam3Error as error:
            outcome = {"error": {"code": error.code, "message": str(error)}}
        return strictjson.serialize({"id": identity, **outcome}).encode("ascii") + b"\n"

    def _evaluate(self, request: Mapping[str, object]) -> dict[str, object]:
        name = _text("op", request["op"]) if "op" in request else _bad("op is missing")
        if name == "info":
            return self._info()
        if name not in OPERATIONS:
            raise RequestError("unknown-op", "op is none of those that info lists")
        operation = OPERATIONS[name]
        token = _text("algorithm", request["algorithm"]) if "algorithm" in request else _bad("algorithm is missing")
        algorithm = self._algorithms[kam3.algorithm(token).token]
        values = operation.run(algorithm, *[field.of(request) for field in operation.fields])
        if len(operation.answer) == 1:
            values = (values,)
        return {name: value if isinstance(value, str) else value.hex() for name, value in zip(operation.answer, values, strict=True)}

    def _info(self) -> dict[str, object]:
        report = self._report
        return {"version": report.version, "backend": report.backend, "cpu_path": report.cpu_path, "ops": list(OP_NAMES)}


def _request(line: bytes | None) -> dict[str, object]:
    if line is None:
        _bad(f"the line is longer than {strictjson.MAX_LINE} octets")
    try:
        request = strictjson.parse(line)
    except StrictJSONError as error:
        _bad(f"the line is refused: {error}")
    if not isinstance(request, dict):
        _bad("the line is not a JSON object")
    return request
