# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes pages for a browser of this folder: ``make docs``.

The pages are Markdown that is read on its own, too; what only Sphinx needs stands here and in the
lists of index.md.
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_FOUND = re.search(r'"(.+)"', (_HERE.parent / "nnabla_compress" / "_version.py").read_text("utf-8"))

project = "nnabla-compress"
author = "nnabla-compress contributors"
copyright = "2026 nnabla-compress contributors"
release = version = "" if _FOUND is None else _FOUND.group(1)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "results", "pictures"]
# Links to headings, as Markdown has them: page.md#the-heading.
myst_heading_anchors = 4
# Options begin with two hyphens, which are no dash.
smartquotes = False

# Fields are described once, in the docstring of their class.
napoleon_use_ivar = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = project
html_static_path: list = []
