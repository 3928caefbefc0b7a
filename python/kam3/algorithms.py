"""The four algorithms of RFC 8121 as objects: `Algorithm`, its singletons, and the way from a token to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, final

from kam3 import arguments, backends, many, sets, wire
from kam3.errors import UnknownAlgorithmError
from kam3.runs import Runs

if TYPE_CHECKING:
    from kam3.backends.base import Backend
    from kam3.many import Progress
    from kam3.memory import Octets
    from kam3.pi import Pi
    from kam3.prepared import PreparedJ
    from kam3.sets import HashName, ParameterSet, WireType

WireKind: TypeAlias = Literal["element", "hash"]

#: How many items a worker of the ``_many`` methods takes at once: as many as the lanes that the native core may have, for a hash or a
#: curve; where there are none, several, to share the cost of a hand-over.
_RUN_PI, _RUN_GROUP = {"sha256": 4, "sha512": 8}, 8


@final
class Algorithm(Runs):
    """One algorithm of RFC 8121 section 3: its sizes, and its functions on the active backend.

    There is one object for each of the four (`kam3.ALGORITHMS`), and views of them bound to one backend (`on`). All are immutable; they
    compare, hash and pickle by token and bound backend, and copies are the object itself.
    """

    __slots__ = ("_bound", "_name")

    _bound: Backend | None
    _name: str

    def __init__(self) -> None:
        raise TypeError("an Algorithm is had from kam3.algorithm(token) or kam3.ALGORITHMS")

    @classmethod
    def _of(cls, name: str, parameters: ParameterSet, bound: Backend | None = None) -> Algorithm:
        self = cls.__new__(cls)
        for slot, value in (("_name", name), ("_parameters", parameters), ("_bound", bound)):
            object.__setattr__(self, slot, value)
        return self

    @property
    def token(self) -> str:
        """The token of RFC 8121 section 3, in lower case."""
        return self._parameters.token

    @property
    def parameters(self) -> ParameterSet:
        """The row of RFC 8121 appendix B as a record."""
        return self._parameters

    @property
    def hash_name(self) -> HashName:
        """The hash function H, by its name in `hashlib`."""
        return self._parameters.hash_name

    @property
    def hash_octets(self) -> int:
        """The length of pi, VK_c, VK_s, b_1 and b_2 in octets."""
        return self._parameters.hash_octets

    @property
    def element_octets(self) -> int:
        """The length of J, K_c1, K_s1 and z in octets."""
        return self._parameters.element_octets

    @property
    def scalar_octets(self) -> int:
        """The length of S_c1 and S_s1 in octets."""
        return self._parameters.scalar_octets

    @property
    def iterations(self) -> int:
        """The number of iterations in pi, nIterPi."""
        return self._parameters.iterations

    @property
    def wire_type(self) -> WireType:
        """The type of kc1, ks1, vkc and vks on the wire (RFC 8120 section 3.2.3)."""
        return self._parameters.wire_type

    def on(self, backend: str) -> Algorithm:
        """Return a view of this algorithm that computes on one backend, whichever is active.

        Args:
            backend: a name of `kam3.backends.NAMES`.

        Raises:
            TypeError: not a str.
            BackendUnavailableError: there is none of this name, or it cannot run here.
        """
        if not isinstance(backend, str):
            raise TypeError(f"backend must be a str, not {type(backend).__name__}")
        return self._of(self._name, self._parameters, backends.get(backend))

    def to_wire(self, octets: Octets, kind: WireKind) -> str:
        """Write a value as the text of a parameter on the wire, without quotes (RFC 8120 section 3.2.3).

        Args:
            octets: the value, in its natural length; its range is not checked.
            kind: ``element`` for kc1 and ks1, ``hash`` for vkc and vks.

        Returns:
            Canonical base64 (DL), or hexadecimal digits in lower case (EC).

        Raises:
            TypeError: `octets` is no octets.
            ValueError: `kind` is neither.
            InvalidElementError: `octets` has a wrong length.

        Timing: linear in the length; the value is public.
        """
        length = self._length(kind)
        return wire.serialize(arguments.public("octets", octets), length, self._parameters.wire_type)

    def from_wire(self, text: str, kind: WireKind) -> bytes:
        """Read the text of a parameter on the wire, its quotes removed (RFC 8120 section 3.2.3).

        Args:
            text: base64 in its canonical form (DL), or hexadecimal digits in either case (EC).
            kind: ``element`` for kc1 and ks1, ``hash`` for vkc and vks.

        Returns:
            The value in its natural length; its range is not checked.

        Raises:
            TypeError: `text` is no str.
            ValueError: `kind` is neither.
            WireError: any fault of the text.

        Timing: linear in the length; the value is public.
        """
        length = self._length(kind)
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, not {type(text).__name__}")
        return wire.parse(text, length, self._parameters.wire_type)

    def pi_many(
        self,
        items: Iterable[tuple[Octets | str, Octets | str, Octets | str, Octets | str]],
        *,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[bytes | Exception]:
        """Compute `pi` of many ``(password, auth_scope, realm, user)``, over all cores.

        Args:
            items: argument tuples in the order of the single function's signature; may be endless, and is read a few items ahead.
            threads: how many workers; None for one a core.
            progress: called as ``progress(done, total)`` in the caller's thread before each result; total is None if `items` has no length.

        Returns:
            An iterator of results in the order of `items`. Work starts at its first ``next``, on the backend active then, in bounded
            memory; closing it cancels. An item that is no such tuple, or that the single function refuses, has its exception in its
            place.

        Raises:
            TypeError: `items` cannot be iterated, `threads` is no int, or `progress` not callable.
            ValueError: `threads` is below 1.
            BackendUnavailableError: from the first ``next``: no backend can run here.

        Secret and Timing: as the single function.
        """
        return self._many(lambda alg: alg._pi_run, 4, _RUN_PI[self.hash_name], items, threads, progress)

    def j_many(
        self, items: Iterable[tuple[Octets | Pi]], *, threads: int | None = None, progress: Progress | None = None
    ) -> Iterator[bytes | Exception]:
        """Compute `j` of many ``(pi,)``; everything else as `pi_many`."""
        return self._many(lambda alg: many.one_by_one(alg.j), 1, _RUN_GROUP, items, threads, progress)

    def kc1_many(
        self, items: Iterable[tuple[Octets]], *, threads: int | None = None, progress: Progress | None = None
    ) -> Iterator[bytes | Exception]:
        """Compute `kc1` of many ``(s_c1,)``; everything else as `pi_many`."""
        return self._many(lambda alg: many.one_by_one(alg.kc1), 1, _RUN_GROUP, items, threads, progress)

    def respond_many(
        self, items: Iterable[tuple[Octets | PreparedJ, Octets, Octets]], *, threads: int | None = None, progress: Progress | None = None
    ) -> Iterator[tuple[bytes, bytes] | Exception]:
        """Compute `respond` of many ``(j, kc1, s_s1)``; everything else as `pi_many`."""
        return self._many(lambda alg: alg._respond_run, 3, _RUN_GROUP, items, threads, progress)

    def z_client_many(
        self, items: Iterable[tuple[Octets | Pi, Octets, Octets, Octets]], *, threads: int | None = None, progress: Progress | None = None
    ) -> Iterator[bytes | Exception]:
        """Compute `z_client` of many ``(pi, s_c1, kc1, ks1)``; everything else as `pi_many`."""
        return self._many(lambda alg: alg._z_client_run, 4, _RUN_GROUP, items, threads, progress)

    def _many(
        self,
        choose: Callable[[Algorithm], many.Runner[many.T]],
        arity: int,
        run: int,
        items: Iterable[object],
        threads: int | None,
        progress: Progress | None,
    ) -> Iterator[many.T | Exception]:
        def start() -> many.Runner[many.T]:
            return choose(self._of(self._name, self._parameters, self._backend()))

        return many.ordered(start, arity, run, items, threads, progress)

    def _backend(self) -> Backend:
        """Return the bound backend, or the active one."""
        return self._bound or backends.get()

    def _length(self, kind: str) -> int:
        if kind == "element":
            return self._parameters.element_octets
        if kind == "hash":
            return self._parameters.hash_octets
        raise ValueError('kind must be "element" or "hash"')

    def _key(self) -> tuple[str, str | None]:
        return self.token, None if self._bound is None else self._bound.name

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Algorithm) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"kam3.{self._name}" if self._bound is None else f"kam3.{self._name}.on({self._bound.name!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an Algorithm is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("an Algorithm is immutable")

    def __copy__(self) -> Algorithm:
        return self

    def __deepcopy__(self, memo: object) -> Algorithm:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, self._key()


def _restore(token: str, backend: str | None) -> Algorithm:
    found = algorithm(token)
    return found if backend is None else found.on(backend)


DL_2048 = Algorithm._of("DL_2048", sets.DL_2048)
DL_4096 = Algorithm._of("DL_4096", sets.DL_4096)
EC_P256 = Algorithm._of("EC_P256", sets.EC_P256)
EC_P521 = Algorithm._of("EC_P521", sets.EC_P521)

#: In the order of RFC 8121 section 3.
ALGORITHMS = (DL_2048, DL_4096, EC_P256, EC_P521)

_BY_TOKEN = {known.token: known for known in ALGORITHMS}


def algorithm(token: str) -> Algorithm:
    """Return the algorithm of a token.

    Args:
        token: a token of RFC 8121 section 3, in any case (RFC 8120 section 3.2.1).

    Raises:
        TypeError: not a str.
        UnknownAlgorithmError: none of the four.
    """
    if not isinstance(token, str):
        raise TypeError(f"token must be a str, not {type(token).__name__}")
    found = _BY_TOKEN.get(token)
    if found is None and token.isascii():  # lower() maps the Kelvin sign to k
        found = _BY_TOKEN.get(token.lower())
    if found is None:
        raise UnknownAlgorithmError("token names none of the four algorithms of RFC 8121", argument="token")
    return found
