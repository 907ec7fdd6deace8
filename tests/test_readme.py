# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_script_of_the_readme_runs_and_learns(tmp_path, monkeypatch, capsys):
    script = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert script is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(script.group(1), "README.md", "exec"), {})
    loss, packed = capsys.readouterr().out.split()[:2]
    assert float(loss) < 1.0
    assert int(packed) > 0
    assert (tmp_path / "digits.nnp").exists()


@pytest.mark.parametrize(
    "page", ["README.md", "docs/architecture.md", "docs/results.md", "docs/lutq.md"]
)
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_every_folder_named_in_the_architecture_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in re.findall(r"^\| `([a-z_]+(?:/|\.py))`", text, re.M):
        assert (ROOT / "nnabla_compress" / name).exists(), name
