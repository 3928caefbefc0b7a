"""The server's machine on stores beyond the process: two workers, one Redis, one file of users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kam3.mutual.messages import KexS1
from kam3.mutual.outcomes import Answered, Forwarded
from kam3.stores.redis import RedisSessionTable
from kam3.stores.sqlite import SqliteCredentialStore
from tests.mutual.serving import REALM, USER, Bench, reason_of
from tests.stores.servers import RedisServer, need
from tests.stores.sessions import KEYS
from tests.stores.test_credentials import tamper

pytest.importorskip("redis", reason="needs redis-py")


class Workers:
    """Two workers, as processes would be: nothing of theirs is shared but Redis and the file."""

    def __init__(self, directory: Path) -> None:
        self.redis = RedisServer(directory / "redis")
        self.file = directory / "users"
        self.benches = [self.start(), self.start()]

    def start(self) -> Bench:
        table: Any = RedisSessionTable.from_url(self.redis.url, KEYS, timeout=5)
        users: Any = SqliteCredentialStore(self.file, KEYS, create=True)
        return Bench(table=table, users=users)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    need("redis-server")
    workers = Workers(tmp_path)
    yield workers
    workers.redis.kill()


def accepted(answer: Answered | Forwarded) -> bool:
    return isinstance(answer, Forwarded) and answer.identity is not None and answer.identity.user == USER


def test_row_73_one_worker_exchanges_keys_and_the_other_takes_the_proof(workers: Workers) -> None:
    first, second = workers.benches
    login = first.log_in()
    login.bench = second
    assert accepted(login.get(1))
    login.bench = first
    assert accepted(login.get(2))
    assert reason_of(login.get(2)) == "stale-session"
    login.bench = second
    assert reason_of(login.get(3)) == "stale-session"


def test_row_39_a_wrong_guess_on_one_worker_is_the_only_one_on_all(workers: Workers) -> None:
    first, second = workers.benches
    login = first.log_in(password="wrong")
    assert reason_of(login.get(1)) == "auth-failed"
    login.bench = second
    assert reason_of(login.get(2)) == "auth-failed"
    assert first.log_in().session is not login.session


def test_row_66_a_restart_of_redis_is_stale_and_the_next_login_works(workers: Workers) -> None:
    first, _ = workers.benches
    login = first.log_in()
    assert accepted(login.get(1))
    workers.redis.kill()
    workers.redis.start()
    assert reason_of(login.get(2)) == "stale-session"
    assert accepted(first.log_in().get(1))


def test_row_67_without_redis_the_answer_is_503_and_no_challenge(workers: Workers) -> None:
    first, _ = workers.benches
    login = first.log_in()
    workers.redis.kill()
    for answer in (login.get(1), login.get_wrong(1)):
        assert isinstance(answer, Answered)
        assert answer.status == 503
        assert not [name for name, _ in answer.headers if name.lower() == "www-authenticate"]
        assert [event.name for event in answer.events] == ["store-unavailable"]


def test_row_12_a_corrupt_j_looks_like_a_wrong_password_and_raises_an_alarm(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = workers.benches
    sound = first.log_in().challenge

    class Opener:
        kind = "sqlite"

        def __call__(self) -> Any:
            return first.users

    tamper(Opener(), "UPDATE kam3_credentials SET j = :j", j=b"x")
    outcomes: list[Any] = []
    ask = first.ask
    monkeypatch.setattr(first, "ask", lambda *given, **request: outcomes.append(ask(*given, **request)) or outcomes[-1])
    login = first.log_in()
    assert "corrupt-credential" in [event.name for event in outcomes[0].events]
    assert isinstance(login.challenge, KexS1)
    assert len(login.challenge.ks1) == len(sound.ks1)
    assert reason_of(login.get(1)) == "auth-failed"


def test_row_55_an_unknown_user_looks_like_a_known_one(workers: Workers) -> None:
    first, _ = workers.benches
    known, unknown = first.log_in().challenge, first.log_in(user="nobody").challenge
    for name in ("nc_max", "nc_window", "time", "path", "realm", "validation"):
        assert getattr(known, name) == getattr(unknown, name)
    assert len(known.sid) == len(unknown.sid)
    assert reason_of(first.log_in(user="nobody").get(1)) == "auth-failed"


def test_the_users_of_another_realm_are_not_found(workers: Workers) -> None:
    first, _ = workers.benches
    assert first.users.find(REALM._replace(realm="other"), USER) is None
