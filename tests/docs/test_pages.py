"""The pages speak of what is there, and of all of it."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import kam3
from kam3 import cli, errors
from kam3.mutual import client_reasons, conclusion
from kam3.mutual.limits import Limits
from kam3.mutual.spaces import INIT_REASONS
from tests.clib import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_generated", "conformance"} & set(path.parts))  # conformance has its own test
PACKAGE = ROOT / "python" / "kam3"

#: Loggers, and keys of a request, which look like modules.
NO_MODULES = {"kam3.audit", "kam3.login", "kam3.http", "kam3.h"}

ERRORS = (DOCS / "errors.md").read_text(encoding="utf-8")


@functools.cache
def calls() -> tuple[ast.Call, ...]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    return tuple(node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))


def constant(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def codes() -> set[str]:
    """Return every code that an error of kam3 can have, and every reason that a sequence can end with."""
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.Kam3Error)]
    found = {kind.code for kind in classes}
    for call in calls():
        if name_of(call).endswith("Error"):
            found |= {code for word in call.keywords if word.arg == "code" for code in constant(word.value)}
        if name_of(call) == "fault" and len(call.args) == 3:
            found |= set(constant(call.args[2]))
        if name_of(call) == "Reason" and call.args:
            found |= set(constant(call.args[0]))
    return found | set(client_reasons._REFUSED)


def rows(text: str) -> set[str]:
    """Return what is in backticks in the first two cells of the tables of a page."""
    cells = "".join(cell for line in text.splitlines() if line.startswith("|") for cell in line.split("|")[1:3])
    return set(re.findall(r"`([^`]+)`", cells))


def test_the_codes_are_found_in_the_code() -> None:
    assert {"invalid-element", "server-not-proved", "duplicate-parameter", "proved", "auth-failed", "body-sent", "no-middleware"} <= codes()


def test_troubleshooting_has_every_code_and_reason() -> None:
    assert codes() - rows(ERRORS) == set()
    assert {*INIT_REASONS, "stale-session"} - rows(ERRORS) == set()


def test_troubleshooting_has_every_class_and_no_other() -> None:
    classes = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.Kam3Error)}
    assert classes - rows(ERRORS) == set()
    assert {name for name in rows(ERRORS) if name.endswith("Error")} == classes


def test_troubleshooting_has_no_code_that_is_none() -> None:
    known = codes() | {*INIT_REASONS, "stale-session"} | {name for name in rows(ERRORS) if name.endswith("Error")}
    tables = ERRORS.partition("## What a client's request came to")[2]
    assert rows(tables) - known == set()


def test_the_table_of_events_is_complete() -> None:
    events = {name for call in calls() if name_of(call) == "Event" and call.args for name in constant(call.args[0])}
    events |= {"reauthenticate", "denied", *(f"application-{status}" for status in conclusion._INSTEAD)}  # whose names are put together
    assert "log-in" in events
    table = (DOCS / "deploying.md").read_text(encoding="utf-8").partition("## Watching it")[2]
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE)) == events


def test_the_limits_are_those_of_the_code() -> None:
    text = (DOCS / "deploying.md").read_text(encoding="utf-8").partition("## Limits")[2].partition("##")[0]
    limits = Limits()
    assert (limits.peer.burst, limits.peer.interval, limits.user_and_peer, limits.user) == (100, 0.1, (20, 30.0), (40, 1.0))
    assert (limits.longest_wait, limits.pending_per_peer, limits.pending, limits.sessions) == (5.0, 256, 10_000, 100_000)
    rates = ("100 at once, then 10 a second", "20 at once, then one in 30 seconds", "40 at once, then one a second")
    for number in (*rates, "5 seconds", "| 256 ", "| 10 000 |", "| 100 000 |"):
        assert number in text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?def {name}\(|^class {name}\b|^{name} =", source, re.MULTILINE), f"{file} has no {name}"
    for name in re.findall(r"`(kam3(?:\.\w+)+)", text):
        resolve(name)
    for path in re.findall(r"`((?:csrc|tests|benchmarks|python|\.ci)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path


def resolve(dotted: str) -> object:
    value: object = importlib.import_module("kam3")
    for name in dotted.split(".")[1:]:
        if not hasattr(value, name):
            if dotted in NO_MODULES:
                return None
            try:
                value = importlib.import_module(f"{value.__name__}.{name}")  # type: ignore[attr-defined]  # a module, or the import fails
            except errors.MissingExtraError:  # the module is there, its library is not
                return None
        else:
            value = getattr(value, name)
    return value


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    constants = {"ALGORITHMS", "DL_2048", "DL_4096", "EC_P256", "EC_P521", "__version__"}
    drawn = {name for name in kam3.__all__ if hasattr(errors, name)} | {"errors", "backends"}  # by automodule
    assert "automodule:: kam3.errors" in text
    assert [name for name in kam3.__all__ if not re.search(rf"\b{name}\b", text) and name not in drawn | constants] == []


def test_the_reference_has_what_the_contract_promises() -> None:
    promised = (DOCS / "http.md").read_text(encoding="utf-8").partition("## What programs use")[2].partition("\n## ")[0]
    reference = (DOCS / "reference-http.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\b(kam3(?:\.[a-z_]\w*)*\.[A-Z]\w+)", promised))
    assert len(names) >= 12
    assert [name for name in sorted(names) if name not in reference and "niquests" not in name] == []


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command line of kam3 in a shell block, and every whole one in backticks, by its page."""
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
        for line in [*lines, *re.findall(r"`(kam3 [a-z]+ [^`]+)`", text)]:
            for part in re.split(r"\s(?:&&|\|)\s", line):
                if part.startswith("kam3 ") and "..." not in part:
                    yield page.name, part.strip()


@pytest.mark.parametrize("page, line", sorted(set(commands())))
def test_command_lines_are_of_the_command(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    redirected = words.index(">") if ">" in words else len(words)
    try:
        cli._parser().parse_args(words[:redirected])
    except SystemExit as stopped:
        assert stopped.code == 0, f"{page}: {line}"  # --help
