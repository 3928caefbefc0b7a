"""pi, the client's credential, in memory that is wiped."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from kam3.errors import InvalidSecretError
from kam3.ownership import SecretOwner

if TYPE_CHECKING:
    from kam3.algorithms import Algorithm
    from kam3.memory import Octets, SecretMemory
    from kam3.sets import ParameterSet


@final
class Pi(SecretOwner):
    """Hold pi of one algorithm, accepted wherever pi is; made by `from_password`.

    Secret: pi is in native memory, wiped by `close`, at the end of a ``with`` block, or when the object goes. It cannot be read out,
    pickled or copied, and serves only in the process that made it.
    """

    __slots__ = ("_memory", "_parameters")

    _SECRETS = ("_memory",)

    _memory: SecretMemory
    _parameters: ParameterSet

    def __init__(self) -> None:
        raise TypeError("a Pi is made by Pi.from_password")

    @classmethod
    def _of(cls, parameters: ParameterSet, memory: SecretMemory) -> Pi:
        """Own memory that pi is about to be written into."""
        owner = cls.__new__(cls)
        owner._memory, owner._parameters = memory, parameters
        SecretOwner.__init__(owner)
        return owner

    @classmethod
    def from_password(
        cls, alg: Algorithm, password: Octets | str, *, auth_scope: Octets | str, realm: Octets | str, user: Octets | str
    ) -> Pi:
        """Derive pi from a password, straight into wiped memory (RFC 8120 section 12.2).

        Args:
            alg: the algorithm; its token goes into the salt.
            password: octets, or text taken as UTF-8 without preparation (`kam3.prepare_password` prepares).
            auth_scope: the authentication scope, likewise.
            realm: the realm, likewise.
            user: the user name, likewise (`kam3.prepare_user` prepares).

        Returns:
            pi, to be closed by the caller.

        Secret: the password object itself is the caller's; Python cannot wipe a `str` or `bytes`.

        Raises:
            TypeError: `alg` is no algorithm, or another argument neither text nor octets.
            ValueError: text with a lone surrogate.
            BackendUnavailableError: no backend can run here.

        Timing: 16384 iterations of HMAC; depends on the lengths alone.
        """
        keep = getattr(alg, "_keep_pi", None)
        if keep is None:
            raise TypeError(f"alg must be a kam3.Algorithm, not {type(alg).__name__}")
        pi: Pi = keep(password, auth_scope=auth_scope, realm=realm, user=user)
        return pi

    def _copy_into(self, parameters: ParameterSet, out: memoryview) -> None:
        """Copy pi for a call with this parameter set; it must be the one pi was derived for."""
        with self._serialised():
            self._require_open()
            if parameters.token != self._parameters.token:
                raise InvalidSecretError(f"pi belongs to {self._parameters.token}, not to {parameters.token}", argument="pi")
            out[:] = self._memory.view()
            self._require_open()

    def __repr__(self) -> str:
        return f"<kam3.Pi for {self._parameters.token}>"
