"""The documentation builds without a warning, and the examples in its pages run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kam3.mutual import client_states
from tests.clib import ROOT

for module in ("sphinx", "furo", "myst_parser", "httpx", "requests", "aiohttp", "fastapi", "sqlalchemy", "h11"):
    pytest.importorskip(module, reason=f"needs {module}, of the extra [docs]")


def build(builder: str, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, *options, str(ROOT / "docs"), str(output)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    done = build("html", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "how-it-works.html").read_text(encoding="utf-8")
    assert "key_exchanging --&gt; rejected" in page, "the diagram of the server's table"
    assert [state.name for state in client_states.State if f">{state.name}<" not in page] == [], "the table of the client's states"
    assert [event.name for event in client_states.Event if f">{event.name}<" not in page] == [], "the table of its events"
    assert "kam3 passwd" in (tmp_path / "commands.html").read_text(encoding="utf-8")


def test_the_examples_in_the_pages_run(tmp_path: Path) -> None:
    done = build("doctest", tmp_path)
    report = (tmp_path / "output.txt").read_text(encoding="utf-8")
    assert done.returncode == 0, report
    assert "0 failures in tests" in report
    assert "   0 tests" not in report
