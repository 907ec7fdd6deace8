# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A transform, a term, a step and a search of somebody's own: one class each, and nothing else."""

from __future__ import annotations

import json

import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant, value
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.recipes import step
from nnabla_compress.search import sampler
from nnabla_compress.training.terms import term
from nnabla_compress.transforms import transform
from tests.runs.steps.small import (
    TRAIN,
    all_bytes,
    go,
    opened_again,
    parameters,
    recipe_of,
    write_small,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    step.steps()  # those of the package stay known
    for module in (step, sampler, term, transform):
        monkeypatch.setattr(module._REGISTRY, "kinds", dict(module._REGISTRY.kinds))
    write_small(tmp_path)
    return tmp_path


def finished(folder, *steps, **more):
    """Runs a recipe, opens its folder again, and does all of it again from its records."""
    recipe = recipe_of(folder, *steps, **more)
    results = go(recipe, folder / "run")
    opened_again(folder / "run", results)
    before = all_bytes(folder / "run")
    assert go(type(recipe).parse(recipe.dump()), folder / "run", resume=True) == results
    assert all_bytes(folder / "run") == before
    return results


def test_a_transform_that_makes_a_layer_smaller(folder):
    @transform.register_transform("thin")
    class Thin(transform.Transform):
        """Keeps the hidden channels with the largest weights."""

        channels: int = 4
        holds = True

        def decide(self, network, context):
            first = layers([network.output])[0]
            size = np.abs(value(first.weight)).sum(axis=0)
            return {"kept": sorted(map(int, np.argsort(size)[-self.channels :]))}

        def replay(self, network, decisions):
            kept, (first, second) = decisions["kept"], layers([network.output])

            def cut(function, inputs):
                if function not in (first.function, second.function):
                    return None
                x, weight, bias = inputs
                rows = (slice(None), kept) if function == first.function else kept
                smaller = constant(value(weight)[rows], weight.name, True)
                if function == first.function:
                    bias = constant(value(bias)[kept], bias.name, True)
                return clone(function, [x, keep(smaller), keep(bias)])[0]

            return network.giving(rebuild([network.output], cut))

    rounds = [TRAIN, {"thin": {"channels": 6}}, TRAIN, {"thin": {"channels": 4}}, TRAIN]
    results = finished(folder, *rounds)
    assert [row["weights"] for row in results.layers] == [24, 8]
    decided = json.loads((folder / "run" / "steps" / "04-thin.json").read_text())["decided"]
    assert len(decided["kept"]) == 4
    assert results.compressed.sizes.nnb_bytes < results.float.sizes.nnb_bytes


def keep(parameter):
    import nnabla as nn

    nn.parameter.set_parameter(parameter.name, parameter)
    return parameter


def test_a_term_that_pulls_weights_together(folder):
    class Pull(term.Term):
        def __init__(self, strength):
            self.strength = strength

        def attach(self, training):
            weights = [layer.weight for layer in layers([training.output])]
            self.norm = sum(F.sum(weight**2) for weight in weights)

        def objective(self, objective):
            return objective + self.strength * self.norm

    @term.register_term("pull")
    class PullOptions(term.TermOptions):
        strength: float = 0.1

        def make(self, teacher):
            return Pull(self.strength)

    def norm(*terms):
        training = {"train": {**TRAIN["train"], "terms": list(terms)}}
        results = go(recipe_of(folder, training), folder / f"run{len(terms)}")
        assert results.recipe_steps[0]["step"] == "train"
        kept = parameters(folder / f"run{len(terms)}" / "steps" / "01-train.h5")
        return sum(float(np.square(kept[f"{name}/affine/W"]).sum()) for name in "ab")

    assert norm({"pull": {"strength": 1.0}}) < 0.5 * norm()


def test_a_step_that_sets_small_weights_to_zero(folder):
    @step.register_step("zero")
    class Zero(step.Step):
        """Sets the smallest weights of each layer to zero."""

        part: float = 0.5

        def run(self, course):
            zeros = {}
            for layer in layers([course.network().output]):
                weight = np.array(layer.weight.d)
                small = np.abs(weight) <= np.quantile(np.abs(weight), self.part)
                layer.weight.d = np.where(small, 0, weight)
                zeros[layer.name] = int(small.sum())
            return {"zeros": zeros}

    results = finished(folder, TRAIN, {"zero": {"part": 0.25}}, {"quantize": "lut:bits=3"})
    assert results.recipe_steps[1] == {"step": "zero", "zeros": {"a/affine": 12, "b/affine": 4}}


def test_a_search_that_halves_the_bits_until_they_fit(folder):
    @sampler.register_sampler("halve")
    class Halve(sampler.Sampler):
        def propose(self, network, history, limit):
            if history and history[-1].weight_bytes <= limit:
                return None
            bits = 8 >> len(history)
            return sampler.Proposal({"weights": f"uniform:bits={bits}"}) if bits > 1 else None

    search = {"search": {"sampler": "halve", "weights": 100, "samples": 20}}
    results = finished(folder, search, TRAIN)
    tried = results.recipe_steps[0]
    assert [row["tried"]["weights"] for row in tried["trials"]] == [
        "uniform:bits=8",
        "uniform:bits=4",
    ]
    assert tried["weight_bytes"] <= 100 and tried["options"]["weights"] == "uniform:bits=4"
    assert {row["bits"] for row in results.layers} == {4}


@pytest.mark.parametrize(
    "entry, message, help",
    [
        ("trian", "unknown step 'trian'", "train"),
        ({"train": {"epoch": 1}}, "unknown key 'epoch'", "epochs"),
        ({"quantize": "lut:bit=4"}, "no option 'bit'", "bits"),
        ({"train": {"epochs": 1, "terms": [{"distil": {}}]}}, "unknown term 'distil'", "distill"),
        ({"search": {"sampler": "knapsak"}}, "unknown sampler 'knapsak'", "knapsack"),
        ({"calibrate": {"bit": 8}}, "unknown key 'bit'", "bits"),
        ({"fold": "befor"}, "befor", ""),
        (5, "5 is no entry", "NAME"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest_one(folder, entry, message, help):
    with pytest.raises(step.ConfigError, match=message) as error:
        recipe_of(folder, entry)
    assert help in error.value.help
