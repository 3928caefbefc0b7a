"""How Sphinx builds these pages: ``sphinx-build -W -b html docs build/docs``, and ``-b doctest`` runs their examples."""

import kam3

project = "kam3"
author = "the founders of kam3"
project_copyright = "the founders of kam3"
version = release = kam3.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["build"]

html_theme = "furo"
html_title = f"kam3 {version}"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False  # types of optional libraries have no pages here

doctest_test_doctest_blocks = "default"  # >>> in any page is run
doctest_global_setup = "import kam3"
