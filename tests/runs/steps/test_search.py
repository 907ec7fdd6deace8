# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Searches for bits as steps of runs."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time

import pytest

from nnabla_compress.errors import (
    CompressError,
    ConfigError,
    DataError,
    InfeasibleBudgetError,
)
from nnabla_compress.runs.candidates import Candidates
from nnabla_compress.workers import workers
from nnabla_compress.workers.in_process import InProcess
from tests.runs.steps.small import all_bytes, go, recipe_of, write_small
from tests.workers.chores import begun

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


class Killed(BaseException):
    pass


def counted(monkeypatch, tried, most=None):
    """Notes what is tried, and ends it as a kill would."""
    judge = Candidates.__call__

    def noted(self, options):
        if len(tried) == most:
            raise Killed
        tried.append(options)
        return judge(self, options)

    monkeypatch.setattr(Candidates, "__call__", noted)


def test_a_killed_search_goes_on_without_trying_again(folder, monkeypatch):
    tried = []
    recipe = recipe_of(folder, search({"random": RANDOM}, score="noise"))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        counted(patched, tried, 4)
        go(recipe, folder / "killed")
    notes = folder / "killed" / "steps" / "01-search.json.candidates.jsonl"
    assert len(notes.read_text().splitlines()) == 5
    before = len(tried)
    counted(monkeypatch, tried)
    go(recipe, folder / "killed", resume=True)
    # Nine candidates, and the best once more for what is told of it.
    assert len(tried) - before == 9 - 4 + 1 and not notes.exists()
    go(recipe, folder / "whole")
    whole, resumed = (record_of(folder / name) for name in ("whole", "killed"))
    assert whole == resumed


def test_a_killed_search_without_a_reward_does_not_try_again_either(folder, monkeypatch):
    tried = []
    recipe = recipe_of(folder, search({"knapsack": {"bits": [2, 4, 8]}}, weights=100))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        counted(patched, tried, 4)
        go(recipe, folder / "killed-knapsack")
    counted(monkeypatch, tried)
    go(recipe, folder / "killed-knapsack", resume=True)
    assert len(tried) == 2 * 3 + 1
    assert not list((folder / "killed-knapsack" / "steps").glob("*.jsonl"))


TRAINED = {"score": "accuracy", "training": {"epochs": 1, "batch_size": 8}}


@pytest.mark.parametrize(
    "sampler", [{"random": RANDOM}, {"each": ["uniform:bits=2", "uniform:bits=8"]}]
)
def test_each_candidate_is_trained_from_the_same_parameters_and_leaves_none(folder, sampler):
    name = next(iter(sampler))
    told = []
    results = go(
        recipe_of(folder, search(sampler, **TRAINED)), folder / f"trained-{name}", tell=told.append
    )
    record = record_of(folder / f"trained-{name}")
    assert all(0 <= trial["relative_accuracy"] <= 1.5 for trial in record["trials"])
    assert "search: each candidate is trained for 6 updates" in told
    # The network that was chosen has the weights that were given.
    plain = recipe_of(folder, {"quantize": record["options"]})
    again = go(plain, folder / f"plain-{name}")
    assert results.compressed.loss == again.compressed.loss
    assert not (folder / f"trained-{name}" / "steps" / "01-search").exists()


EACH = {"each": ["lut:bits=2", "lut:bits=3"]}


class Elsewhere(InProcess):
    """Does what is sent in this process, as another one would."""

    here = False

    def serve(self, work, source, finished):
        def sent(task):
            return pickle.loads(pickle.dumps(work))(task)

        super().serve(sent, source, finished)


def test_what_is_sent_elsewhere_finds_the_same(folder):
    recipe = recipe_of(folder, search({"random": RANDOM}, **TRAINED), network="normalized")
    go(recipe, folder / "here")
    go(recipe, folder / "there", crew=Elsewhere())
    assert all_bytes(folder / "here") == all_bytes(folder / "there")


@pytest.mark.long
def test_two_processes_find_the_same(folder):
    recipe = recipe_of(folder, search(EACH, **TRAINED))
    go(recipe, folder / "alone")
    with workers(2) as crew:
        go(recipe, folder / "shared", crew=crew)
    assert all_bytes(folder / "alone") == all_bytes(folder / "shared")


# Candidates that take tenths of a second each.
LONG = {"score": "accuracy", "training": {"epochs": 60, "batch_size": 8}}
PATIENCE = 60.0


def noted(run):
    """How many candidates a search that goes on has noted."""
    notes = run / "steps" / "01-search.json.candidates.jsonl"
    return notes.read_text().count("\n") - 1 if notes.exists() else 0


@pytest.mark.long
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_ended_by_sigkill_repeats_no_candidate(folder, jobs):
    recipe = recipe_of(folder, search({"random": RANDOM}, **LONG))
    file, run = folder / f"killed-{jobs}.yaml", folder / f"sigkill-{jobs}"
    file.write_text(recipe.dump())
    script = folder / "command.py"
    script.write_text("import sys\nfrom nnabla_compress.cli import main\nmain(sys.argv[1:])\n")
    words = ["run", file, "-o", run, "--jobs", jobs]
    process = begun(script, *words)
    end = time.monotonic() + PATIENCE
    while noted(run) < 3 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    before = noted(run)
    assert 3 <= before < 9 and process.returncode == -signal.SIGKILL
    _, said = begun(script, *words, "--resume").communicate()
    told = f"9 of 9 candidates evaluated, {before} of them before it was interrupted"
    assert told in " ".join(said.split())
    go(recipe, folder / f"unkilled-{jobs}")
    assert all_bytes(run) == all_bytes(folder / f"unkilled-{jobs}")


@pytest.mark.long
def test_a_worker_that_sigkill_ends_during_a_candidate_changes_nothing(folder):
    recipe = recipe_of(folder, search({"random": RANDOM}, **LONG))
    go(recipe, folder / "undisturbed")
    killed, told = [], []

    def kill_one():
        end = time.monotonic() + PATIENCE
        while noted(folder / "disturbed") < 2 and time.monotonic() < end:
            time.sleep(0.01)
        killed.append(multiprocessing.active_children()[0].pid)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one)
    thread.start()
    with workers(2) as crew:
        go(recipe, folder / "disturbed", crew=crew, tell=told.append)
    thread.join()
    assert killed and not any("failed" in line for line in told)
    assert all_bytes(folder / "undisturbed") == all_bytes(folder / "disturbed")


@pytest.mark.long
def test_a_cluster_finds_the_same_as_two_processes(folder, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed: the extra search has it")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    recipe = recipe_of(folder, search({"random": RANDOM}, **TRAINED))
    for name, ray in (("of processes", None), ("of a cluster", "local")):
        with workers(2, ray) as crew:
            go(recipe, folder / name, crew=crew)
    assert all_bytes(folder / "of processes") == all_bytes(folder / "of a cluster")


def test_a_candidate_that_fails_is_told_and_another_one_is_chosen(folder, monkeypatch):
    judge, told = Candidates.__call__, []

    def fails(self, options):
        if "bits=2" in str(options):
            raise CompressError("two are too few.")
        return judge(self, options)

    monkeypatch.setattr(Candidates, "__call__", fails)
    recipe = recipe_of(folder, search({"each": ["lut:bits=2", "lut:bits=4"]}))
    go(recipe, folder / "fails", tell=told.append)
    record = record_of(folder / "fails")
    assert record["options"] == "lut:bits=4"
    assert record["trials"][0] == {"tried": "lut:bits=2", "failed": "two are too few."}
    assert "lut:bits=2 failed: two are too few." in told


def test_candidates_all_of_which_diverge_end_with_one_message(folder):
    wild = {"epochs": 1, "batch_size": 8, "learning_rate": 1e38}
    sampler = {"each": ["uniform:bits=4", "uniform:bits=8"]}
    recipe = recipe_of(folder, search(sampler, training=wild))
    with pytest.raises(CompressError, match="no candidate could be tried; uniform:bits=4: "):
        go(recipe, folder / "diverges")


def test_accuracy_without_validation_samples_is_refused_before_anything_is_tried(folder):
    data = {"source": "npz", "path": str(folder / "data.npz")}
    recipe = recipe_of(folder, search({"random": RANDOM}, **TRAINED), data=data)
    with pytest.raises(DataError, match="validation"):
        go(recipe, folder / "unvalidated")
