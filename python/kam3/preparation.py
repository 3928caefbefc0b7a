"""Preparation of what people type (RFC 8120 section 9): the PRECIS profiles of RFC 8265, formerly RFC 7613.

Both profiles leave printable ASCII as it is (the space apart, which user names must not have); all other text needs the extra ``[http]``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from kam3.errors import MissingExtraError


@functools.cache
def _enforcer(profile: str) -> Callable[[str], str]:
    try:
        import precis_i18n
    except ImportError as error:
        raise MissingExtraError("preparing text beyond printable ASCII needs precis-i18n: pip install 'kam3[http]'") from error
    enforce: Callable[[str], str] = precis_i18n.get_profile(profile).enforce
    return enforce


def _prepare(argument: str, profile: str, space: bool, text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{argument} must be a str, not {type(text).__name__}")
    if text and text.isascii() and text.isprintable() and (space or " " not in text):
        return text
    enforce = _enforcer(profile)
    try:
        return enforce(text)
    except UnicodeEncodeError as error:
        rule = error.reason
    # Outside the block: the profile's error holds the text, and as the context of this one it would reach logs.
    raise ValueError(f"{argument} is refused by the profile {profile}: {rule}")


def prepare_user(text: str) -> str:
    """Prepare a user name as a person typed it: the profile UsernameCasePreserved.

    Args:
        text: the name.

    Returns:
        The name to derive pi from and to send.

    Raises:
        TypeError: not a str.
        ValueError: the profile refuses the name; the message names the rule and not the name.
        MissingExtraError: it is not all printable ASCII without spaces, and the extra ``[http]`` is not installed.

    Timing: depends on the text. RFC 8120 section 9; RFC 8265 section 3.4.
    """
    return _prepare("user", "UsernameCasePreserved", False, text)


def prepare_password(text: str) -> str:
    """Prepare a password as a person typed it: the profile OpaqueString.

    Args:
        text: the password.

    Returns:
        The password to derive pi from.

    Secret: the text; neither it nor the result can be wiped by Python.

    Raises:
        TypeError: not a str.
        ValueError: the profile refuses the password; the message names the rule and not the password.
        MissingExtraError: not all of it is printable ASCII, and the extra ``[http]`` is not installed.

    Timing: depends on the text. RFC 8120 section 9; RFC 8265 section 4.2.
    """
    return _prepare("password", "OpaqueString", True, text)
