"""The errors of kam3, and the rules behind them.

Every backend reports a broken rule by its `Rule` and the name of the argument that broke it; `fault` turns the pair into the exception.
The native core has one C error code for each member of `Rule` (``enum kam3_error`` in ``csrc/kam3.h``), so that all backends answer the
same input with the same exception. No message contains a value, only names, rules and public lengths.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class Kam3Error(Exception):
    """Base of every error that kam3 raises on purpose.

    `code` is the stable name that ``kam3 eval`` prints; `argument` names the argument at fault, or is None where no single argument is.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args[0], self.argument)


class InvalidElementError(Kam3Error, ValueError):
    """A group element (J, K_c1, K_s1, z) or hash value of wrong length, out of range, or no point of the curve."""

    code = "invalid-element"


class InvalidSecretError(Kam3Error, ValueError):
    """A secret (pi, S_c1, S_s1) of wrong length, or out of the range RFC 8121 sections 3.2 and 3.3 give it."""

    code = "invalid-secret"


class DegenerateError(Kam3Error):
    """A computed value that the exchange must not use: an identity, K_s1 or z that is 1 or q-1, a denominator that is 0."""

    code = "degenerate"


class UnknownAlgorithmError(Kam3Error, LookupError):
    """A token that names none of the four algorithms of RFC 8121 section 3."""

    code = "unknown-algorithm"


class WireError(Kam3Error, ValueError):
    """Text that is not the canonical form of a value on the wire (RFC 8120 section 3.2.3)."""

    code = "invalid-wire"


class VerificationError(Kam3Error):
    """The peer's VK_c or VK_s is not the expected one: it does not know the password, or J, or is not who we talk to."""

    code = "verification-failed"


class ExchangeStateError(Kam3Error):
    """A step of an exchange out of order, a second time, after `close()`, or in a forked child process."""

    code = "exchange-state"


class BackendUnavailableError(Kam3Error):
    """No backend, or not the one asked for, can run here."""

    code = "unavailable"


class MissingExtraError(Kam3Error, ImportError):
    """An optional package that this call needs is not installed; the message names the extra."""

    code = "unavailable"


class ProtocolError(Kam3Error):
    """The rules of RFC 8120 were broken; which side broke them is what the two subclasses tell.

    `code` is ours and always there; `reason` is the token that a server puts into its 401-INIT or 401-STALE for it, or None.
    """

    code = "protocol"

    def __init__(self, message: str, *, code: str = "protocol", reason: str | None = None, argument: str | None = None) -> None:
        super().__init__(message, argument=argument)
        self.code = code  # type: ignore[misc]  # a class constant everywhere else; here each fault has its own
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_protocol, (type(self), self.args[0], self.code, self.reason, self.argument)


class LocalProtocolError(ProtocolError):
    """This program broke the order or the grammar of RFC 8120: a mistake of the caller or of the configuration."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the order or the grammar of RFC 8120; nothing that it sent with it may be used."""


class RetryableProtocolError(RemoteProtocolError):
    """A sequence of requests had to be given up, and a fresh one may succeed; nothing that the peer sent with it may be used.

    `code` is ``stale-again`` (the server lost the session that had just been made), ``body-sent`` (the request would have to be sent again,
    and its body can be sent once only), or ``certificate-changed``.
    """

    @property
    def may_have_run(self) -> bool:
        """Whether the application may have carried out the request; if so, only one that may be carried out twice can be tried again."""
        return self.code == "certificate-changed"


class UnprovedResponseError(Kam3Error):
    """A final response without the server's proof, withheld because `require` is on; adapters derive from their library's error, too."""

    code = "unproved-response"


class StoreUnavailableError(Kam3Error):
    """The session table or the credential store cannot answer now; requests that need it are refused, never let through."""

    code = "store-unavailable"


class SealError(Kam3Error, ValueError):
    """A sealed blob that does not open: another key or context, cut short, changed, or of another version. Which of them is not told."""

    code = "invalid-seal"


class KeyFileError(Kam3Error):
    """A file of server keys that cannot be used: others may read it, or its text is not what it must be."""

    code = "key-file"


class OverloadedError(Kam3Error):
    """Too many key exchanges wait; `retry_after` is in seconds."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int = 1, argument: str | None = None) -> None:
        super().__init__(message, argument=argument)
        self.retry_after = retry_after


def _rebuild(kind: type[Kam3Error], message: str, argument: str | None) -> Kam3Error:
    return kind(message, argument=argument)


def _rebuild_protocol(kind: type[ProtocolError], message: str, code: str, reason: str | None, argument: str | None) -> ProtocolError:
    return kind(message, code=code, reason=reason, argument=argument)


class Rule(enum.IntEnum):
    """One member for each rule on values; the numbers are those of ``enum kam3_error`` in ``csrc/kam3.h``."""

    ELEMENT_LENGTH = 16
    ELEMENT_RANGE = 17
    ELEMENT_POINT = 18
    ELEMENT_SQUARE = 19
    SECRET_LENGTH = 32
    SECRET_RANGE = 33
    DEGENERATE_J = 48
    DEGENERATE_KS1 = 49
    DEGENERATE_Z = 50
    DEGENERATE_DENOMINATOR = 51


_RULES: dict[Rule, tuple[type[Kam3Error], str]] = {
    Rule.ELEMENT_LENGTH: (InvalidElementError, "{argument} must be exactly {expected} octets long, not {actual}"),
    Rule.ELEMENT_RANGE: (InvalidElementError, "{argument} must satisfy 1 < {argument} < q-1"),
    Rule.ELEMENT_POINT: (InvalidElementError, "{argument} does not represent a point of the curve"),
    Rule.ELEMENT_SQUARE: (InvalidElementError, "{argument} is not in the subgroup generated by g (not a square mod q)"),
    Rule.SECRET_LENGTH: (InvalidSecretError, "{argument} must be exactly {expected} octets long, not {actual}"),
    Rule.SECRET_RANGE: (InvalidSecretError, "{argument} is outside its range (least value to r-1)"),
    Rule.DEGENERATE_J: (DegenerateError, "J(pi) is the identity (pi = 0 mod r): choose another password"),
    Rule.DEGENERATE_KS1: (DegenerateError, "the computed K_s1 is the identity, 1 or q-1: the exchange must be rejected"),
    Rule.DEGENERATE_Z: (DegenerateError, "the computed z is the identity, 1 or q-1: the exchange must be rejected"),
    Rule.DEGENERATE_DENOMINATOR: (DegenerateError, "S_c1 * t_1 + pi is 0 mod r: the exchange must be rejected"),
}


def fault(rule: Rule, argument: str | None = None, *, expected: int = 0, actual: int = 0) -> Kam3Error:
    """Build the exception for a broken rule.

    Args:
        rule: the rule that was broken.
        argument: the RFC-style name of the argument that broke it (``kc1``, ``s_s1``, ...); None for a computed value.
        expected: the natural length in octets, for the two length rules.
        actual: the length in octets that was given, for the two length rules.

    Returns:
        The exception, to be raised by the caller.
    """
    kind, text = _RULES[rule]
    return kind(text.format(argument=argument, expected=expected, actual=actual), argument=argument)
