# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Searches for bits as steps of runs."""

from __future__ import annotations

import json

import pytest

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.runs.steps import search as step
from tests.runs.steps.small import go, recipe_of, write_small

RANDOM = {"bits": [2, 4, 8], "quantizer": "uniform", "evaluations": 9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("search")
    write_small(path)
    return path


def search(sampler, **options):
    return {"search": {"sampler": sampler, "samples": 20, **options}}


def record_of(run):
    return json.loads((run / "steps" / "01-search.json").read_text())["decided"]


@pytest.mark.parametrize("name", ["random", "exhaustive", "greedy", "releq"])
def test_each_sampler_ends_with_bits_for_each_layer(folder, name):
    more = {"updates": 1, "episodes": 4} if name == "releq" else {}
    sampler = {name: {key: RANDOM[key] for key in ("bits", "quantizer")}}
    sampler[name].update(more)
    results = go(recipe_of(folder, search(sampler, score="noise")), folder / name)
    assert {row["bits"] for row in results.layers} <= {2, 4, 8}
    record = record_of(folder / name)
    assert record["options"]["weights"] and len(record["trials"]) == 1


def test_what_is_over_the_budget_is_not_chosen(folder):
    # 48 + 16 weights, and 10 biases of 4 bytes: 8 bits everywhere take 104 bytes.
    results = go(
        recipe_of(folder, search({"exhaustive": RANDOM}, weights=80, score="noise")),
        folder / "budget",
    )
    assert record_of(folder / "budget")["weight_bytes"] <= 80
    assert results.layers


def test_a_budget_that_no_bits_meet_is_refused(folder):
    recipe = recipe_of(folder, search({"random": RANDOM}, weights=20))
    with pytest.raises(InfeasibleBudgetError, match="at least"):
        go(recipe, folder / "small")


def test_layers_that_there_are_not_are_refused(folder):
    recipe = recipe_of(folder, search({"random": {**RANDOM, "fixed": ["fist"]}}))
    with pytest.raises(ConfigError, match="there is no layer 'fist'"):
        go(recipe, folder / "unknown")


def test_a_killed_search_goes_on_without_trying_again(folder, monkeypatch):
    class Killed(BaseException):
        pass

    tried = []
    quality = step._Trials.quality

    def counted(self, options):
        if len(tried) == 4:
            raise Killed
        tried.append(options)
        return quality(self, options)

    recipe = recipe_of(folder, search({"random": RANDOM}, score="noise"))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(step._Trials, "quality", counted)
        go(recipe, folder / "killed")
    notes = folder / "killed" / "steps" / "01-search.json.candidates.jsonl"
    assert len(notes.read_text().splitlines()) == 5
    before = len(tried)
    monkeypatch.setattr(
        step._Trials, "quality", lambda *args: tried.append(args[1]) or quality(*args)
    )
    go(recipe, folder / "killed", resume=True)
    assert len(tried) - before == 9 - 4 and not notes.exists()
    go(recipe, folder / "whole")
    whole, resumed = (record_of(folder / name) for name in ("whole", "killed"))
    assert whole == resumed
