"""The edge of the package: what a Python value must be before a backend sees it.

Types are judged here and nothing else; lengths and ranges are the backends' work. A message names the argument and the rule, never the
value.

Public octets are copied, so that no other thread can change them between a check and a use. Secret octets are not copied, for a copy in a
`bytes` could not be wiped: they are viewed, and the caller must leave a mutable object alone until the call returns.
"""

from __future__ import annotations

from collections.abc import Sequence

from kam3.backends.base import Buffer

#: A server may have several certificates at once: while one replaces another, or behind several listeners (RFC 8120 section 7).
MAX_HOST_VALUES = 4


def _view(argument: str, value: object) -> memoryview | None:
    """View the octets of an object, or return None if it has none."""
    try:
        return memoryview(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        pass
    view = getattr(value, "view", None)
    if not callable(view) or not callable(getattr(value, "wipe", None)):
        return None
    seen = view()
    if not isinstance(seen, memoryview):
        raise TypeError(f"{argument} has a view() that gives no memoryview")
    return seen


def secret(argument: str, value: object) -> Buffer:
    """View octets that may be secret, without a copy.

    Args:
        argument: the name for the error.
        value: a bytes-like object (one that exports a C-contiguous buffer, of any item format: its memory counts), or a `SecretMemory`.

    Raises:
        TypeError: it is something else; a strided view, too, which could only be used by way of a copy that nobody wipes.
    """
    if type(value) is bytes:
        return value
    view = _view(argument, value)
    if view is None:
        raise TypeError(f"{argument} must be a bytes-like object, not {type(value).__name__}")
    if not view.c_contiguous:
        raise TypeError(f"{argument} must be a contiguous buffer")
    return view.cast("B") if view.nbytes else b""


def public(argument: str, value: object) -> bytes:
    """Copy public octets; `value` is what `secret` takes, and the errors are the same."""
    return value if type(value) is bytes else bytes(secret(argument, value))


def text(argument: str, value: object) -> Buffer:
    """Return octets as `secret` does, and a `str` as UTF-8 without preparation (RFC 8120 section 9, "binary-based interfaces").

    Raises:
        TypeError: neither a str nor a bytes-like object.
        ValueError: a str with a lone surrogate, which UTF-8 cannot express.
    """
    if not isinstance(value, str):
        if _view(argument, value) is None:
            raise TypeError(f"{argument} must be a str or a bytes-like object, not {type(value).__name__}")
        return secret(argument, value)
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        pass  # raised below, outside this block: the codec's error holds the text and would travel along as the context
    raise ValueError(f"{argument} holds a lone surrogate, which UTF-8 cannot express")


def natural(argument: str, value: object) -> int:
    """Return a natural number, the nonce number nc (RFC 8120 section 6).

    Raises:
        TypeError: not an int; a bool is none.
        ValueError: negative.
    """
    if type(value) is int and value >= 0:
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{argument} must be an int, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{argument} must not be negative")
    return int(value)


def host_values(value: object) -> tuple[bytes, ...]:
    """Return the values of vh that a server accepts: one bytes-like object, or a sequence of 1 to 4 of them.

    Raises:
        TypeError: neither, or a member of the sequence is not bytes-like.
        ValueError: a sequence of none, or of more than 4.
    """
    if type(value) is tuple and len(value) == 1 and type(value[0]) is bytes:
        return value  # what a server gives for every request; the checks below cost more than half a proof
    if isinstance(value, Sequence) and not isinstance(value, str) and _view("vh", value) is None:
        if not 1 <= len(value) <= MAX_HOST_VALUES:
            raise ValueError(f"vh must be one value or a sequence of 1 to {MAX_HOST_VALUES}, not of {len(value)}")
        return tuple(public("vh", member) for member in value)
    return (public("vh", value),)
