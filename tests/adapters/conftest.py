from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.live import Tls
from tests.mutual.conftest import quick_pi as quick_pi  # for tests that make hundreds of clients
from tests.mutual.loopback import Loopback, make_certificate, running


@pytest.fixture
def server() -> Iterator[Loopback]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Tls]:
    folder = tmp_path_factory.mktemp("certificates")
    return Tls(*make_certificate(folder, "front")), Tls(*make_certificate(folder, "behind"))
