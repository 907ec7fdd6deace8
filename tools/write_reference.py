# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writes what of docs/ is told by the code: recipes, their schema, the verbs, the API pages.

python tools/write_reference.py            write
python tools/write_reference.py --check    exit with 1 if one of them is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Dict, List

import api_pages

from nnabla_compress.cli.reference import command_reference
from nnabla_compress.recipes.reference import recipe_reference
from nnabla_compress.recipes.schema import recipe_schema

DOCS = Path(__file__).resolve().parent.parent / "docs"
RECIPES = "<!-- reference: written by tools/write_reference.py from the classes of the options -->"
COMMANDS = "<!-- reference: written by tools/write_reference.py from the commands -->"
END = "<!-- end of reference -->"


def page(name: str, begin: str, reference: str) -> str:
    """Returns the text of a page with its reference brought up to date."""
    before, rest = (DOCS / name).read_text("utf-8").split(begin)
    return f"{before}{begin}\n\n{reference}\n\n{END}{rest.split(END)[1]}"


def contents() -> Dict[Path, str]:
    """Returns what the files should hold."""
    return {
        DOCS / "recipes.md": page("recipes.md", RECIPES, recipe_reference()),
        DOCS / "recipe.schema.json": json.dumps(recipe_schema(), indent=1) + "\n",
        DOCS / "commands.md": page("commands.md", COMMANDS, command_reference()),
        **api_pages.pages(DOCS / "api"),
    }


def main(arguments: List[str]) -> int:
    """Does what the arguments say and returns the exit status."""
    stale = {
        path: text
        for path, text in contents().items()
        if not path.exists() or path.read_text("utf-8") != text
    }
    if arguments[:1] == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(DOCS)} is out of date: run python tools/write_reference.py")
        return int(bool(stale))
    for path, text in stale.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
