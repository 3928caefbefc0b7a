"""Which implementation computes: the choice, its policy, and what to say about it.

``native``, the constant-time C core, is the default. Where it could not be built, ``gmpy2`` serves, and a warning says what it does not
promise. ``reference`` protects nothing and is taken by name alone. The environment is read at the first operation, not at import:
``KAM3_BACKEND`` names the backend, ``KAM3_CPU`` the code path of the native one.
"""

from __future__ import annotations

import os
import threading
import warnings
from typing import NamedTuple

from kam3.backends.base import Backend
from kam3.errors import BackendUnavailableError

#: All backends, best first.
NAMES = ("native", "gmpy2", "reference")


class Kam3Warning(RuntimeWarning):
    """kam3 works, but does not protect as it should."""


class Report(NamedTuple):
    """What is known about a backend here: its name, its promise, its code path, and how it was built."""

    backend: str
    constant_time: bool
    cpu_path: str
    cpu_features: tuple[str, ...]
    build: str
    version: str


_lock = threading.RLock()
_instances: dict[str, Backend] = {}
_active: Backend | None = None


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()  # a thread that the child does not have may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _make(name: str) -> Backend:
    if name == "native":
        from kam3.backends.native import NativeBackend

        path = os.environ.get("KAM3_CPU") or None
        try:
            return NativeBackend(path)
        except (BackendUnavailableError, UnicodeEncodeError) as error:  # the latter: octets in the environment that are no UTF-8
            raise BackendUnavailableError(f"KAM3_CPU={path!a}: {error}", argument="KAM3_CPU") from error
    if name == "gmpy2":
        from kam3.backends.gmp import GmpBackend

        return GmpBackend()
    from kam3.backends.reference import ReferenceBackend

    return ReferenceBackend()


def _missing(name: str, error: ImportError) -> str:
    if name == "native":
        return f"the compiled core of kam3 cannot be loaded ({error})"
    return f"{name} is not installed ({error}): pip install 'kam3[{name}]'"


def get(name: str | None = None) -> Backend:
    """Return a backend itself, made at its first use.

    Args:
        name: one of `NAMES`, or None for the active one.

    Raises:
        TypeError: `name` is no str.
        BackendUnavailableError: there is none of this name, it cannot run here, or (native) ``KAM3_CPU`` names a code path it has not.
    """
    if name is None:
        return _active or _choose()
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if name not in NAMES:
        raise BackendUnavailableError(f"there is no backend {name!a}; there are {', '.join(NAMES)}", argument="name")
    with _lock:
        if name not in _instances:
            try:
                _instances[name] = _make(name)
            except ImportError as error:
                raise BackendUnavailableError(_missing(name, error), argument="name") from error
        return _instances[name]


def _choose() -> Backend:
    """Make the choice of this process: ``KAM3_BACKEND``, else native, else gmpy2 with a warning."""
    global _active
    with _lock:
        if _active is None:
            asked = os.environ.get("KAM3_BACKEND")
            if not asked:
                _active = _default()
            else:
                try:
                    _active = get(asked)
                except BackendUnavailableError as error:
                    raise BackendUnavailableError(f"KAM3_BACKEND={asked!a}: {error}", argument="KAM3_BACKEND") from error
        return _active


def _default() -> Backend:
    try:
        return get("native")
    except BackendUnavailableError as error:
        if not isinstance(error.__cause__, ImportError):
            raise  # it is here and refuses KAM3_CPU: no reason to compute with less protection
        reason = str(error)
    try:
        fallback = get("gmpy2")
    except BackendUnavailableError as error:
        raise BackendUnavailableError(
            f"no backend can run here: {reason}, and gmpy2 is not installed: pip install 'kam3[gmpy2]'"
        ) from error
    warnings.warn(
        f"{reason}: gmpy2 serves in its place. Its curve arithmetic is not constant time, and copies of secrets stay in memory.",
        Kam3Warning,
        stacklevel=2,
    )
    return fallback


def available() -> tuple[str, ...]:
    """Return the names of the backends that can run here, best first."""
    found = []
    for name in NAMES:
        try:
            get(name)
        except BackendUnavailableError:
            continue
        found.append(name)
    return tuple(found)


def active() -> str:
    """Return the name of the backend that operations take, choosing it if that has not happened yet.

    Raises:
        BackendUnavailableError: neither the compiled core nor gmpy2 is here, or the environment names what is not.

    Warns:
        Kam3Warning: once a process, when gmpy2 serves because the compiled core is missing.
    """
    return get().name


def use(name: str) -> None:
    """Take this backend for the whole process from now on; exchanges and sessions keep the one that was active when they were made.

    Args:
        name: one of `NAMES`.

    Raises:
        TypeError: `name` is no str.
        BackendUnavailableError: there is none of this name, or it cannot run here.
    """
    global _active
    if name is None:
        raise TypeError("name must be a str, not NoneType")
    chosen = get(name)
    with _lock:
        _active = chosen


def report(name: str | None = None) -> Report:
    """Tell what is known about a backend.

    Args:
        name: one of `NAMES`, or None for the active one.

    Returns:
        The record that ``kam3 info`` prints.

    Raises:
        BackendUnavailableError: it cannot run here.
    """
    from kam3 import __version__  # of the package this module belongs to: loaded long since

    backend = get(name)
    return Report(backend.name, backend.constant_time, backend.cpu_path(), backend.cpu_features(), backend.build(), __version__)
