"""The README speaks of what is there: its files, commands, extras and names exist, and its example runs."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

from tests.clib import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PROSE = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
CODE = re.findall(r"`([^`\n]+)`", PROSE) + [line for language, text in BLOCKS if language in ("sh", "") for line in text.splitlines()]


def matches(pattern: str) -> Iterator[str]:
    found = sorted({match for code in CODE for match in re.findall(pattern, code)})
    assert found, f"the README no longer has anything like {pattern}"
    yield from found


def test_files_named_are_there() -> None:
    paths = [code for code in CODE if re.fullmatch(r"\.?[\w.-]+(/[\w.-]*)+|[A-Z]+\.md", code) and not code.startswith("application/")]
    assert len(paths) >= 3
    assert [path for path in paths if not (ROOT / path).exists()] == []
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", PROSE)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_named_exist() -> None:
    for command in matches(r"\bkam3 ([a-z]+)\b"):
        result = subprocess.run([sys.executable, "-m", "kam3", command, "--help"], capture_output=True, text=True)
        assert result.returncode == 0, f"kam3 {command}: {result.stderr}"


def test_extras_named_are_declared() -> None:
    declared = re.search(r"\[project\.optional-dependencies\](.*?)\n\[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL)
    assert declared is not None
    extras = set(re.findall(r"^(\w+) = \[", declared[1], re.MULTILINE))
    for group in matches(r"pip install '[\w.]*\[([\w,]+)\]'"):
        assert set(group.split(",")) <= extras


def test_names_of_the_package_exist() -> None:
    for dotted in matches(r"\bkam3((?:\.[A-Za-z_]\w*)+)"):
        value: object = importlib.import_module("kam3")
        if dotted == ".h":
            continue
        for name in dotted.strip(".").split("."):
            value = getattr(value, name) if hasattr(value, name) else importlib.import_module(f"{value.__name__}.{name}")  # type: ignore[attr-defined]


PYTHON = [text for language, text in BLOCKS if language == "python"]


@pytest.mark.parametrize("text", PYTHON)
def test_the_example_runs(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "README.md", "exec"), {"__name__": "readme"})


def test_the_client_of_the_readme_logs_in_to_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (client,), (server,) = ([text for text in PYTHON if word in text] for word in ("def fetch", "MutualServer"))
    (passwd,) = matches(r"kam3 passwd (users\.sqlite alice --auth-scope http://127\.0\.0\.1:8000)")
    monkeypatch.chdir(tmp_path)
    with WSGIServer(("127.0.0.1", 0), WSGIRequestHandler) as http:
        port = str(http.server_port)
        command = [sys.executable, "-m", "kam3", "passwd", *passwd.replace("8000", port).split(), "--password-stdin"]
        subprocess.run(command, input="correct horse\n", text=True, check=True, capture_output=True)
        names: dict[str, Any] = {"__name__": "readme"}
        exec(compile(server.replace("8000", port) + client, "README.md", "exec"), names)
        http.set_app(names["app"])
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            assert b"Hello world!" in names["fetch"](f"http://127.0.0.1:{port}/", "alice", "correct horse")
        finally:
            http.shutdown()
            thread.join()
