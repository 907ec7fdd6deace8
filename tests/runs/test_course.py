# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sequences of steps: they end, open again by their records, and resume to the same bits."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.step import steps
from nnabla_compress.runs import Run, evaluate_run, export_run
from nnabla_compress.transforms import transforms
from tests.runs.steps.small import TRAIN, all_bytes, go, opened_again, recipe_of, write_small

LAST = {"train": {**TRAIN["train"], "terms": [{"distill": {"temperature": 2}}]}}
COURSES = {
    "quantized in two rounds": [
        TRAIN,
        {"quantize": "a*=lut:bits=3"},
        TRAIN,
        {"quantize": "b*=uniform:bits=4"},
        LAST,
    ],
    "calibrated, then trained": [
        TRAIN,
        {"calibrate": {"bits": 4, "activation_bits": 6, "samples": 40, "rounding": False}},
        LAST,
    ],
    "folded, then quantized": [
        TRAIN,
        {"fold": "before"},
        {"quantize": {"weights": "lut:bits=2", "activations": "uniform:bits=4"}},
    ],
    "folded, then taught by maps": [
        TRAIN,
        {"fold": "before"},
        {"quantize": "a*=lut:bits=3"},
        {"train": {**TRAIN["train"], "terms": [{"hints": {"maps": ["a/affine/relu"]}}]}},
    ],
    "folded in training": [
        TRAIN,
        {"quantize": "movingrange:bits=4"},
        {"fold": {"how": "training", "freeze_after": 8}},
        TRAIN,
    ],
    "folded in training and not trained": [
        {"quantize": {"weights": "movingrange:bits=4", "activations": "movingrange:bits=4"}},
        {"fold": "training"},
    ],
    "normalized, folded late": [
        {
            "quantize": {
                "weights": "b*=lut:bits=2",
                "maps": "stored",
                "activations": "uniform:bits=6",
            }
        },
        TRAIN,
        {"fold": "before"},
        {"quantize": "a*=lut:bits=3"},
        TRAIN,
    ],
    "widened, then few bits also for gradients": [
        TRAIN,
        {"widen": 2},
        {"quantize": {"weights": "a*=dorefa:bits=2", "activations": "wrpn:bits=4"}},
        {"train": {**TRAIN["train"], "terms": [{"quantized_gradients": 4}]}},
    ],
    "normalized, widened, not trained": [
        {"widen": {"factor": 3}},
        {"quantize": "wrpn:bits=3,scale=max"},
    ],
    "channels taken out, then quantized": [
        TRAIN,
        {"remove_channels": {"remove": {"a/affine": [1, 5]}}},
        {"quantize": "lut:bits=3"},
        TRAIN,
    ],
    "normalized, shrunk, then quantized": [
        {"shrink": {}},
        {"quantize": "lut:bits=2"},
        TRAIN,
    ],
    "normalized by powers of two, in shares": [
        TRAIN,
        "pow2_batch_normalization",
        {"quantize": "lut:bits=4,dictionary=pow2"},
        {"train": {**TRAIN["train"], "shares": 2}},
    ],
    "normalized, bits lowered in steps": [
        {"quantize": {"weights": "lut:bits=4", "activations": "uniform:bits=8"}},
        TRAIN,
        {
            "quantize": {
                "weights": "a*=lut:bits=2",
                "activations": "uniform:bits=3",
                "replace": True,
            }
        },
        TRAIN,
    ],
    "exits behind a map": [
        TRAIN,
        {"add_exits": "a/affine/relu"},
        {"quantize": "a*=lut:bits=3"},
        TRAIN,
    ],
    "neurons of length one": [
        TRAIN,
        {"normalize_neurons": {}},
        {"quantize": "b*=lut:bits=3"},
        LAST,
    ],
    "fixed a portion at a time": [{"quantize": "inq:bits=3"}, TRAIN],
    "fixed at once": [{"quantize": "inq:bits=3"}],
    "native, then converted": [
        TRAIN,
        {"convert": {"to": "uniform", "layers": "b*"}},
        TRAIN,
        {"convert": "lut"},
        TRAIN,
    ],
    "channels in two rounds": [
        TRAIN,
        {"prune_channels": {"filters": 0.25, "importance": {"taylor": 20}}},
        TRAIN,
        {"prune_channels": {"macs": 0.8}},
        LAST,
    ],
    "normalized, channels, not trained": [
        {"prune_channels": {"parameters": 0.6, "importance": "bn_gamma"}},
        {"statistics": {"samples": 40, "batch_size": 20}},
    ],
    "pruned little by little": [
        {"prune_weights": {"sparsity": 0.5, "across": "layers"}},
        {"train": {**TRAIN["train"], "terms": [{"gradual": {"every": 3}}]}},
    ],
    "pruned at once": [{"prune_weights": {"sparsity": 0.5, "importance": {"snip": 20}}}, TRAIN],
    "factorized by samples, then quantized": [
        TRAIN,
        {"factorize": {"method": "channel", "macs": 0.95, "samples": 20}},
        TRAIN,
        {"quantize": "b*=lut:bits=3"},
        LAST,
    ],
    "normalized, factorized, not trained": [
        {"factorize": {"ranks": 2, "layers": "a*", "responses": False}},
    ],
    "ranks searched, then trained": [
        {
            "search": {
                "over": "factorize",
                "sampler": {"each": [{"ratio": 0.9, "of": "parameters"}, {"ranks": {"a*": 2}}]},
                "samples": 20,
            }
        },
        TRAIN,
    ],
    "quantized, then trained in sections": [
        TRAIN,
        {"quantize": {"weights": "lut:bits=2", "activations": "uniform:bits=4"}},
        {"sections": {"epochs": 2, "batch_size": 8, "checkpoint_interval": 4, "count": 2}},
    ],
    "searched, then trained": [
        {"search": {"sampler": {"knapsack": {"bits": [2, 4]}}, "weights": 110, "samples": 20}},
        TRAIN,
    ],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_small(folder)
    return folder


# The others take as long as these.
_QUICK = (
    "calibrated, then trained",
    "channels taken out, then quantized",
    "exits behind a map",
    "factorized by samples, then quantized",
    "fixed a portion at a time",
    "fixed at once",
    "folded in training",
    "normalized, bits lowered in steps",
    "normalized, channels, not trained",
    "pruned little by little",
    "normalized, shrunk, then quantized",
    "searched, then trained",
    "widened, then few bits also for gradients",
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name in _QUICK else pytest.mark.long) for name in COURSES
    ],
)
def done(request, source):
    """A recipe, the folder where it was carried out in one go, and what it said."""
    normalized = any(word in request.param for word in ("folded", "normalized"))
    network = "normalized" if normalized else "native" if "native" in request.param else "net"
    recipe = recipe_of(source, *COURSES[request.param], network=network)
    folder = source / request.param
    return recipe, folder, go(recipe, folder)


def test_every_step_and_transform_is_in_a_course():
    entries = [entry for course in COURSES.values() for entry in course]
    done = {name for e in entries for name in ([e] if isinstance(e, str) else e)}
    # What trains layers of a graph of nodes has no use for other networks.
    assert {*steps(), *transforms()} - {"layerwise"} <= done


def test_a_finished_course_is_opened_by_its_records(done, tmp_path):
    recipe, folder, results = done
    opened_again(folder, results)
    kept = json.loads((folder / "results.json").read_text())
    assert [row["step"] for row in kept["recipe_steps"]] == [s.title for s in recipe.steps]
    assert Recipe.parse(recipe.dump()) == recipe
    exported = export_run(folder, tmp_path / "again")
    assert exported.paths[0].read_bytes() == (folder / "results.nnp").read_bytes()


def test_a_course_killed_behind_any_step_ends_with_the_same_bits(done, tmp_path):
    recipe, folder, results = done
    for left in range(len(recipe.stages)):
        copy = tmp_path / f"after_{left}" / folder.name
        shutil.copytree(folder, copy)
        for stage in recipe.stages[left:]:
            for path in copy.glob(f"steps/{stage.number:02d}-*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in ("results.json", "results.nnp", "results.nnb", "checksums.json"):
            (copy / name).unlink()
        (copy / "steps" / ".01-train.nnc-a1b2c3d4.h5").write_bytes(b"what a killed run left")
        with pytest.raises(DataError, match="has not finished"):
            evaluate_run(copy)
        again = go(recipe, copy, resume=True)
        assert all_bytes(copy) == all_bytes(folder), left
        assert not list(copy.rglob(".*nnc-*"))
        assert again.compressed.loss == results.compressed.loss


def test_a_training_killed_in_between_ends_with_the_same_bits(done, tmp_path):
    recipe, folder, _ = done
    for which in range(sum(step.trains for step in recipe.steps)):
        copy = tmp_path / f"in_{which}" / folder.name
        with pytest.raises(KeyboardInterrupt):
            Run(recipe, copy, copy.parent).execute(interrupted(which))
        go(recipe, copy, resume=True)
        assert all_bytes(copy) == all_bytes(folder), which


def interrupted(which):
    """Stops one of the trainings at its fifth update."""
    seen = []

    def announce(name, total):
        seen.append(name)

        def progress(done, total, values):
            if len(seen) == which + 1 and done == 5:
                raise KeyboardInterrupt

        return progress

    return announce


def test_a_record_that_says_anything_is_refused_in_one_message(done, tmp_path):
    recipe, folder, _ = done
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    for stage in recipe.stages:
        path = copy / stage.record
        before = path.read_bytes()
        for decided in ({}, [], {"weights": 5}, {"weights": {"a/affine": {"quantizer": "no"}}}):
            if stage.step.trains or stage.step.title in ("fold", "statistics"):
                continue  # these decide nothing
            path.write_text(json.dumps({"step": "any", "decided": decided}))
            with pytest.raises(CompressError) as error:
                evaluate_run(copy)
            assert error.value.help, decided
        path.write_bytes(before)
    assert evaluate_run(copy)


def test_the_bits_of_a_search_fill_the_budget(done):
    recipe, folder, results = done
    if getattr(recipe.steps[0], "weights", None) is None:
        pytest.skip("no search within a budget")
    found = results.recipe_steps[0]
    assert found["weight_bytes"] <= 110
    assert len(found["trials"]) == 5  # two layers at two widths each, then both together
    assert {row["bits"] for row in results.layers} <= {2, 4}


@pytest.mark.parametrize(
    "steps, message",
    [
        ([{"quantize": "nothing*=lut:bits=2"}], "no layer matches 'nothing"),
        (
            [{"search": {"sampler": {"each": ["lut:bits=2"]}, "weights": 3}}],
            "least of what it tries",
        ),
        ([{"search": {"sampler": "knapsack"}}], "fills a budget"),
        ([{"quantize": "lut:bits=2"}, {"calibrate": {}}], "quantized already"),
        ([{"quantize": "inq:iterations=5+12"}], "training ends after 12 updates"),
        (["convert"], "quantizer of NNabla's own"),
        ([{"calibrate": {"weights": "nothing*=affine:bits=4"}}], "no layer matches 'nothing"),
        (["fold", {"train": {"epochs": 1, "terms": [{"budget": {"weights": 1}}]}}], "learns its"),
    ],
)
def test_what_can_not_be_done_is_said_before_anything_is_trained(source, tmp_path, steps, message):
    def never(name, total):
        raise AssertionError(f"{name} began")

    recipe = recipe_of(source, *steps, TRAIN)
    with pytest.raises(CompressError, match=message):
        Run(recipe, tmp_path / "out", tmp_path).execute(never)


def test_a_search_that_can_not_end_within_its_budget_is_refused_before_the_training(
    source, tmp_path
):
    for sampler in ({"knapsack": {"bits": [2]}}, {"each": ["lut:bits=2"]}):
        recipe = recipe_of(source, TRAIN, {"search": {"sampler": sampler, "weights": 30}})
        with pytest.raises(CompressError, match="weights of at most 30 B .* at least 5[0-9] B"):
            Run(recipe, tmp_path / "out", tmp_path).execute(lambda name, total: 1 / 0)


def test_a_recipe_whose_parameters_are_missing_leaves_the_folder_to_a_corrected_one(
    source, tmp_path
):
    kept = recipe_of(source, {"quantize": "lut:bits=2"}).model_dump(mode="json")
    kept["model"]["parameters"] = str(tmp_path / "missing.h5")
    with pytest.raises(CompressError, match="missing.h5"):
        Run(Recipe.checked(kept), tmp_path / "out", tmp_path).execute(lambda name, total: 1 / 0)
    assert not (tmp_path / "out").exists()


def test_samples_that_calibration_took_are_not_scored_on_in_a_recipe(source, tmp_path):
    rng = np.random.RandomState(1)
    np.savez(tmp_path / "one.npz", x=rng.randn(50, 6), y=rng.randint(0, 2, 50))
    recipe = recipe_of(source, {"calibrate": {"samples": 30}}).model_dump(mode="json")
    recipe["data"] = {"source": "npz", "path": str(tmp_path / "one.npz")}
    results = go(Recipe.checked(recipe), tmp_path / "out")
    assert (results.calibration_samples, results.float.samples) == (30, 20)


def test_weights_are_calibrated_without_any_data_and_nothing_is_scored(source, tmp_path):
    step = {"calibrate": {"bits": 4, "activations": []}}
    results = go(recipe_of(source, step, data=None), tmp_path / "run")
    assert results.compressed.accuracy is None and results.float.accuracy is None
    assert results.compressed.packed_weight_bytes < results.float.packed_weight_bytes


def test_the_forms_of_a_recipe_exclude_each_other(source):
    with pytest.raises(CompressError, match="steps and float_training exclude"):
        recipe_of(source, TRAIN, float_training={"epochs": 1})
