# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The JSON schema takes what the classes take, and refuses what is misspelt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import EXAMPLE, Recipe
from nnabla_compress.recipes.reference import recipe_reference
from nnabla_compress.recipes.schema import choices, families, recipe_schema
from nnabla_compress.rules import quantizers
from nnabla_compress.training.terms import term
from tests.recipes.json_schema import resolved, valid
from tests.runs.test_course import COURSES

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
# Those of the verb embed are of another kind.
CONFIGS = [path for path in CONFIGS if not path.stem.endswith("-pinsage")]
SCHEMA = recipe_schema()
BASE = {"name": "x", "model": {"name": "lenet"}, "data": {"source": "digits"}}


def of_steps(*steps, **more):
    return {**BASE, "steps": list(steps), **more}


def of_weights(*rules, **more):
    return {**BASE, "compression": {"weights": list(rules), **more}}


def blocks_of_pages():
    """Recipes in the pages, fenced as YAML; those without a name are steps alone."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.S):
            yield page.name, block


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_recipe_meets_the_schema_as_it_is_written_and_as_a_run_keeps_it(path):
    assert valid(yaml.safe_load(path.read_text("utf-8")), SCHEMA)
    assert valid(yaml.safe_load(Recipe.read(path).dump()), SCHEMA)


def test_every_recipe_of_the_pages_meets_the_schema_and_is_one():
    found = list(blocks_of_pages())
    assert found
    for page, block in found:
        content = yaml.safe_load(block)
        whole = content if "name" in content else {**BASE, **content}
        assert valid(whole, SCHEMA), page
        Recipe.checked(whole)


@pytest.mark.parametrize("name", ["two-rounds", "calibrated", "searched"])
def test_the_examples_of_the_page_are_the_steps_of_shipped_recipes(name):
    path = ROOT / "configs" / "digits" / f"lenet-{name}.yaml"
    steps = yaml.safe_load(path.read_text("utf-8"))["steps"]
    assert steps in [yaml.safe_load(block).get("steps") for _, block in blocks_of_pages()]


RIGHT = [
    yaml.safe_load(EXAMPLE),
    *(of_steps(*steps) for steps in COURSES.values()),
    of_steps("fold", {"fold": None}, {"fold": "training"}, "calibrate", "search"),
    of_steps({"quantize": "lut:bits=4"}, {"quantize": ["a=lut", {"quantizer": "none"}]}),
    of_steps({"calibrate": {"weights": "affine:bits=4", "activations": None, "learning": {}}}),
    of_steps({"search": {"sampler": {"each": ["lut:bits=2"]}, "weights": "3 kB"}}),
    of_steps({"train": {"epochs": 0.5, "terms": ["distill", {"budget": {"weights": 900}}]}}),
    of_weights("lut:bits=4", {"layers": ["a", "b"], "quantizer": "uniform", "learn": None}),
    of_weights({"quantizer": "prune", "rate": 0.5, "position": "last"}, fold="before"),
    {**BASE, "compression": {"weights": "lut:bits=4"}, "loss": "HuberLoss:delta=0.5"},
    {**BASE, "loss": {"name": "HuberLoss", "delta": 2}, "evaluate": False},
    {**BASE, "evaluate": {"source": "npz", "path": "other.npz"}},
]


@pytest.mark.parametrize("content", RIGHT)
def test_what_the_classes_take_meets_the_schema(content):
    recipe = Recipe.checked(content)
    assert valid(content, SCHEMA)
    assert valid(yaml.safe_load(recipe.dump()), SCHEMA)


WRONG = [
    {"name": "x"},
    {**BASE, "sed": 1},
    {**BASE, "seed": -1},
    {**BASE, "model": {"name": "lenet", "nnp": "a.nnp"}},
    {**BASE, "data": {"source": "digit"}},
    {**BASE, "export": {"target": "int9"}},
    of_weights({"quantizer": "lutq"}),
    of_weights({"quantizer": "lut", "bitz": 4}),
    of_weights({"quantizer": "prune", "rat": 0.5}),
    of_weights("lut", training={"epocs": 1}),
    of_steps("trian"),
    of_steps("train"),
    of_steps("quantize"),
    of_steps({"quantize": {}}),
    of_steps({"quantize": {"quantizer": "lut"}}),
    of_steps({"train": {"epoch": 1}}),
    of_steps({"train": {"epochs": 1}, "fold": "before"}),
    of_steps({"fold": "befor"}),
    of_steps({"calibrate": {"bit": 8}}),
    of_steps({"search": {"sampler": "knapsak"}}),
    of_steps({"search": {"over": "quantise"}}),
    of_steps({"train": {"epochs": 1, "terms": [{"distil": {}}]}}),
    of_steps({"train": {"epochs": 1, "schedule": "cosin"}}),
    of_steps(5),
    of_steps("fold", float_training={"epochs": 1}),
    {**BASE, "steps": {"train": {"epochs": 1}}},
]


@pytest.mark.parametrize("content", WRONG)
def test_what_the_classes_refuse_does_not_meet_the_schema(content):
    with pytest.raises(ConfigError):
        Recipe.checked(content)
    assert not valid(content, SCHEMA)


# A recipe with a word where it stands, by the option.
PLACES = {
    "source": lambda word: {**BASE, "data": {"source": word}},
    "schedule": lambda word: of_steps(
        {"train": {"epochs": 1, "schedule": word, "steps": [1] if word == "step" else []}}
    ),
    "calibration": lambda word: of_steps({"calibrate": {"calibration": word}}),
    "judge": lambda word: of_steps({"calibrate": {"judge": word}}),
    "position": lambda word: of_weights({"quantizer": "lut", "position": word}),
    "target": lambda word: {**BASE, "export": {"target": word}},
    "storage": lambda word: {**BASE, "export": {"storage": word}},
    "prefer": lambda word: {**BASE, "export": {"prefer": word}},
    "over": lambda word: of_steps({"search": {"over": word}}),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_words_to_choose_from_are_those_that_are_taken(name):
    words = next(words for (_, option), words in choices().items() if option == name)
    for word in words:
        content = PLACES[name](word)
        Recipe.checked(content)
        assert valid(content, SCHEMA)
    with pytest.raises(ConfigError):
        Recipe.checked(PLACES[name]("nonsense"))
    assert not valid(PLACES[name]("nonsense"), SCHEMA)


def references(schema):
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def test_all_that_recipes_know_by_name_is_in_the_schema_and_all_references_lead_somewhere():
    parts = SCHEMA["$defs"]
    for family in families():
        for name in family.members:
            assert f"{'step' if family.name == 'transform' else family.name}-{name}" in parts
    assert all(f"quantizer-{name}" in parts for name in quantizers())
    used = set(references(SCHEMA))
    assert all(resolved(ref, SCHEMA) for ref in used)
    assert {ref.split("/")[2] for ref in used} == set(parts)


def test_every_option_in_the_schema_has_a_meaning():
    for name, part in [("recipe", SCHEMA), *SCHEMA["$defs"].items()]:
        for option, said in part.get("properties", {}).items():
            entry = name in ("Step", "TermOptions", "Importance", "Sampler")
            assert entry or said.get("description"), f"{name}: {option}"


def test_what_is_registered_by_others_is_in_the_schema_too(monkeypatch):
    monkeypatch.setattr(term._REGISTRY, "kinds", dict(term._REGISTRY.kinds))

    @term.register_term("pull")
    class Pull(term.TermOptions):
        """Pulls weights together.

        Args:
            strength: How much.
        """

        strength: float = 0.1

    schema = recipe_schema()
    assert schema["$defs"]["term-pull"]["properties"]["strength"] == {
        "type": "number",
        "description": "How much.",
        "default": 0.1,
    }
    content = of_steps({"train": {"epochs": 1, "terms": [{"pull": {"strength": 2}}, "pull"]}})
    assert valid(content, schema) and not valid(content, SCHEMA)
    assert "### pull\n\nPulls weights together." in recipe_reference()
