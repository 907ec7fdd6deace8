# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The orders of parts and modules in docs/architecture.md are the orders of the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nnabla_compress"
_PARTS, _INSIDE = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("\n## ")[:2]
TABLE = re.findall(r"^\| ((?:`[a-z_]+(?:/|\.py)`(?:, )?)+) \|", _PARTS, re.M)
FLOOR = {
    name: level
    for level, names in enumerate(TABLE)
    for name in re.findall(r"`([a-z_]+)(?:/|\.py)`", names)
}
INSIDE = {
    folder.rstrip("/"): {
        name: level
        for level, names in enumerate(floors.split(";"))
        for name in re.findall(r"`([a-z0-9_]+)`", names)
    }
    for folder, floors in re.findall(r"^\| `([a-z_/]+)` \| (.+) \|$", _INSIDE, re.M)
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).replace(".__init__", ""): path
    for path in PACKAGE.rglob("*.py")
}


def imported(path):
    """Modules that a file imports when it is loaded or used, not those for type checkers only."""
    todo = [ast.parse(path.read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnabla_compress"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


GRAPH = {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def within(name, folder):
    """What of a folder a module is or belongs to: the first word behind the folder's name."""
    start = "nnabla_compress." + folder.replace("/", ".") + "."
    return name[len(start) :].split(".")[0] if name.startswith(start) else None


@pytest.mark.parametrize("part", sorted(FLOOR))
def test_a_part_imports_only_what_stands_below_it_or_beside_it(part):
    for name, imports in GRAPH.items():
        if name.split(".")[1:2] == [part]:
            for other in {other.split(".")[1] for other in imports if "." in other}:
                assert FLOOR.get(other, FLOOR[part]) >= FLOOR[part], f"{name} imports {other}"


def test_every_part_of_the_package_stands_in_the_table():
    parts = {p.stem for p in PACKAGE.iterdir() if not p.name.startswith(("_", ".", "py.typed"))}
    assert parts == set(FLOOR)


@pytest.mark.parametrize("folder", sorted(INSIDE))
def test_a_module_of_a_folder_imports_only_what_stands_below_it_or_beside_it(folder):
    floors = INSIDE[folder]
    there = {within(name, folder) for name in MODULES}
    assert set(floors) <= there, f"{set(floors) - there} of the table are not in {folder}/"
    for name, imports in GRAPH.items():
        level = floors.get(within(name, folder))
        if level is not None:
            for other in imports:
                assert floors.get(within(other, folder), level) >= level, f"{name} imports {other}"


def test_every_folder_with_an_order_of_its_own_has_a_row():
    assert "lowering" in INSIDE and "training" in INSIDE
    folders = {path.parent for path in MODULES.values() if len(list(path.parent.glob("*.py"))) > 4}
    assert folders <= {PACKAGE / folder for folder in INSIDE} | {PACKAGE}


def test_no_module_imports_itself_by_way_of_others():
    left = dict(GRAPH)
    while True:
        wanted = set().union(*left.values())
        free = [n for n, imports in left.items() if n not in wanted or not imports & set(left)]
        if not free:
            break
        for name in free:
            del left[name]
    assert not left, f"in circles: {sorted(left)}"
