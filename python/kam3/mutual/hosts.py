"""The one spelling of a host: hosts are compared as octets everywhere (RFC 8120 sections 5 and 7).

It is ASCII in lower case: names by their LDH labels, internationalized ones as A-labels, without a dot at the end; IPv4 addresses as four
decimal numbers; IPv6 addresses in brackets as RFC 5952 writes them, but never with a dotted tail.
"""

from __future__ import annotations

import ipaddress
import re

from kam3.errors import MissingExtraError

_MAX_NAME = 253  # RFC 1035 section 2.3.4, without the dot at the end
# RFC 5890: letters, digits, hyphen, no hyphen at either end; with the underscore that hosts in private networks have in their names.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that resolvers read as part of an address: 127.1, 0x7f.1, 2130706433


def normal_host(host: str) -> str:
    """Return a host, as a URL may write it, in its one spelling.

    Args:
        host: a name, an IPv4 address, or an IPv6 address in brackets.

    Returns:
        The host; names beyond ASCII by IDNA 2008 after the mapping of UTS 46 (non-transitional), as browsers have it.

    Raises:
        ValueError: none of them; the message names the rule.
        MissingExtraError: a name beyond ASCII, and the extra ``[http]`` is not installed.
    """
    if host.startswith("["):
        return _ipv6(host)
    if not host.isascii():
        host = _a_labels(host)
    return _checked(host.lower())


def is_address(host: str) -> bool:
    """Say whether a host in its one spelling is an IP address: those have no subdomains."""
    return host.startswith("[") or host.rpartition(".")[2].isdigit()


def _a_labels(host: str) -> str:
    if len(host) > _MAX_NAME:  # before, since the mapping may take more than linear time
        raise ValueError(f"a host name must not be longer than {_MAX_NAME} octets")
    try:
        import idna
    except ImportError as error:
        raise MissingExtraError("a host name beyond ASCII needs idna: pip install 'kam3[http]'") from error
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"a host name breaks IDNA: {error}") from error


def _ipv6(host: str) -> str:
    if not host.endswith("]") or "%" in host:
        raise ValueError("an IPv6 address must be in brackets and have no zone")
    try:
        packed = ipaddress.IPv6Address(host[1:-1]).packed
    except ValueError:
        raise ValueError("what is in brackets must be an IPv6 address") from None
    groups = [f"{int.from_bytes(packed[i : i + 2], 'big'):x}" for i in range(0, 16, 2)]
    # `str` of an address writes the tail of some in dots, in some versions of Python only. The first of the longest runs of zeros goes.
    length, start = max((next((n for n, group in enumerate(groups[i:]) if group != "0"), 8 - i), -i) for i in range(8))
    if length < 2:
        return f"[{':'.join(groups)}]"
    return f"[{':'.join(groups[:-start])}::{':'.join(groups[length - start :])}]"


def _checked(name: str) -> str:
    if not name:
        raise ValueError("a host must not be empty")
    if len(name) > _MAX_NAME:
        raise ValueError(f"a host name must not be longer than {_MAX_NAME} octets")
    if name.endswith("."):
        raise ValueError("a host name must not end in a dot")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("a host name must consist of LDH labels: letters, digits, hyphens within, at most 63 octets each")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise ValueError("an IPv4 address must be written as four decimal numbers") from None
    return name
