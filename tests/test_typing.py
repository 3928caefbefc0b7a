"""The types that users see, judged by mypy on code of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clib import ROOT

USES = Path(__file__).parent / "typing"


def test_users_code_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "--cache-dir", str(tmp_path), "--config-file", "",
         "--follow-imports", "silent", str(USES / "use_of_the_api.py"), str(USES / "use_of_the_stores.py")],
        env={"MYPYPATH": str(ROOT / "python"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_users_code_runs() -> None:
    import kam3
    from tests.typing import use_of_the_api as use

    alg = kam3.EC_P256
    pi = alg.pi("open sesame", auth_scope="http://example.com:80", realm="r", user="alice")
    assert alg.j(pi) == use.register("open sesame", "alice")
    assert len(use.log_in(alg, pi, alg.j(pi))) == 128
    assert use.log_in(alg, pi, None) == "vkc"
    assert len(list(use.many(alg, ["a", "b"]))) == 2
    assert use.which()[0] == "reference"
