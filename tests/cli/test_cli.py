"""The ``kam3`` command as scripts see it: output, exit status, and what becomes of errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import kam3
from kam3 import cli
from kam3.errors import BackendUnavailableError, Kam3Error

PYTHON = str(Path(kam3.__path__[0]).parent)
EXAMPLE = b'{"op": "info", "id": 1}\n'


def start(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (PYTHON, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "kam3", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def run(*arguments: str, given: bytes = b"", **environment: str) -> tuple[int, str, str]:
    process = start(*arguments, **environment)
    out, err = process.communicate(given, timeout=120)
    return process.returncode, out.decode(), err.decode()


def test_version() -> None:
    assert run("--version")[:2] == (0, f"kam3 {kam3.__version__}\n")


@pytest.mark.parametrize("command", [(), ("demo",), ("get",), ("info",), ("eval",)])
def test_help_has_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "example:" in text
    assert "password PASSWORD" not in text


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["demo", "--password", "x"], ["info", "extra"], ["eval", "--backend"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: kam3" in captured.err


@pytest.mark.parametrize("command", ["eval", "demo"])
def test_a_backend_that_is_not_here_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--backend", "abacus"])
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "abacus" in captured.err
    assert "kam3 info" in captured.err


def test_an_error_goes_to_standard_error_with_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: object) -> int:
        raise Kam3Error("do this or that")

    monkeypatch.setattr(cli.info, "run", fail)
    assert cli.main(["info"]) == 1
    assert capsys.readouterr() == ("", "kam3: do this or that\n")


def test_a_warning_goes_to_standard_error_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warn(_: object) -> int:
        warnings.warn("mind the gap", kam3.Kam3Warning, stacklevel=1)
        return 0

    monkeypatch.setattr(cli.info, "run", warn)
    assert cli.main(["info"]) == 0
    assert capsys.readouterr() == ("", "kam3: warning: mind the gap\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.info, "run", interrupted)
    assert cli.main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        (b"", 0),
        (EXAMPLE, 1),
        (EXAMPLE + b"\n" + EXAMPLE.rstrip() + b"\r\n" + EXAMPLE.rstrip(), 4),
        (b"x" * (3 << 20) + b"\n" + EXAMPLE, 2),
        (b"x" * (3 << 20), 1),
    ],
    ids=["nothing", "one", "blank, CRLF, no end", "over-long", "over-long without end"],
)
def test_eval_answers_every_line_once_and_ends_with_0(given: bytes, answers: int) -> None:
    status, out, err = run("eval", "--backend", "reference", given=given)
    assert (status, err) == (0, "")
    decoded = [json.loads(line) for line in out.splitlines()]
    assert len(decoded) == answers
    if EXAMPLE.rstrip() in given:
        assert decoded[-1]["result"]["backend"] == "reference"


def test_eval_answers_before_the_next_request() -> None:
    process = start("eval", "--backend", "reference")
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(b'{"op": "info", "id": %d}\n' % number)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_eval_ends_quietly_when_nobody_listens() -> None:
    process = start("eval", "--backend", "reference")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    try:
        for _ in range(1000):
            process.stdin.write(EXAMPLE)
            process.stdin.flush()
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [["info"], ["eval"]])
def test_a_full_disk_is_an_error_in_one_line(command: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": PYTHON, "KAM3_BACKEND": "reference"}
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "kam3", *command], input=EXAMPLE, stdout=full, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"kam3: ")
    assert ended.stderr.count(b"\n") == 1


def test_eval_takes_the_active_backend() -> None:
    out = run("eval", given=EXAMPLE, KAM3_BACKEND="reference")[1]
    assert json.loads(out)["result"]["backend"] == "reference"


@pytest.mark.parametrize("backend", kam3.backends.available())
def test_demo_as_json(backend: str) -> None:
    status, out, err = run("demo", "--backend", backend, "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert (facts["backend"], facts["ok"]) == (backend, True)
    assert [entry["algorithm"] for entry in facts["algorithms"]] == [alg.token for alg in kam3.ALGORITHMS]
    # RFC 8121 appendix B: base64 of 256, 32 and of 512, 64 octets; hex of 33, 32 and of 66, 64.
    lengths = [[entry["octets"][name] for name in ("kc1", "ks1", "vkc", "vks")] for entry in facts["algorithms"]]
    assert lengths == [[344, 344, 44, 44], [684, 684, 88, 88], [66, 66, 64, 64], [132, 132, 128, 128]]
    for entry in facts["algorithms"]:
        assert (entry["login"], entry["impostor"]) == ("accepted", "refused")
        assert set(entry["client_ms"]) == {"pi", "kc1", "z", "vkc", "verify_vks"}
        assert set(entry["server_ms"]) == {"j", "respond", "verify_vkc"}
        assert all(value > 0 for side in ("client_ms", "server_ms") for value in entry[side].values())
    assert facts["http"] == {
        "login": "proved both ways",
        "second_request": "proved both ways, over the same session",
        "wrong_password": "refused",
        "rogue_server": "detected",
    }


def test_demo_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--backend", "reference"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("accepted") == 4
    assert captured.out.count("refused") == 5  # one of them over HTTP
    assert "correct horse" not in captured.out
    for label in ("octets on the wire", "pi", "kc1", "z", "vkc", "respond", "j, once per user"):
        assert label in captured.out


@pytest.mark.parametrize("side", ["client", "server"])
def test_demo_fails_when_something_fails(side: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> bytes:
        raise Kam3Error("the wheels came off")

    name, method = {"client": ("ClientSession", "vkc"), "server": ("ServerSession", "verify_vkc")}[side]
    monkeypatch.setattr(getattr(kam3, name), method, broken)
    assert cli.main(["demo", "--backend", "reference"]) == 1
    assert "failed: the wheels came off" in capsys.readouterr().out


def test_demo_fails_when_a_wrong_password_is_accepted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli.demo, "_WRONG", cli.demo._RIGHT)
    assert cli.main(["demo", "--backend", "reference", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_info_as_json() -> None:
    status, out, err = run("info", "--json", KAM3_BACKEND="reference")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert facts["version"] == kam3.__version__
    report = kam3.backends.report("reference")
    assert facts["active"] == {
        "backend": "reference",
        "constant_time": False,
        "cpu_path": report.cpu_path,
        "cpu_features": list(report.cpu_features),
        "build": report.build,
        "version": report.version,
    }
    assert [entry["name"] for entry in facts["backends"]] == list(kam3.backends.NAMES)
    for entry in facts["backends"]:
        assert entry["available"] == (entry["name"] in kam3.backends.available())
        assert (entry["reason"] is None) == entry["available"]


def test_info_says_why_a_backend_cannot_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none(name: str | None = None) -> None:
        raise BackendUnavailableError(f"the reason of {name}")

    monkeypatch.setattr(kam3.backends, "report", none)
    assert cli.main(["info"]) == 1
    out = capsys.readouterr().out
    assert "in use:    none" in out
    for name in kam3.backends.NAMES:
        assert f"{name}: the reason of {name}" in out
