# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "write_reference.py"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    spec = importlib.util.spec_from_file_location("write_reference", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_docs_say_of_the_code_is_what_the_code_says(tool, capsys):
    status = tool.main(["--check"])
    assert status == 0, capsys.readouterr().out


def test_what_is_out_of_date_is_named_with_the_command(tool, tmp_path, monkeypatch, capsys):
    for name in ("recipes.md", "recipe.schema.json", "commands.md"):
        text = (tool.DOCS / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("`samples`", "`simples`"), "utf-8")
    monkeypatch.setattr(tool, "DOCS", tmp_path)
    assert tool.main(["--check"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "recipes.md is out of date: run python tools/write_reference.py"
    assert "commands.md" not in " ".join(told) and any(line.startswith("api/") for line in told)
    assert tool.main([]) == 0 and tool.main(["--check"]) == 0
    assert (tmp_path / "api" / "quantizers.md").exists()
