"""What pages include that is drawn from the code: the tables of both state machines, and the help of every command.

``conf.py`` calls `write` before a build; the pieces go to ``docs/_generated``, which is not kept.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kam3 import cli
from kam3.crossval.harness import OPERATIONS
from kam3.mutual import client_states, server_states
from kam3.mutual.server_states import AFTER, BEFORE, REASONS
from kam3.mutual.sessions import Answer

HERE = Path(__file__).resolve().parent / "_generated"

#: Columns of the help texts, whatever the terminal is.
_WIDTH = "110"


def write() -> None:
    """Write every piece that differs from what is there, so that Sphinx builds again only what has changed."""
    HERE.mkdir(exist_ok=True)
    server = _table(("session is", "nc is", "vkc is", "answer", "then it is"), _server())
    client = _table(("in state", "comes", "then"), _client())
    pieces = {
        "server_states.md": _mermaid(server_states.diagram()) + server,
        "client_states.md": _mermaid(client_states.diagram()) + client,
        "client_events.md": _table(("comes", "which is"), _events()),
        "operations.md": _table(("op", "fields", "in `result`"), _operations()),
        "commands.md": "\n".join(_commands()),
    }
    for name, text in pieces.items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _mermaid(diagram: str) -> str:
    return f"```mermaid\n{diagram}```\n\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)) + "\n"


def _server() -> Iterator[tuple[str, ...]]:
    for (phase, nonce), entry in BEFORE.items():
        if entry.answer is not Answer.EVALUATE:
            yield phase.value, nonce.value, "not looked at", _answer(entry.answer), entry.phase.value
            continue
        for right in (True, False):
            after = AFTER[entry.phase, right]
            yield phase.value, nonce.value, "right" if right else "wrong", _answer(after.answer), after.phase.value


def _answer(answer: Answer) -> str:
    if answer is Answer.ACCEPTED:
        return "the application's, with 200-VFY-S"
    reason = REASONS[answer]
    return "401-STALE" if reason == "stale-session" else f"401-INIT, reason={reason}"


def _client() -> Iterator[tuple[str, ...]]:
    for (state, event), target in client_states.TABLE.items():
        yield f"`{state.name}`", f"`{event.name}`", f"`{target.name}`"
    yield "any", "anything else", f"`{client_states.after(client_states.State.NEW, client_states.Event.FOREIGN).name}`"


def _events() -> Iterator[tuple[str, ...]]:
    """Take what each event is from the comment beside it."""
    for name, comment in re.findall(r"^    ([A-Z_0-9]+) = \d+(?:  # (.+))?$", inspect.getsource(client_states.Event), re.MULTILINE):
        yield f"`{name}`", comment or "what came of the check of vks"


def _operations() -> Iterator[tuple[str, ...]]:
    for row in OPERATIONS.values():
        fields = [f"`{field.name}`" if field.required else f"[`{field.name}`]" for field in row.fields]
        yield f"`{row.name}`", " ".join(["`algorithm`", *fields]), " ".join(f"`{name}`" for name in row.answer)
    yield "`info`", "", "`version` `backend` `cpu_path` `ops`"


def _commands() -> Iterator[str]:
    width, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), _WIDTH
    color, os.environ["NO_COLOR"] = os.environ.get("NO_COLOR"), "1"  # Python 3.14 writes help in colours
    try:
        for name, command in _parsers():
            yield f"## {name}\n\n```text\n{command.format_help().rstrip()}\n```\n"
    finally:
        for variable, value in (("COLUMNS", width), ("NO_COLOR", color)):
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


def _parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    root = cli._parser()
    yield "kam3", root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield f"kam3 {name}", command
