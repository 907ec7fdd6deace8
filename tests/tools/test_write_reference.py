# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "write_reference.py"


def loaded():
    spec = importlib.util.spec_from_file_location("write_reference", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_and_the_schema_in_docs_are_those_of_the_classes(capsys):
    status = loaded().main(["--check"])
    assert status == 0, capsys.readouterr().out


def test_what_is_out_of_date_is_named_with_the_command(tmp_path, monkeypatch, capsys):
    tool = loaded()
    for name in ("recipes.md", "recipe.schema.json"):
        text = (tool.DOCS / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("`samples`", "`simples`"), "utf-8")
    monkeypatch.setattr(tool, "DOCS", tmp_path)
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().out == (
        "recipes.md is out of date: run python tools/write_reference.py\n"
    )
    assert tool.main([]) == 0 and tool.main(["--check"]) == 0
