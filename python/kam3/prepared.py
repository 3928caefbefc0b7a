"""J with a table of its powers, in memory that is wiped."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from kam3.errors import InvalidElementError
from kam3.ownership import SecretOwner, process_mark

if TYPE_CHECKING:
    from kam3.backends.base import Backend, Buffer
    from kam3.memory import SecretMemory
    from kam3.sets import ParameterSet


@final
class PreparedJ(SecretOwner):
    """Hold J of one algorithm with a table of its powers, accepted wherever J is; made by `Algorithm.prepare_j`.

    Any number of threads may use it at once. `close` refuses every further use; calls that run go on to their end, and the last of them
    wipes. An exchange that was begun with it goes on, too, with its own copy of J.

    Secret: J and the table are in native memory, wiped by `close`, at the end of a ``with`` block, or when the object goes. They cannot be
    read out, pickled or copied, and serve only in the process that made them.
    """

    __slots__ = ("_backend", "_calls", "_j", "_parameters", "_table")

    _SECRETS = ("_j", "_table")

    _backend: Backend
    _calls: int
    _j: SecretMemory
    _parameters: ParameterSet
    _table: SecretMemory

    def __init__(self) -> None:
        raise TypeError("a PreparedJ is made by Algorithm.prepare_j")

    @classmethod
    def _of(cls, parameters: ParameterSet, backend: Backend) -> PreparedJ:
        """Own memory that J and its table are about to be written into."""
        owner = cls.__new__(cls)
        owner._parameters, owner._backend, owner._calls = parameters, backend, 0
        owner._j = backend.allocate(parameters.element_octets)
        owner._table = backend.allocate(backend.table_octets(parameters))
        SecretOwner.__init__(owner)
        return owner

    def _require(self, parameters: ParameterSet) -> None:
        """Refuse after the end, and to another parameter set than it was prepared for."""
        self._require_open()
        if parameters.token != self._parameters.token:
            raise InvalidElementError(f"j belongs to {self._parameters.token}, not to {parameters.token}", argument="j")

    def _copy_into(self, parameters: ParameterSet, out: memoryview) -> None:
        """Copy J for a call with this parameter set."""
        with self._serialised():
            self._require(parameters)
            out[:] = self._j.view()
            self._require_open()

    def _respond(self, backend: Backend, parameters: ParameterSet, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Do what `Backend.respond` does, by the table where that is the backend's own."""
        with self._serialised():
            self._require(parameters)
            self._calls += 1
        try:
            if backend is self._backend:
                return backend.respond_prepared(parameters, self._table.view(), kc1, s_s1, z_out)
            return backend.respond(parameters, self._j.view(), kc1, s_s1, z_out)
        finally:
            with self._lock:
                self._calls -= 1
                if self._closed:
                    self._wipe()

    def _wipe(self) -> None:
        """Wipe once no call of this process needs it."""
        if self._calls == 0 or self._origin != process_mark():
            super()._wipe()

    def __del__(self) -> None:
        super()._wipe()

    def __repr__(self) -> str:
        return f"<kam3.PreparedJ for {self._parameters.token}>"
