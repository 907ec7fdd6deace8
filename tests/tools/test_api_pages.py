# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import pkgutil
import types
from pathlib import Path

import pytest

import nnabla_compress

ROOT = Path(__file__).parents[2]
# Parts whose names are for the parts beside them only.
INSIDE = {
    "cli.engine",
    "device.boards",
    "fitting.measures",
    "lowering.integer",
    "lowering.storage",
    "report.page",
    "search.changes",
}


@pytest.fixture(scope="module")
def tool():
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("api_pages")
    patch.undo()


def test_every_name_that_a_part_promises_exists_is_described_and_stands_on_its_page(tool):
    for part in tool.PARTS:
        module = importlib.import_module(tool.name_of(part))
        page = (ROOT / "docs" / "api" / f"{part or tool.PACKAGE}.md").read_text("utf-8")
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"
            said = tool.said(module, name)
            assert said and len(said) > 10, f"{module.__name__}.{name} has no docstring"
            assert f"| `{name}` | " in page, f"{module.__name__}.{name} is not on its page"


def test_packages_with_names_for_others_have_a_page_or_are_known_to_be_inside(tool):
    there = {
        module.name[len("nnabla_compress.") :]
        for module in pkgutil.walk_packages(nnabla_compress.__path__, "nnabla_compress.")
        if module.ispkg and hasattr(importlib.import_module(module.name), "__all__")
    }
    pages = {part for part in tool.PARTS if part} - {"solvers", "errors"}
    assert there == pages | INSIDE - {"cli.engine"}


def test_a_name_without_a_docstring_has_nothing_said(tool):
    class Bare:
        pass

    class Told(Bare):
        """Tells of itself: None, or ``this``. And more."""

    module = types.SimpleNamespace(Bare=Bare, Told=Told)
    assert tool.said(module, "Bare") is None
    assert tool.said(module, "Told") == "Tells of itself: None, or `this`."


def test_a_value_is_described_where_it_is_made(tool):
    targets = importlib.import_module("nnabla_compress.targets")
    assert tool.said(targets, "TARGETS") == "The targets by their names."
    device = importlib.import_module("nnabla_compress.device")
    assert tool.said(device, "BOARDS") == "The boards by their names."


def test_what_a_part_within_a_part_promises_too_is_described_there(tool):
    page = tool.page("training")
    assert "| `Distillation` |" in page and "See [training.terms](training.terms.md). |" in page
    assert ":exclude-members:" in page and ":exclude-members:" not in tool.page("training.terms")
