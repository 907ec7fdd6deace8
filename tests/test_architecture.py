# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The order of the parts in docs/architecture.md is the order of the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nnabla_compress"
TABLE = re.findall(
    r"^\| ((?:`[a-z_]+(?:/|\.py)`(?:, )?)+) \|",
    (ROOT / "docs" / "architecture.md").read_text("utf-8"),
    re.M,
)
FLOOR = {
    name: level
    for level, names in enumerate(TABLE)
    for name in re.findall(r"`([a-z_]+)(?:/|\.py)`", names)
}


def imported(path):
    """Parts that a file imports when it is loaded or used, except for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnabla_compress."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("part", sorted(FLOOR))
def test_a_part_imports_only_what_stands_below_it_or_beside_it(part):
    folder = PACKAGE / part
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{part}.py"]
    for path in files:
        for other in imported(path):
            if other in FLOOR:
                assert FLOOR[other] >= FLOOR[part], f"{path.relative_to(ROOT)} imports {other}"


def test_every_part_of_the_package_stands_in_the_table():
    parts = {p.stem for p in PACKAGE.iterdir() if not p.name.startswith(("_", ".", "py.typed"))}
    assert parts == set(FLOOR)
