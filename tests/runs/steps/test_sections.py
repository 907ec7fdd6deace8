# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs whose networks are trained in sections: killed, shared, put together, opened again."""

from __future__ import annotations

import collections
import pickle
import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run
from nnabla_compress.workers import Failed, Workers, workers
from nnabla_compress.workers.interface import END
from tests.runs.steps.small import (
    TRAIN,
    all_bytes,
    go,
    opened_again,
    parameters,
    recipe_of,
    write_small,
)

QUANTIZE = {"quantize": {"weights": "lut:bits=2", "activations": "uniform:bits=4"}}
HOW = {"epochs": 2, "batch_size": 8, "checkpoint_interval": 4}


def of_one(folder, *steps, **more):
    return recipe_of(folder, *steps, **{"export": {"nnb": False}, **more})


def in_sections(**options):
    return {"sections": {**HOW, **options}}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_small(folder)
    write_two_inputs(folder)
    return folder


def write_two_inputs(folder):
    """``two.nnp``, a network of two inputs with a block, and ``two.npz``."""
    rng = np.random.RandomState(1)
    y = np.arange(60) % 2
    one = (rng.randn(60, 6) + 2 * y[:, None]).astype(np.float32)
    other = rng.randn(60, 4).astype(np.float32)
    test = {"one_test": one[:20], "other_test": other[:20], "y_test": y[:20]}
    np.savez(folder / "two.npz", one_train=one, other_train=other, y_train=y, **test)
    nn.clear_parameters()
    inputs = {"one": nn.Variable((1, 6)), "other": nn.Variable((1, 4))}
    h = F.relu(PF.affine(inputs["one"], 5, name="a", w_init=rng.randn(6, 5)))
    g = F.relu(PF.affine(inputs["other"], 5, name="c", w_init=rng.randn(4, 5)))
    h = F.relu(F.add2(h, g))
    h = F.relu(F.add2(PF.affine(h, 5, name="b", w_init=rng.randn(5, 5)), h))
    y = PF.affine(h, 2, name="d", w_init=rng.randn(5, 2))
    names = dict(inputs)
    contents = {"name": "two", "batch_size": 1, "outputs": {"y": y}, "names": names}
    save(str(folder / "two.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()


def of_two(folder, *steps, **more):
    return recipe_of(
        folder, *steps, network="two", data={"source": "npz", "path": str(folder / "two.npz")},
        **more,
    )  # fmt: skip


def stopping_at(folder, done):
    """Stops a run in a training, when it has done so much."""

    def announce(name, total):
        def after(now, total, values):
            if name.endswith(folder) and now == done:
                raise KeyboardInterrupt

        return after

    return announce


def test_a_run_in_sections_is_opened_again_and_says_what_each_costs(source):
    recipe = of_one(source, QUANTIZE, in_sections(again=1), network="normalized", export={})
    results = go(recipe, source / "whole")
    opened_again(source / "whole", results)
    rows = Results.read(source / "whole").sections
    assert [row["section"] for row in rows] == [1, 2] and rows == results.sections
    assert sum("again" in row for row in rows) == 1
    assert rows[0]["alone"] < rows[0]["before"]  # the last one learns labels, too
    assert all(row["accumulated"] <= row["bound"] * 1.000001 for row in rows)
    assert results.recipe_steps[1]["cut_at"] == ["a/affine/relu"]
    assert not (source / "whole" / "steps" / "02-sections" / "features").exists()


@pytest.mark.parametrize(
    ("folder", "done"), [("section-1", 3), ("section-1", 12), ("section-2", 6), ("again", 5)]
)
def test_a_run_killed_in_any_section_ends_with_the_same_bits(source, folder, done):
    recipe = of_one(source, QUANTIZE, in_sections(again=1), TRAIN)
    if not (source / "straight").exists():
        go(recipe, source / "straight")
    place = source / f"killed-{folder}-{done}"
    with pytest.raises(KeyboardInterrupt):
        Run(recipe, place, source).execute(stopping_at(folder, done))
    assert not (place / "steps" / "02-sections.json").exists()
    go(recipe, place, resume=True)
    whole = all_bytes(source / "straight")
    assert all_bytes(place) == whole and len(whole) > 5


def test_a_section_that_is_trained_stays_as_it_is_when_another_is_gone_on_with(source):
    recipe = of_one(source, QUANTIZE, in_sections())
    with pytest.raises(KeyboardInterrupt):
        Run(recipe, source / "half", source).execute(stopping_at("section-2", 6))
    kept = source / "half" / "steps" / "02-sections" / "section-1" / "trained.h5"
    before = kept.stat().st_mtime_ns
    go(recipe, source / "half", resume=True)
    assert kept.stat().st_mtime_ns == before


def test_two_processes_leave_what_one_does(source):
    recipe = of_one(source, QUANTIZE, in_sections(), network="normalized")
    go(recipe, source / "alone")
    with workers(2) as crew:
        run = Run(recipe, source / "shared", source)
        run.execute(lambda name, total: lambda *now: None, crew=crew)
    whole = all_bytes(source / "alone")
    assert all_bytes(source / "shared") == whole and len(whole) > 4
    names = [
        sorted(path.relative_to(source / name).as_posix() for path in (source / name).rglob("*"))
        for name in ("shared", "alone")
    ]
    assert names[0] == names[1]


class Elsewhere(Workers):
    """Does tasks in this process from the last to the first, and fails where it is told to."""

    def __init__(self, fails=()):
        super().__init__(2)
        self.fails = fails

    def serve(self, work, source, finished):
        tasks = list(iter(source, END))
        for number, task in reversed(list(enumerate(tasks))):
            if number in self.fails:
                finished(number, Failed(task, "section 2 diverged.", "go slower"))
            else:
                finished(number, work(pickle.loads(pickle.dumps(task))))


def test_the_order_of_sections_changes_nothing(source):
    recipe = of_one(source, QUANTIZE, in_sections(again=1), network="normalized", export={})
    if not (source / "whole").exists():
        go(recipe, source / "whole")
    run = Run(recipe, source / "backwards", source)
    run.execute(lambda name, total: lambda *now: None, crew=Elsewhere())
    assert all_bytes(source / "backwards") == all_bytes(source / "whole")


def test_what_goes_wrong_elsewhere_is_said_here_and_what_was_done_is_kept(source):
    recipe = of_one(source, QUANTIZE, in_sections(), network="normalized")
    with pytest.raises(CompressError, match="section 2 diverged") as caught:
        Run(recipe, source / "failed", source).execute(
            lambda name, total: lambda *now: None, crew=Elsewhere(fails=[1])
        )
    assert caught.value.help == "go slower"
    assert (source / "failed" / "steps" / "02-sections" / "section-1" / "trained.h5").exists()


def test_layers_that_stay_float_are_the_teachers_bit_for_bit(source):
    quantize = {"quantize": {"weights": [{"layers": "b*", "quantizer": "dorefa", "bits": 2}]}}
    step = in_sections(normalization="running", statistics=0)
    recipe = of_one(source, {"train": {**TRAIN["train"]}}, quantize, step, network="normalized")
    go(recipe, source / "float")
    before, after = (
        parameters(source / "float" / "steps" / f"{name}.h5")
        for name in ("01-train", "03-sections")
    )
    same = [name for name in before if name.startswith("a/")]
    assert len(same) == 6 and all(before[n].tobytes() == after[n].tobytes() for n in same)
    assert any((before[name] != after[name]).any() for name in before if name.startswith("b/"))


def test_no_labels_are_needed_where_the_teacher_alone_teaches(source):
    data = dict(np.load(source / "data.npz"))
    found = []
    for name, changed in (("asis", data["y_train"]), ("mixed", 1 - data["y_train"])):
        np.savez(source / f"{name}.npz", **{**data, "y_train": changed})
        given = {"source": "npz", "path": str(source / f"{name}.npz")}
        go(of_one(source, QUANTIZE, in_sections(weight=1), data=given), source / name)
        found.append((source / name / "steps" / "02-sections.h5").read_bytes())
    assert found[0] == found[1]
    np.savez(source / "bare.npz", x_train=data["x_train"])
    given = {"source": "npz", "path": str(source / "bare.npz")}
    recipe = of_one(source, QUANTIZE, in_sections(weight=1), data=given, evaluate=False)
    go(recipe, source / "bare")
    assert (source / "bare" / "steps" / "02-sections.h5").read_bytes() == found[0]


def test_sections_that_read_the_students_maps_follow_each_other(source):
    results = [
        go(of_one(source, QUANTIZE, in_sections(input=name)), source / f"of-{name}")
        for name in ("teacher", "student")
    ]
    first, second = (found.sections for found in results)
    assert first[0] == second[0] and first[1] != second[1]
    opened_again(source / "of-student", results[1])


def test_two_inputs_and_a_skip_across_a_cut(source):
    step = in_sections(split=["a/affine/relu", "b/affine"], features="cache")
    results = go(of_two(source, {"quantize": "lut:bits=2"}, step), source / "inputs")
    assert [(row["reads"], row["gives"]) for row in results.sections] == [
        (["one"], ["a/affine/relu"]),
        (["other", "a/affine/relu"], ["c/affine/relu_2", "b/affine"]),
        (["b/affine", "c/affine/relu_2"], ["output"]),
    ]
    opened_again(source / "inputs", results)


def test_blocks_and_kept_maps_of_half_precision(source):
    step = in_sections(split="blocks", features="cache", precision="float16", loss="l1")
    results = go(of_two(source, {"quantize": "lut:bits=2"}, step), source / "blocks")
    assert [row["gives"] for row in results.sections] == [
        ["c/affine/relu_2"],
        ["b/affine/relu"],
        ["output"],
    ]
    assert results.recipe_steps[1]["maps"] == "cached"


@pytest.mark.parametrize(
    ("steps", "wrong", "help"),
    [
        ([in_sections()], "the network is its own teacher", "put quantize:"),
        ([TRAIN, in_sections(), QUANTIZE], "the network is its own teacher", "put quantize:"),
        (
            [QUANTIZE, in_sections(split=["a/afine/relu"])],
            "no map 'a/afine/relu'",
            "did you mean 'a/affine/relu'",
        ),
        (
            [QUANTIZE, in_sections(split=["a/affine", "a/affine/relu"])],
            "section 2, behind a/affine to a/affine/relu, has nothing to train",
            "leave one",
        ),
        ([QUANTIZE, in_sections(count=3)], "at most, 3 are asked for", "ask for fewer"),
        ([QUANTIZE, in_sections(split="blocks")], "has no blocks", "a/affine/relu"),
        (
            [QUANTIZE, in_sections(features="cache", cache_limit=100)],
            "cache_limit is 100 B",
            "features: stream",
        ),
        (
            [{"quantize": "uniform:bits=4,learn=d_qmax"},
             in_sections(terms=[{"budget": {"weights": "1 kB"}}])],
            "budget keeps the whole network to a budget",
            "train step that follows",
        ),
        (
            [{"prune_channels": {"filters": 0.5}}, in_sections(split=["a/affine/relu"])],
            "its teacher has the shape",
            "",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_before_anything_is_done(source, tmp_path, steps, wrong, help):
    with pytest.raises(CompressError, match=wrong) as caught:
        go(of_one(source, *steps), tmp_path / "run")
    assert help in caught.value.help
    assert not (tmp_path / "run" / "steps").exists()


def test_a_disk_without_room_for_the_maps_is_refused_or_not_used(source, tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 1000, 0))
    with pytest.raises(ConfigError, match="has 0 B left"):
        go(of_one(source, QUANTIZE, in_sections(features="cache")), tmp_path / "full")
    results = go(of_one(source, QUANTIZE, in_sections()), tmp_path / "streamed")
    assert results.recipe_steps[1]["maps"] == "streamed"


@pytest.mark.parametrize(
    ("options", "wrong", "help"),
    [
        ({"split": "block"}, "split is 'block'", "did you mean 'blocks'"),
        ({"split": []}, "names no place", "conv1"),
        ({"loss": "mes"}, "loss is 'mes'", "did you mean 'mse'"),
        ({"input": "teachr"}, "input is 'teachr'", "did you mean 'teacher'"),
        ({"features": "cache", "input": "student"}, "sections read others", "stream"),
        ({"terms": [{"distill": {}}]}, "distill has a teacher of its own", "weight"),
        ({"weight": 1.5}, "weight is 1.5", ""),
    ],
)
def test_options_are_checked_where_they_stand(source, options, wrong, help):
    with pytest.raises(ConfigError, match=wrong) as caught:
        of_one(source, QUANTIZE, in_sections(**options))
    assert help in caught.value.help


def test_a_recipe_says_all_options_again_as_it_was_given(source):
    step = in_sections(stop={"plateau": {"epochs": 2}}, split=["a/affine/relu"])
    recipe = of_one(source, QUANTIZE, step)
    assert Recipe.parse(recipe.dump()) == recipe
