"""Files of server keys: what sessions are sealed under beyond this process, and J at rest.

A file holds keys of 32 octets, one a line in hexadecimal, the newest first: new seals take the first, old ones open under any. Blank lines
and lines that begin with ``#`` are passed over. Only its owner may have access to it. To replace a key, `make` a new one and let all
workers read the file again; delete the old line when nothing lives any more that was sealed under it (for sessions: after their lifetime).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from kam3.errors import KeyFileError
from kam3.sealing import KEY_OCTETS

#: The environment variable that names the file where no argument does.
VARIABLE = "KAM3_KEY_FILE"

_LIMIT = 65536  # octets: some 1000 keys
_LINE = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_OCTETS}}}", re.ASCII)


def configured(path: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key file to use: the one that is given, else the one that KAM3_KEY_FILE names, else None."""
    return path or environment.get(VARIABLE) or None


def read(path: str | os.PathLike[str]) -> tuple[bytes, ...]:
    """Read a key file.

    Args:
        path: the file, owned by this user or by root, with no access for group and others (on Windows its rights are not looked at).

    Returns:
        The keys, the newest first; at least one.

    Secret: the result.

    Raises:
        KeyFileError: others may have access to the file, or its text is not what it must be; the message tells what and in which line.
        OSError: it cannot be read.
    """
    return _parse(path, _text(path))


def make(path: str | os.PathLike[str]) -> int:
    """Put a fresh key before those of a file, or make the file; atomically, with mode 0600.

    Args:
        path: the file. What it holds besides stays as it is.

    Returns:
        How many keys it holds now.

    Raises:
        KeyFileError: as `read`; or another process is at it, or was stopped amid its work.
        OSError: it cannot be written, or the operating system gives no random octets.
    """
    target = Path(os.path.realpath(path))  # of a link, the file that it leads to is replaced
    before = _text(target) if target.exists() else ""
    number = len(_parse(target, before)) if before else 0
    draft = target.with_name(f".{target.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{draft} exists: another process makes a key now, or was stopped when it did; then delete it") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{os.urandom(KEY_OCTETS).hex()}\n{before}")
            file.flush()
            os.fsync(descriptor)
        if (_text(target) if target.exists() else "") != before:
            raise KeyFileError(f"{target} was changed meanwhile; nothing was written")
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(target.parent)
    return number + 1


def _text(path: str | os.PathLike[str]) -> str:
    with Path(path).open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{os.fspath(path)} is not a regular file")
        if os.name != "nt" and status.st_mode & 0o077:
            raise KeyFileError(f"{os.fspath(path)} is open to others: chmod 600 it, and replace its keys if others may have read it")
        if hasattr(os, "geteuid") and status.st_uid not in (0, os.geteuid()):
            raise KeyFileError(f"{os.fspath(path)} belongs to another user")
        octets = file.read(_LIMIT + 1)
    if len(octets) > _LIMIT:
        raise KeyFileError(f"{os.fspath(path)} is longer than {_LIMIT} octets")
    try:
        return octets.decode("ascii")
    except UnicodeDecodeError:
        pass  # raised below, outside this block: the codec's error holds the octets
    raise KeyFileError(f"{os.fspath(path)} must be ASCII text")


def _parse(path: str | os.PathLike[str], text: str) -> tuple[bytes, ...]:
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        if not _LINE.fullmatch(content):
            raise KeyFileError(f"{os.fspath(path)}: line {number} is not a key of {2 * KEY_OCTETS} hexadecimal digits")
        keys.append(bytes.fromhex(content))
    if not keys:
        raise KeyFileError(f"{os.fspath(path)} holds no key; 'kam3 key new' makes one")
    return tuple(keys)


def _sync(directory: Path) -> None:
    """Make a renaming last, where directories can be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
