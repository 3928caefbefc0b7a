"""How Sphinx builds these pages: ``sphinx-build -W -b html docs build/docs``, and ``-b doctest`` runs their examples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

import kam3

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate

generate.write()

project = "kam3"
author = "the founders of kam3"
project_copyright = "the founders of kam3"
version = release = kam3.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["build", "_generated", "examples"]

html_theme = "furo"
html_title = f"kam3 {version}"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
# The sections of our docstrings beside Google's own.
napoleon_custom_sections = [("Secret", "notes_style"), ("Timing", "notes_style")]
nitpicky = False  # types of optional libraries have no pages here
default_role = "code"  # `name` in docstrings

doctest_test_doctest_blocks = "default"  # >>> in any page is run
# Pages read files of the repository by their names there.
doctest_global_setup = f"import os, kam3; os.chdir({str(Path(__file__).resolve().parent.parent)!r})"


def setup(app: Any) -> None:
    """Show state diagrams as text: they are drawn by who has Mermaid, GitHub for instance, and stand beside a table of the same."""
    app.add_lexer("mermaid", TextLexer)
