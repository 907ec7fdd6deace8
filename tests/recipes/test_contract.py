# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all that recipes know by name keeps to: steps, transforms, terms, quantizers, ..."""

from __future__ import annotations

import json

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import importance_of
from nnabla_compress.options import validated
from nnabla_compress.recipes.docstrings import meanings, summary
from nnabla_compress.recipes.schema import families, recipe_schema
from nnabla_compress.recipes.step import step_of
from nnabla_compress.rules import QuantizerRule, quantizers
from nnabla_compress.search.sampler import sampler_of
from nnabla_compress.training.stopping import stopping_of
from nnabla_compress.training.terms import term_of
from tests.recipes.json_schema import valid

# The least that must be said of those that their name alone does not say enough of.
LEAST = {
    "train": {"epochs": 1},
    "sections": {"epochs": 1},
    "quantize": {"weights": ["lut:bits=4"]},
    "attention_transfer": {"maps": ["conv1/conv/relu"]},
    "budget": {"weights": "1 kB"},
    "each": {"options": ["lut:bits=4"]},
    "add_exits": {"at": ["conv1/conv"]},
    "factorize": {"macs": 0.6},
    "hints": {"maps": ["conv1/conv/relu"]},
    "layerwise": {"epochs": 1},
    "prune": {"rate": 0.5},
    "prune_channels": {"filters": 0.5},
    "prune_weights": {"sparsity": 0.5},
}
KNOWN = {
    (family.name, name): kind for family in families() for name, kind in family.members.items()
}
KNOWN.update((("quantizer", name), kind) for name, kind in quantizers().items())
SCHEMA = recipe_schema()
PARTS = SCHEMA["$defs"]
EVERY = sorted(KNOWN)
STEPS = [name for family, name in EVERY if family in ("step", "transform")]


def made(family, name, more=None):
    content = {**LEAST.get(name, {}), **(more or {})}
    if family == "quantizer":
        return validated(QuantizerRule, {"quantizer": name, **content}, "rule")
    of = {
        "importance": importance_of,
        "term": term_of,
        "sampler": sampler_of,
        "stopping": stopping_of,
    }.get(family, step_of)
    return of({name: content}, family)


def options_of(family, name):
    part = PARTS[f"{'step' if family == 'transform' else family}-{name}"]
    of_rules = QuantizerRule.model_fields if family == "quantizer" else ()
    return {key: said for key, said in part["properties"].items() if key not in of_rules}


@pytest.mark.parametrize("family, name", EVERY)
def test_every_option_has_a_meaning_and_every_meaning_an_option(family, name):
    kind, options = KNOWN[family, name], options_of(family, name)
    assert summary(kind), f"{kind.__name__} has no docstring"
    for option, said in options.items():
        assert said.get("description"), f"the docstring of {kind.__name__} lacks {option}"
    assert set(meanings(kind)) <= {*options, getattr(kind, "flat", "")}


@pytest.mark.parametrize("family, name", EVERY)
def test_a_misspelt_option_is_refused_with_the_nearest_one(family, name):
    made(family, name)
    for option in options_of(family, name):
        with pytest.raises(ConfigError) as refused:
            made(family, name, {f"{option}x": 1})
        assert f"{option}x" in refused.value.message
        assert f"did you mean {option!r}" in refused.value.help


@pytest.mark.parametrize(
    "family", ["step", "importance", "term", "sampler", "stopping", "quantizer"]
)
def test_a_misspelt_name_is_refused_with_the_nearest_one(family):
    for name in [name for of, name in EVERY if of == family]:
        with pytest.raises(ConfigError) as refused:
            made(family, f"{name}x", LEAST.get(name))
        assert f"did you mean {name!r}" in refused.value.help


@pytest.mark.parametrize("name", STEPS)
def test_the_entry_of_a_step_makes_the_same_step_again(name):
    step = step_of({name: LEAST.get(name, {})})
    entry = json.loads(json.dumps(step.entry()))
    assert step_of(entry) == step
    assert step_of(entry).entry() == entry
    assert valid(entry, PARTS["Step"], SCHEMA)
