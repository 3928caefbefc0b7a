"""Runs of `kam3.many` in one call of the backend, which may compute them side by side.

Types are judged item by item. What is refused, here or by the backend, has its exception in its place, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kam3 import arguments
from kam3.many import bare
from kam3.pi import Pi
from kam3.prepared import PreparedJ
from kam3.primitives import Primitives

if TYPE_CHECKING:
    import threading

    from kam3.backends.base import Buffer
    from kam3.memory import SecretMemory

T = TypeVar("T")
A = TypeVar("A")


class Runs(Primitives):
    """The runners of the ``_many`` methods (`kam3.many.Runner`); a run is too short to be worth cancelling."""

    __slots__ = ()

    def _pi_run(self, items: Sequence[tuple[Any, ...]], _cancelled: threading.Event) -> list[bytes | Exception]:
        """Answer a run of `pi_many`."""
        backend, ps = self._backend(), self._parameters

        def compute(good: list[tuple[Buffer, Buffer, Buffer, Buffer]], outs: list[SecretMemory]) -> list[bytes | Exception]:
            backend.pi_many(ps, good, [out.view() for out in outs])
            return [bytes(out.view()) for out in outs]

        return self._side_by_side(items, lambda item: self._pi_arguments(*item), ps.hash_octets, compute)

    def _respond_run(self, items: Sequence[tuple[Any, ...]], _cancelled: threading.Event) -> list[tuple[bytes, bytes] | Exception]:
        """Answer a run of `respond_many`; by its table, and so alone, what is prepared."""
        backend, ps = self._backend(), self._parameters

        def judge(item: tuple[Any, ...]) -> tuple[Buffer, Buffer, Buffer]:
            j, kc1, s_s1 = item
            own_kc1, own_s = arguments.public("kc1", kc1), arguments.secret("s_s1", s_s1)
            return arguments.secret("j", j), own_kc1, own_s

        def compute(good: list[tuple[Buffer, Buffer, Buffer]], outs: list[SecretMemory]) -> list[tuple[bytes, bytes] | Exception]:
            answers = backend.respond_many(ps, good, [out.view() for out in outs])
            return [ks1 if isinstance(ks1, Exception) else (ks1, bytes(z.view())) for ks1, z in zip(answers, outs, strict=True)]

        plain = [item for item in items if not isinstance(item[0], PreparedJ)]
        answers = iter(self._side_by_side(plain, judge, ps.element_octets, compute))
        return [self._by_table(*item) if isinstance(item[0], PreparedJ) else next(answers) for item in items]

    def _by_table(self, j: PreparedJ, kc1: Any, s_s1: Any) -> tuple[bytes, bytes] | Exception:
        try:
            return self.respond(j, kc1, s_s1)
        except Exception as error:
            return bare(error)

    def _z_client_run(self, items: Sequence[tuple[Any, ...]], _cancelled: threading.Event) -> list[bytes | Exception]:
        """Answer a run of `z_client_many`."""
        backend, ps = self._backend(), self._parameters
        copies: list[SecretMemory] = []

        def judge(item: tuple[Any, ...]) -> tuple[Buffer, Buffer, Buffer, Buffer]:
            pi, s_c1, kc1, ks1 = item
            own_s, own_kc1, own_ks1 = arguments.secret("s_c1", s_c1), arguments.public("kc1", kc1), arguments.public("ks1", ks1)
            if not isinstance(pi, Pi):
                return arguments.secret("pi", pi), own_s, own_kc1, own_ks1
            copies.append(backend.allocate(ps.hash_octets))
            pi._copy_into(ps, copies[-1].view())
            return copies[-1].view(), own_s, own_kc1, own_ks1

        def compute(good: list[tuple[Buffer, Buffer, Buffer, Buffer]], outs: list[SecretMemory]) -> list[bytes | Exception]:
            faults = backend.z_client_many(ps, good, [out.view() for out in outs])
            return [bytes(out.view()) if fault is None else fault for fault, out in zip(faults, outs, strict=True)]

        try:
            return self._side_by_side(items, judge, ps.element_octets, compute)
        finally:
            for copy in copies:
                copy.wipe()

    def _side_by_side(
        self,
        items: Sequence[tuple[Any, ...]],
        judge: Callable[[tuple[Any, ...]], A],
        octets: int,
        compute: Callable[[list[A], list[SecretMemory]], list[T | Exception]],
    ) -> list[T | Exception]:
        """Compute those items that pass the judgement, each with memory of so many octets for its secret result, wiped afterwards."""
        refused: dict[int, Exception] = {}
        good: list[A] = []
        for number, item in enumerate(items):
            try:
                good.append(judge(item))
            except Exception as error:
                refused[number] = bare(error)
        backend = self._backend()
        outs: list[SecretMemory] = []
        answers: list[T | Exception] = []
        try:
            outs += [backend.allocate(octets) for _ in good]
            answers += [bare(answer) if isinstance(answer, Exception) else answer for answer in compute(good, outs)]
        except Exception as error:
            answers = [bare(error)] * len(good)
        finally:
            for out in outs:
                out.wipe()
        computed = iter(answers)
        return [refused[number] if number in refused else next(computed) for number in range(len(items))]
