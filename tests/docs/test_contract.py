"""The signatures that docs/http.md promises to programs are those of the code."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests.clib import ROOT

TEXT = (ROOT / "docs" / "http.md").read_text(encoding="utf-8").partition("## What programs use")[2].partition("\n## ")[0]
SIGNED = re.findall(r"^(kam3(?:\.\w+)+)\(([^()]*(?:\([^()]*\)[^()]*)*)\)", TEXT, re.MULTILINE)


def test_the_section_is_read() -> None:
    assert len(SIGNED) >= 8


@pytest.mark.parametrize("dotted, written", SIGNED, ids=[dotted for dotted, _ in SIGNED])
def test_arguments_are_as_promised(dotted: str, written: str) -> None:
    module, _, name = dotted.rpartition(".")
    try:
        value = getattr(importlib.import_module(module), name)
    except ImportError as error:
        pytest.skip(str(error))
    known = list(inspect.signature(value).parameters)
    promised = re.findall(r"(?:^|, )(\w+)", written)
    keywords = "options" in known or "kwargs" in known
    assert [name for name in promised if name not in known and not keywords] == []
    positional = re.findall(r"(?:^|, )(\w+)(?==|,|$)", written.partition("*")[0])
    assert known[: len(positional)] == positional or keywords
