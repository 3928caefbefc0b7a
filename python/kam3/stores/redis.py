"""A session table on Redis or Valkey, for servers of several processes or machines. Needs the extras ``[redis]`` and ``[http]``.

Every transition is one script and one round trip (`kam3.stores.redis_lua`); a request with a proof takes two, `begin` and `commit`. What
never changes of a session is sealed under a server key and bound to its place; the rest are clear fields beside it, in the same key.

A Redis may lose writes, and with them nonce numbers or a rejection. So a session is bound to the run and to the replication history of the
Redis that keeps it: after a restart, a failover or a promotion it is STALE, and clients renew it without asking anybody. (So it is when a
Redis gets its first replica: it begins a new history then.) Time is that of the Redis: its clock counts the rates, its expiry ends the
sessions.

Give the table a Redis that evicts by ``noeviction`` or ``volatile-ttl``; under any other policy sessions end early, and nothing worse. Its
user needs the commands of the scripts, INFO among them. All keys begin with one hash tag, so that a cluster keeps them in one slot.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from kam3 import sealing
from kam3.errors import MissingExtraError, SealError, StoreUnavailableError
from kam3.mutual.actions import Outcome, run, run_async
from kam3.mutual.limits import Limits
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import Admission, Answer, Begun, NewSession, SessionKey
from kam3.session import ServerSession
from kam3.stores.naming import digest, join
from kam3.stores.redis_lua import NC_LIMIT, SCRIPTS

if TYPE_CHECKING:
    import redis
    import redis.asyncio

#: Seconds that a command, or a connection, may take before the request is refused. A healthy Redis nearby answers in less than 0.001.
DEFAULT_TIMEOUT = 0.5

#: The widest window that a record may have, in numbers: 8 KiB of flags.
MAX_WINDOW = 65536

_MICROSECONDS = 1_000_000


class _Call(NamedTuple):
    """A script to run; the reply is the list of octets that it returns."""

    script: str
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | int, ...]


_Steps: TypeAlias = "Generator[_Call, Any, Outcome]"


def context_of(key: SessionKey, user: str, fake: bool, epoch: str) -> bytes:
    """Return what a session's blob is bound to besides its own content."""
    return join("kam3 session", epoch, key.origin, *key.realm, key.sid, user, "fake" if fake else "real")


class _Table:
    """The transitions without I/O: generators that yield the script to run and are sent its reply."""

    def __init__(self, keys: Sequence[bytes], limits: Limits | None, prefix: str) -> None:
        self._keys = sealing.checked_keys(keys)
        self._limits = limits or Limits()
        self._prefix = f"{{{prefix}}}:"
        self._here = (f"{self._prefix}here",)  # no key of ours, but it leads a cluster's client to the node that has them
        self._epoch = ""  # as far as we know; the script tells when it is another

    def _session(self, key: SessionKey) -> tuple[str, tuple[str, ...]]:
        """Return a session's name, and the key that it is kept under."""
        name = digest(key.origin, *key.realm, key.sid)
        return name, (f"{self._prefix}session:{name}",)

    def admit(self, peer: str, realm: Realm, user: str) -> _Steps[Admission]:
        limits = self._limits
        rates: list[int] = []
        for rate in (limits.peer, limits.user_and_peer, limits.user):
            rates += (rate.burst, round(rate.interval * _MICROSECONDS))
        names = digest(peer), digest(*realm, user)
        reply = yield _Call("admit", self._here, (self._prefix, *names, *rates, round(limits.longest_wait * _MICROSECONDS)))
        verdict, wait = reply[0], int(reply[1]) / _MICROSECONDS
        if verdict == b"admitted":
            return Admission(True, wait=wait)
        return Admission(False, retry_after=int(wait) + 1)

    def create(self, new: NewSession) -> _Steps[None]:
        """Seal the session and keep it; its copy here is closed in any case."""
        try:
            if new.nc_max >= NC_LIMIT or new.nc_window > MAX_WINDOW:
                raise ValueError(f"nc_max must be below {NC_LIMIT}, nc_window at most {MAX_WINDOW}")
            for _ in range(3):  # the epoch may change between two attempts, but hardly twice
                reply = yield self._creation(new)
                if reply[0] == b"made":
                    return
                if reply[0] == b"exists":
                    raise StoreUnavailableError("a session of this sid exists: the source of sids is not random", argument="sid")
                self._epoch = reply[1].decode("ascii")
            raise StoreUnavailableError("the Redis behind the session table changes faster than a session can be kept")
        finally:
            new.session.close()

    def _creation(self, new: NewSession) -> _Call:
        if not self._epoch:
            return _Call("epoch", self._here, (self._prefix,))
        blob = new.session.seal(self._keys[0], context_of(new.key, new.user, new.fake, self._epoch))
        name, keys = self._session(new.key)
        limits, user = self._limits, new.user.encode("utf-8", "surrogatepass")
        caps = limits.sessions, limits.pending, limits.pending_per_peer
        fixed = new.nc_max, new.nc_window, blob, user, int(new.fake), digest(*new.key.realm, new.user)
        lifetime = max(1, round(new.lifetime * 1000))
        return _Call("create", keys, (self._prefix, name, digest(new.peer), self._epoch, lifetime, *caps, *fixed))

    def begin(self, key: SessionKey, nc: int) -> _Steps[Begun]:
        name, keys = self._session(key)
        reply = yield _Call("begin", keys, (self._prefix, name, min(nc, NC_LIMIT)))
        answer = _answer(reply)
        if answer is Answer.STALE:
            return Begun(answer)
        try:
            user = reply[1].decode("utf-8", "surrogatepass")
            if answer is not Answer.EVALUATE:
                return Begun(answer, user=user)
            phase, blob, fake, epoch = reply[2:]
            session = ServerSession.unseal(blob, self._keys, context_of(key, user, fake == b"1", epoch.decode("ascii")))
        except (SealError, UnicodeDecodeError):  # changed by others, or sealed under a key that was retired
            yield self._ending(key)
            return Begun(Answer.STALE)
        return Begun(answer, session, user, phase == b"K")

    def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> _Steps[Answer]:
        name, keys = self._session(key)
        interval, trusted_for = round(self._limits.user_and_peer.interval * _MICROSECONDS), round(self._limits.trusted_for * 1000)
        given = min(nc, NC_LIMIT), int(right), digest(peer), interval, trusted_for
        return _answer((yield _Call("commit", keys, (self._prefix, name, *given))))

    def end(self, key: SessionKey) -> _Steps[None]:
        yield self._ending(key)

    def _ending(self, key: SessionKey) -> _Call:
        name, keys = self._session(key)
        return _Call("end", keys, (self._prefix, name))


def _answer(reply: Sequence[bytes]) -> Answer:
    return Answer(reply[0].decode("ascii"))


class RedisSessionTable:
    """A `kam3.mutual.sessions.SessionTable` on Redis or Valkey, safe for threads and for forks.

    Args:
        client: a ``redis.Redis`` that gives octets (no ``decode_responses``), with time-outs of its own; see `from_url`.
        keys: the server's current key of 32 octets, then its former ones (`kam3.stores.keys`).
        limits: see there; `counters` is not used, since Redis forgets rates when they are paid back.
        prefix: what tells this table from others in the same Redis.

    Secret: `keys`.

    Raises:
        TypeError: `keys` is no sequence, or a key no octets.
        ValueError: there is no key, or one is not 32 octets long, or the client decodes what it reads.

    Every method raises StoreUnavailableError where Redis does not answer in time, or answers with an error. Whether the transition took
    place is then not known; that of a request was in no case an acceptance.
    """

    def __init__(self, client: redis.Redis, keys: Sequence[bytes], *, limits: Limits | None = None, prefix: str = "kam3") -> None:
        self._table = _Table(keys, limits, prefix)
        self._client = client
        self._scripts = _registered(client)
        self._errors = _errors()

    @classmethod
    def from_url(
        cls, url: str, keys: Sequence[bytes], *, limits: Limits | None = None, prefix: str = "kam3", timeout: float = DEFAULT_TIMEOUT
    ) -> RedisSessionTable:
        """Connect to a ``redis://``, ``rediss://`` (TLS) or ``unix://`` URL, when it is first needed.

        Args:
            url: where Redis is; what it may hold is told by ``redis.Redis.from_url``.
            keys: as for the class.
            limits: as for the class.
            prefix: as for the class.
            timeout: seconds for a connection or a command; no command is tried twice.

        Raises:
            TypeError, ValueError: as for the class, or the URL is none of those.
            MissingExtraError: the extra ``[redis]`` is not installed.
        """
        client = _redis().Redis.from_url(url, **_options(timeout, asynchronous=False))
        return cls(client, keys, limits=limits, prefix=prefix)

    def admit(self, peer: str, realm: Realm, user: str) -> Admission:
        """Count a key exchange; refused are only the rates of one peer, by the seconds until it may come back."""
        return self._run(self._table.admit(peer, realm, user))

    def create(self, new: NewSession) -> None:
        """Keep a new session; a full table drops others for it. Its `ServerSession` is closed, even if this raises.

        Raises:
            StoreUnavailableError: Redis cannot keep it, or there is a session of this key.
            ValueError: nc_max is 2^53 - 1 or more, or nc_window more than 65536.
        """
        self._run(self._table.create(new))

    def begin(self, key: SessionKey, nc: int) -> Begun:
        """Judge a request before its proof is evaluated. The session that it opens is the caller's: it may close it, or let it go."""
        return self._run(self._table.begin(key, nc))

    def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> Answer:
        """Settle a request whose proof was evaluated."""
        return self._run(self._table.commit(key, nc, right, peer))

    def end(self, key: SessionKey) -> None:
        """Forget a session, if it is there."""
        self._run(self._table.end(key))

    def close(self) -> None:
        """Close the connections; the sessions stay."""
        self._client.close()

    def _run(self, steps: _Steps[Outcome]) -> Outcome:
        return run(steps, self._call)

    def _call(self, action: object) -> Any:
        call = cast(_Call, action)
        try:
            return self._scripts[call.script](keys=call.keys, args=call.arguments)
        except self._errors as error:
            raise _unavailable(error) from error


class AsyncRedisSessionTable:
    """A `kam3.mutual.sessions.AsyncSessionTable` on Redis or Valkey; as `RedisSessionTable`, on a ``redis.asyncio.Redis``."""

    def __init__(self, client: redis.asyncio.Redis, keys: Sequence[bytes], *, limits: Limits | None = None, prefix: str = "kam3") -> None:
        self._table = _Table(keys, limits, prefix)
        self._client = client
        self._scripts = _registered(client)
        self._errors = _errors()

    @classmethod
    def from_url(
        cls, url: str, keys: Sequence[bytes], *, limits: Limits | None = None, prefix: str = "kam3", timeout: float = DEFAULT_TIMEOUT
    ) -> AsyncRedisSessionTable:
        """As `RedisSessionTable.from_url`."""
        client = _redis().asyncio.Redis.from_url(url, **_options(timeout, asynchronous=True))
        return cls(client, keys, limits=limits, prefix=prefix)

    async def admit(self, peer: str, realm: Realm, user: str) -> Admission:
        """As `RedisSessionTable.admit`."""
        return await self._run(self._table.admit(peer, realm, user))

    async def create(self, new: NewSession) -> None:
        """As `RedisSessionTable.create`."""
        await self._run(self._table.create(new))

    async def begin(self, key: SessionKey, nc: int) -> Begun:
        """As `RedisSessionTable.begin`."""
        return await self._run(self._table.begin(key, nc))

    async def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> Answer:
        """As `RedisSessionTable.commit`."""
        return await self._run(self._table.commit(key, nc, right, peer))

    async def end(self, key: SessionKey) -> None:
        """As `RedisSessionTable.end`."""
        await self._run(self._table.end(key))

    async def aclose(self) -> None:
        """Close the connections; the sessions stay."""
        await self._client.aclose()

    async def _run(self, steps: _Steps[Outcome]) -> Outcome:
        return await run_async(steps, self._call)

    async def _call(self, action: object) -> Any:
        call = cast(_Call, action)
        try:
            return await self._scripts[call.script](keys=call.keys, args=call.arguments)
        except self._errors as error:
            raise _unavailable(error) from error


def _redis() -> Any:
    try:
        import redis
        import redis.asyncio
    except ImportError as error:
        raise MissingExtraError("a session table on Redis needs redis: pip install 'kam3[redis]'") from error
    return redis


def _errors() -> tuple[type[Exception], ...]:
    return _redis().exceptions.RedisError, OSError


def _options(timeout: float, *, asynchronous: bool) -> dict[str, Any]:
    """Return the settings of our own connections: short time-outs, and no command tried twice, because it may have taken place.

    With notifications of maintenance, which newer clients have on, a pool does not look whether a connection has been closed before it
    gives it out: after a restart of Redis each of them would cost one more refused request. They also make time-outs longer.
    """
    root = _redis()
    retry = (root.asyncio.retry if asynchronous else root.retry).Retry(root.backoff.NoBackoff(), 0)
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:
        return options
    return {**options, "maint_notifications_config": MaintNotificationsConfig(enabled=False)}


def _registered(client: Any) -> dict[str, Any]:
    if client.get_encoder().decode_responses:
        raise ValueError("client must give octets: it was made with decode_responses=True")
    return {name: client.register_script(text) for name, text in SCRIPTS.items()}


def _unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"the Redis behind the session table does not answer as it must: {type(error).__name__}")
