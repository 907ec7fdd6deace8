# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Trainings that learn from a teacher: the network before, or that of a file."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from tests.runs.steps.small import TRAIN, all_bytes, go, opened_again, recipe_of, write_small

HIDDEN = {"student": "a/affine/relu", "teacher": "wide/affine/relu"}
TAUGHT = [
    {"distill": {"teacher": "wide.nnp", "temperature": 2, "weight": 0.5}},
    {"hints": {"teacher": "wide.nnp", "maps": [HIDDEN]}},
    {"hints": {"maps": ["b/affine"], "weight": 0.5}},
]
STEPS = [TRAIN, {"quantize": "lut:bits=3"}, {"train": {**TRAIN["train"], "terms": TAUGHT}}]


def write_wide(path, inputs=6, classes=2):
    """A wider network of other names, with a Softmax behind its logits."""
    nn.clear_parameters()
    rng = np.random.RandomState(7)
    x = nn.Variable((1, inputs))
    h = F.relu(PF.affine(x, 20, name="wide", w_init=rng.randn(inputs, 20)))
    y = F.softmax(PF.affine(h, classes, name="out", w_init=rng.randn(20, classes)))
    contents = {"name": "wide", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path), {"networks": [contents], "executors": []})
    nn.clear_parameters()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_small(folder)
    write_wide(folder / "wide.nnp")
    return folder


def test_a_run_taught_by_a_file_and_by_itself_before_ends_again_with_the_same_bits(source):
    recipe = recipe_of(source, *STEPS)
    results = go(recipe, source / "taught")
    opened_again(source / "taught", results)

    def stop(name, total):
        def after(done, total, values):
            if "train" in name and name.startswith("03") and done == 6:
                raise KeyboardInterrupt

        return after

    with pytest.raises(KeyboardInterrupt):
        Run(recipe, source / "stopped", source, False).execute(stop)
    assert (source / "stopped" / "steps" / "03-train" / "checkpoints").is_dir()
    go(recipe, source / "stopped", resume=True)
    whole = all_bytes(source / "taught")
    assert all_bytes(source / "stopped") == whole and len(whole) > 5
    # What was learned to compare maps is in no file that goes on living.
    for path in [*source.glob("taught/steps/*.h5"), source / "taught" / "results.nnp"]:
        assert b"hints" not in path.read_bytes()


def test_the_teacher_counts(source):
    plain = [*STEPS[:2], TRAIN]
    for name, steps in (("with", STEPS), ("without", plain)):
        go(recipe_of(source, *steps, export={"nnb": False}), source / name)
    one, other = (
        (source / name / "steps" / "03-train.h5").read_bytes() for name in ("with", "without")
    )
    assert one != other


def test_the_short_form_knows_the_terms(source):
    part = {
        "weights": "lut:bits=3",
        "hints": {"maps": ["a/affine/relu"]},
        "attention_transfer": {"maps": ["a/affine"]},
        "training": TRAIN["train"],
    }
    recipe = Recipe.checked(
        {"name": "x", "model": {"name": "mlp"}, "data": {"source": "digits"}, "compression": part}
    )
    assert [term.name for term in recipe.stages[-1].step.terms] == ["hints", "attention_transfer"]
    assert recipe.learns_from_teacher
    with pytest.raises(ConfigError, match="hints is for a training"):
        Recipe.checked(
            {
                "name": "x",
                "model": {"name": "mlp"},
                "data": {"source": "digits"},
                "compression": {"weights": "lut:bits=3", "hints": part["hints"]},
            }
        )


def test_a_teacher_of_a_file_needs_no_copy_of_the_network(source):
    assert not recipe_of(source, {"train": {"epochs": 1, "terms": TAUGHT[:2]}}).learns_from_teacher
    assert recipe_of(source, {"train": {"epochs": 1, "terms": TAUGHT}}).learns_from_teacher


@pytest.mark.parametrize(
    "term, said",
    [
        ({"hints": {"maps": ["a/affin/relu"]}}, "no map 'a/affin/relu'"),
        ({"hints": {"teacher": "wide.nnp", "maps": ["a/affine"]}}, "its teacher has no map"),
        ({"hints": {"teacher": "nowhere.nnp", "maps": ["a/affine"]}}, "nowhere.nnp"),
        ({"hints": {"teacher": "five.nnp", "maps": ["a/affine"]}}, "of shape (5,), the network"),
        ({"distill": {"teacher": "three.nnp"}}, "outputs of shape (3,)"),
        ({"attention_transfer": {"maps": ["a/affine/relu"]}}, "have a single position"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_before_anything_is_trained(
    source, tmp_path, term, said
):
    write_wide(source / "five.nnp", inputs=5)
    write_wide(source / "three.nnp", classes=3)
    taught = {"train": {**TRAIN["train"], "terms": [term]}}
    recipe = recipe_of(source, TRAIN, {"quantize": "lut:bits=3"}, taught)
    with pytest.raises(ConfigError) as refused:
        Run(recipe, tmp_path / "run", source).execute(
            lambda name, total: pytest.fail("something was trained")
        )
    assert said in refused.value.message


def test_results_say_when_a_rule_stopped_the_training_and_why(source):
    rule = {"plateau": {"epochs": 1, "fall": 0.9}}
    recipe = recipe_of(source, {"train": {**TRAIN["train"], "epochs": 9, "stop": rule}})
    results = go(recipe, source / "early")
    stopped = results.recipe_steps[0]["stopped"]
    assert (stopped["epochs"], stopped["of"]) == (2, 9)
    assert stopped["why"].startswith("the loss fell by ")
    assert Recipe.read(source / "early" / "recipe.yaml") == recipe
