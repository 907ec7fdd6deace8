# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What pages tell people to do is done here: commands and Python cells, and what they then see."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nnabla as nn
import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIALS = sorted(path for path in (DOCS / "tutorials").glob("*.md") if path.stem != "index")
HOW_TO = sorted(path for path in (DOCS / "how_to").glob("*.md") if path.stem != "index")
METHODS = sorted(
    set(re.findall(r"^\| \[[^]]+\]\((\w+\.md)\)", (DOCS / "methods.md").read_text("utf-8"), re.M))
)
# A device test needs an emulator, a compiler and the sources of the runtime.
DEVICE = "NNABLART_SOURCE" in os.environ and all(
    shutil.which(program) for program in ("qemu-system-arm", "arm-none-eabi-gcc")
)
BLOCK = re.compile(r"```(\w+)\n(.*?)```|((?:^    [^\n]*\n(?:\n(?=    ))?)+)", re.S | re.M)


def blocks(page):
    """What a page has as code: pairs of a kind and a text; commands are of the kind "shell"."""
    for kind, fenced, indented in BLOCK.findall(page.read_text("utf-8")):
        yield (kind, fenced) if kind else ("shell", indented)


def masked(text):
    """Words of a line without the digits, whose last ones are those of one kind of CPU."""
    return re.sub(r"\d[\d,.e+-]*", "#", " ".join(text.split()))


def checkout(folder, programs):
    """A folder with what a checkout has, and what carries commands out there."""
    folder.mkdir()
    for name in ("configs", "examples", "tools"):
        (folder / name).symlink_to(ROOT / name)
    programs.mkdir()
    for name, words in (("nnabla-compress", "-m nnabla_compress"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    paths = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "100"}

    def run(command, status=0):
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            env={**os.environ, **paths},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == status, f"{command}\n{done.stdout}"
        return done.stdout

    return run


def follow(page, run, capsys):
    """Does what a page says, in its order, and compares what is seen with what it shows."""
    nn.clear_parameters()
    names, printed, todo = {}, "", list(blocks(page))
    for (kind, text), (_, behind) in zip(todo, [*todo[1:], ("", "")]):
        if kind == "python":
            exec(compile(text, page.name, "exec"), names)
            printed = capsys.readouterr().out
        elif kind == "shell" and (DEVICE or "device-test" not in text):
            printed = run(text, status=int(re.match(r"\w+Error:", behind) is not None))
        elif kind == "text":
            seen = {masked(line) for line in printed.splitlines()}
            for line in text.splitlines():
                assert masked(line) in seen, f"{line}\n\nis not in\n\n{printed}"
    return names


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder that pages for problems start from: the network of the tutorial, and 8 bits."""
    place = tmp_path_factory.mktemp("begun")
    run = checkout(place / "checkout", place / "bin")
    for _, text in list(blocks(DOCS / "tutorials" / "console.md")):
        if " -o digits" in text or " -o eight" in text:
            run(text)
    assert (place / "checkout" / "eight" / "results.nnb").exists()
    return place / "checkout", run


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_what_a_tutorial_says_works_and_shows_what_it_shows(page, tmp_path, monkeypatch, capsys):
    run = checkout(tmp_path / "checkout", tmp_path / "bin")
    monkeypatch.chdir(tmp_path / "checkout")
    names = follow(page, run, capsys)
    if page.stem == "script":
        assert names["accuracy"](names["y_test"], names["x_test"]) > 0.9


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_page_for_a_problem_shows_what_is_seen(page, begun, monkeypatch, capsys):
    folder, run = begun
    monkeypatch.chdir(folder)
    follow(page, run, capsys)


@pytest.mark.parametrize("name", METHODS)
def test_a_page_of_a_method_says_when_what_came_of_it_and_where_it_ends(name):
    headings = re.findall(r"^## (.+)$", (DOCS / name).read_text("utf-8"), re.M)
    for heading in ("When to use it", "Results", "Limits"):
        assert headings.count(heading) == 1, heading


def test_the_best_rows_of_methods_are_those_of_their_files():
    text = (DOCS / "methods.md").read_text("utf-8")
    rows = re.findall(r"\[([\d.]+) -> ([\d.]+) %, ([\d.]+)\]\((results/[^)]+)\)", text)
    assert len(rows) >= 10 and len(METHODS) >= 12
    for before, after, ratio, name in rows:
        result = json.loads((DOCS / name).read_text("utf-8"))
        packed = result["compressed"]["packed_weight_bytes"]
        plain = result["float"].get(
            "float_weight_bytes", result["compressed"]["float_weight_bytes"]
        )
        assert [before, after, ratio] == [
            f"{100 * result['float']['accuracy']:.2f}",
            f"{100 * result['compressed']['accuracy']:.2f}",
            f"{packed / plain:.3f}",
        ], name


def test_blocks_of_a_page_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Words\n\n    one \\\n        two\n\nmore\n\n```text\n    seen 1.5\n```\n\n    3\n"
    )
    assert list(blocks(page)) == [
        ("shell", "    one \\\n        two\n"),
        ("text", "    seen 1.5\n"),
        ("shell", "    3\n"),
    ]
    assert masked("flash:  4,720 bytes, 4.11e-06") == "flash: # bytes, #"


def test_every_page_to_follow_has_something_to_do():
    assert {page.stem for page in TUTORIALS} >= {"console", "notebook", "script"}
    for page in (*TUTORIALS, *HOW_TO):
        assert {kind for kind, _ in blocks(page)} & {"shell", "python"}, page
