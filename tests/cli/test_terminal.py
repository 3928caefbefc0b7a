"""Tables and progress, on a terminal and off it."""

from __future__ import annotations

import io
import sys

import pytest

from kam3.cli.terminal import plain_table, print_table, progress

COLUMNS = ("step", "a", "longer")
ROWS = (("client",), ("  pi", "1.000", "22.000"), ("  a long label", "-", "3"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_table() -> None:
    assert plain_table(COLUMNS, ROWS) == [
        "step                a  longer",
        "--------------  -----  ------",
        "client",
        "  pi            1.000  22.000",
        "  a long label      -       3",
    ]


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, ROWS)
    assert capsys.readouterr().out.splitlines() == plain_table(COLUMNS, ROWS)


def test_a_terminal_without_rich_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    monkeypatch.setitem(sys.modules, "rich.console", None)
    print_table(COLUMNS, ROWS)
    assert out.getvalue().splitlines() == plain_table(COLUMNS, ROWS)


def test_a_terminal_with_rich_gets_every_cell_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stdout", out := Terminal())
    print_table(COLUMNS, (*ROWS, ("[bold]x[/]", "1", "2")))
    text = out.getvalue()
    for cell in (*COLUMNS, *(cell.strip() for row in ROWS for cell in row), "[bold]x[/]"):
        assert cell in text
    assert text.splitlines() != plain_table(COLUMNS, ROWS)


def test_progress_on_a_terminal_is_shown_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    with progress(2) as step:
        step("first")
        step("second")
    first, second, cleared = err.getvalue().split("\r\x1b[K")[1:]
    assert first == "[........................] 0/2 first"
    assert second == "[############............] 1/2 second"
    assert cleared == ""


def test_no_progress_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(1) as step:
        step("only")
    assert capsys.readouterr() == ("", "")
