# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the pages name is there: commands with their options, files, modules and their contents."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.cli import VERBS, group
from nnabla_compress.exporters import export_nnp
from nnabla_compress.exporters.metadata import METADATA
from tests.test_readme import PAGES

ROOT = Path(__file__).parents[1]
FOLDERS = ("configs", "docs", "examples", "tests", "tools", "results", "nnabla_compress")
# Options of other programs that pages speak of.
OTHERS = {"--nnp-no-expand-network", "--gc-sections", "--add", "--millions", "--rows", "--table"}
PROGRAM = "nnabla-compress "


def text_of(page):
    return (ROOT / page).read_text("utf-8")


def inline(page):
    return re.findall(r"`([^`\n]+)`", text_of(page))


def commands(page):
    """Command lines of a page, in blocks of code and in the text; continued lines are joined."""
    text = re.sub(r"\\\n\s+", " ", text_of(page))
    block = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    found = [*block, *re.findall(r"`([^`\n]+)`", text)]
    found = [line[line.index(PROGRAM) :] for line in found if PROGRAM in line]
    # What stands behind a hash, after some blanks, is said about the command.
    return [re.sub(r"\s+#.*", "", line).replace("...", "").strip() for line in found]


def options_of(verb):
    made = group.get_command(click.Context(group), verb)
    return {name for option in made.params for name in (*option.opts, *option.secondary_opts)}


EVERY = {name for verb in VERBS for name in options_of(verb)} | {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_have_these_verbs_and_options(page):
    for line in commands(page):
        words = shlex.split(line.replace("[", " ").replace("]", " "))[1:]
        if not words or words[0].startswith("-") or words[0] == "VERB":
            continue
        assert words[0] in VERBS, line
        known = options_of(words[0]) | {"--help", "-h"}
        for word in words[1:]:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0].rstrip(",;") in known, f"{word} in {line}"


@pytest.mark.parametrize("page", PAGES)
def test_options_that_a_page_speaks_of_exist(page):
    for code in inline(page):
        if not code.startswith("nnabla_cli"):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
                assert option in EVERY | OTHERS, f"{option} in {code}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    named = re.findall(rf"(?<![\w/.$])((?:{'|'.join(FOLDERS)})/[\w./-]*[\w/])", text_of(page))
    places = [ROOT, ROOT / "docs", ROOT / "nnabla_compress"]
    for name in named:
        # NAME stands for others.
        assert re.search("[A-Z]{4}", name) or any((p / name).exists() for p in places), name
    for code in inline(page):
        if re.fullmatch(r"(?!out/|runs/)[a-z_]+(/[a-z_0-9]+)+\.(py|c|h|json|md)", code):
            assert any((place / code).exists() for place in places), code


def found(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_what_pages_take_from_them_exist(page):
    text = text_of(page)
    for module, names in re.findall(r"from (nnabla_compress[\w.]*) import ([\w, ]+)", text):
        for name in names.split(","):
            assert found(f"{module}.{name.strip()}"), f"{module}.{name.strip()}"
    for name in re.findall(r"`(nnabla_compress(?:\.\w+)+)", text):
        assert found(name) or name == METADATA, name
    short = "(?:quantizers|graph|nnb|simulator|solvers|exporters|calibration|regularizers)"
    for name in re.findall(rf"`({short}(?:\.\w+)+)[`(]", text):
        assert found(f"nnabla_compress.{name}") or (ROOT / "nnabla_compress" / name).exists(), name


def test_the_options_of_the_shell_in_python_compress_a_network_as_the_page_shows(
    tmp_path, monkeypatch
):
    (script,) = re.findall(r"```python\n(.*?)```", text_of("docs/compress.md"), re.S)
    monkeypatch.chdir(tmp_path)
    nn.clear_parameters()
    x = nn.Variable((1, 1, 4, 4))
    export_nnp("network.nnp", PF.affine(F.relu(PF.affine(x, 8, name="conv")), 2, name="fc"), x)
    nn.clear_parameters()
    images = np.random.RandomState(0).randint(0, 256, (32, 1, 4, 4)).astype(np.uint8)
    labels = (images.mean(axis=(1, 2, 3)) > 127).astype(int)
    np.savez("data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    names = {}
    exec(compile(script, "compress.md", "exec"), names)
    assert names["score"].accuracy == names["results"].compressed.accuracy
    assert [row["bits"] for row in names["results"].layers] == [4, 8]


def test_the_checks_find_what_they_are_for():
    assert any("--score" in options_of(verb) for verb in VERBS)
    assert sum(len(commands(page)) for page in PAGES) > 60
    assert not found("nnabla_compress.nowhere.at_all") and not found(
        "nnabla_compress.graph.nothing"
    )
    assert found("nnabla_compress.analysis.costs")
