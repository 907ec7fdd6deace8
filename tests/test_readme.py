# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnabla_compress import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = DOCS / "_build"
PAGES = [
    "README.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in DOCS.rglob("*.md") if MADE not in p.parents),
]


def test_the_script_of_the_readme_runs_and_learns(tmp_path, monkeypatch, capsys):
    script = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert script is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(script.group(1), "README.md", "exec"), {})
    loss, packed = capsys.readouterr().out.split()[:2]
    assert float(loss) < 1.0
    assert int(packed) > 0
    assert (tmp_path / "digits.nnp").exists()


def anchors(page):
    """What a link to a heading of the page ends in."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_stands_in_the_table_of_verbs(name):
    table = (DOCS / "commands.md").read_text("utf-8").split("<!-- reference")[0]
    assert re.search(rf"^\|.*`.*{name} .*\|$", table, re.M)


def test_every_page_stands_in_one_list_of_contents():
    lists = {
        page: re.findall(r"```{toctree}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)
        for page in PAGES
    }
    listed = [
        (Path(page).parent / line).as_posix() + ".md"
        for page, found in lists.items()
        for line in "\n".join(found).splitlines()
        if line and not line.startswith(":")
    ]
    assert sorted([*listed, "README.md", "docs/index.md"]) == PAGES
    # Sphinx has pages of its own under these names.
    assert not {"docs/search.md", "docs/genindex.md", "docs/py-modindex.md"} & set(PAGES)


def test_every_folder_named_in_the_architecture_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in re.findall(r"^\| `([a-z_]+(?:/|\.py))`", text, re.M):
        assert (ROOT / "nnabla_compress" / name).exists(), name
