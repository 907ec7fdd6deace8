# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is checked before a commit and in public is what ``make lint`` and ``.ci/run`` check."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.test_readme import anchors

ROOT = Path(__file__).parents[2]


def read(name):
    return (ROOT / name).read_text("utf-8")


def test_the_hooks_before_a_commit_are_the_commands_of_make_lint():
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    hooks = [hook["entry"].split(" -m ")[1] for hook in repository["hooks"]]
    lint = re.search(r"^lint: .*\n((?:\t.*\n)+)", read("Makefile"), re.M).group(1)
    commands = [line.split(" -m ")[1] for line in lint.splitlines()]
    assert hooks == [re.sub(r" --check| \.$", "", command).strip(" .") for command in commands]
    assert all(hook["entry"].startswith(".venv/bin/python ") for hook in repository["hooks"])


def test_every_python_of_the_package_is_tried_by_what_runs_on_any_machine():
    (job,) = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"].values()
    known = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', read("setup.py"))
    assert job["strategy"]["matrix"]["python"] == known
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    (environment,) = [step["env"] for step in job["steps"] if "run" in step]
    assert list(environment) == ["PYTHON"]  # which tools/find_python.sh takes


def test_the_commands_of_the_check_are_targets_of_make():
    targets = re.findall(r"^([a-z]+):", read("Makefile"), re.M)
    commands = re.findall(r"^make (\w+)$", read(".ci/run"), re.M)
    assert commands == ["lint", "docs", "demo", "test"] and set(commands) <= set(targets)


def test_files_and_folders_that_contributors_are_sent_to_exist():
    text = read("CONTRIBUTING.md")
    for path in re.findall(r"`([\w./]+/[\w./]*)`", text):
        places = [ROOT, ROOT / "nnabla_compress"]
        made_up = re.search("[A-Z]{4}", path)
        assert made_up or any((place / path).exists() for place in places), path
    for target, anchor in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", text):
        assert (ROOT / target).exists(), target
        assert not anchor or anchor in anchors(ROOT / target), anchor
