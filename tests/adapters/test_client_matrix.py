"""Every client adapter against every server adapter, plain and over TLS 1.3, in all four algorithms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kam3
from kam3.errors import UnprovedResponseError
from kam3.mutual.client_actions import Status
from tests.adapters.clients import ALL, Caller, calling, verification
from tests.adapters.live import SERVERS, Site, Tls, site
from tests.mutual.loopback import make_certificate
from tests.mutual.model import PASSWORD, USER

P256 = kam3.ALGORITHMS.index(kam3.EC_P256)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(*make_certificate(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="module", params=[f"{name} {kind}" for name in SERVERS for kind in ("tcp", "tls")])
def server(request: pytest.FixtureRequest, tls: Tls) -> Iterator[tuple[Site, Tls | None]]:
    name, kind = request.param.split()
    used = tls if kind == "tls" else None
    with site(name, used) as made:
        yield made, used


def options(kind: type[Caller], tls: Tls | None) -> dict[str, object]:
    return {} if tls is None else {"verify": verification(kind, tls.trusting(), str(tls.certificate))}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_client_logs_in_reuses_its_session_and_is_told_the_truth(kind: type[Caller], server: tuple[Site, Tls | None]) -> None:
    made, tls = server
    path = f"/a{P256}"
    with calling(kind, made.url("/"), **options(kind, tls)) as client:
        first = client.get(made.url(path + "/x?y=z"))
        assert (first.status, first.body, first.outcome.status) == (200, f"GET {path}/x {USER} 0".encode(), Status.AUTH_SUCCEED)
        assert (first.outcome.requests, first.outcome.nc) == (3, 1)
        again = client.request("POST", made.url(path), body=b"abc")
        assert (again.body, again.outcome.requests, again.outcome.nc) == (f"POST {path} {USER} 3".encode(), 1, 2)
        assert client.request("HEAD", made.url(path)).outcome.proved
        hop = client.request("PUT", made.url(path + "/old"), body=b"abcd", follow=True)
        assert (hop.url, hop.body) == (made.url(path + "/new"), f"PUT {path}/new {USER} 4".encode())
        assert [(status, outcome.nc) for status, outcome in hop.history] == [(307, 4)]
        assert hop.outcome.nc == 5
        with pytest.raises(UnprovedResponseError):
            client.get(made.url("/open"))
    with calling(kind, made.url("/"), USER, "wrong", **options(kind, tls)) as client:
        refused = client.get(made.url(path))
        assert (refused.status, refused.outcome.status, refused.outcome.reason.code) == (401, Status.AUTH_REQUIRED, "auth-failed")
    with calling(kind, made.url("/"), "nobody", PASSWORD, **options(kind, tls)) as client:
        assert client.get(made.url(path)).outcome.reason.code == "auth-failed"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_all_four_algorithms(kind: type[Caller], tls: Tls) -> None:
    for name in SERVERS if kind is ALL[0] else ("uvicorn",):
        with site(name, tls) as made:
            for i, realm in enumerate(made.realms):
                with calling(kind, made.url("/"), **options(kind, tls)) as client:
                    reply = client.get(made.url(f"/a{i}"))
                    assert (reply.outcome.realm, reply.outcome.proved) == (realm, True)
                    assert client.get(made.url(f"/a{i}")).outcome.requests == 1
