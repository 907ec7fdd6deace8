# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import EXAMPLE, QuantizerRule, Recipe, choose_rules, differences

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
# Those of the verb embed are of another kind.
CONFIGS = [path for path in CONFIGS if not path.stem.endswith("-pinsage")]


def changed(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new)


def test_the_example_is_valid_and_survives_a_round_trip():
    recipe = Recipe.parse(EXAMPLE)
    assert Recipe.parse(recipe.dump()) == recipe


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_named_as_its_file(path):
    assert Recipe.read(path).name == path.stem


@pytest.mark.parametrize(
    "text, message, help",
    [
        (changed("seed: 1", "sed: 1"), "unknown key 'sed'", "did you mean 'seed'"),
        (changed("epochs: 20", "epocs: 20"), "'epocs' in float_training", "'epochs'"),
        (changed("bits: 4", "bitz: 4"), "has no option 'bitz'", "did you mean 'bits'"),
        (changed("bits: 4", "bits: 0"), "bits is 0, the range is 1 to 8", "1 to 8"),
        (changed("bits: 4", "bits: 9"), "bits is 9, the range is 1 to 8", "1 to 8"),
        (changed("bits: 4", "bits: four"), "bits is 'four'", "whole number"),
        (changed("quantizer: lut", "quantizer: lutq"), "unknown quantizer", "'lut'"),
        (changed("source: digits", "source: digit"), "unknown source 'digit'", "'digits'"),
        (changed("name: lenet}", "name: lennet}"), "unknown model 'lennet'", "'lenet'"),
        (changed("{name: lenet}", "{}"), "one of name, python and nnp", "model:"),
        (changed("{name: lenet}", "{name: lenet, nnp: a.nnp}"), "got name, nnp", "model:"),
        (changed("{name: lenet}", "{name: lenet, network: a}"), "an nnp: file", "nnp:"),
        (changed("epochs: 20", "epochs: many"), "float_training.epochs is 'many'", "correct"),
        (changed("learning_rate: 0.05", "learning_rate: -1"), "learning_rate is -1", None),
        (changed("seed: 1", "seed: -1"), "seed is -1", "correct"),
        (changed("lenet-lutq-4bit ", "../elsewhere"), "can't name a folder", "letters"),
        (
            "name: x\nmodel: {name: mlp}\ndata: digits",
            "data is 'digits', not keys and values",
            "write {source: ...} and what it needs",
        ),
        ("just text", "holds str, not keys and values", "configs/"),
        ("a: [1", "no valid YAML", "mend"),
        ("", "is empty", "configs/"),
        ("name: x", "model is missing", "add it"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_place_and_a_way_out(text, message, help):
    with pytest.raises(ConfigError) as refused:
        Recipe.parse(text, "my.yaml")
    assert message in refused.value.message
    assert refused.value.message.startswith("my.yaml")
    assert help is None or help in str(refused.value.help)


def test_a_missing_recipe_is_refused_by_its_name(tmp_path):
    with pytest.raises(ConfigError, match="nothing.yaml: no such file"):
        Recipe.read(tmp_path / "nothing.yaml")


def test_a_binary_file_is_no_recipe(tmp_path):
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't read the recipe"):
        Recipe.read(tmp_path / "b.yaml")


def rule(**keys: object) -> QuantizerRule:
    return QuantizerRule.model_validate(keys)


def test_the_last_rule_that_matches_holds():
    rules = [
        rule(quantizer="lut", bits=2),
        rule(layers=["*/first", "fc"], quantizer="lut", bits=8),
        rule(layers="fc", quantizer="none"),
    ]
    chosen = choose_rules(rules, ["a/first", "b", "fc"])
    made = {name: found.make() for name, found in chosen.items()}
    assert made == {"a/first": Q.LUT(8), "b": Q.LUT(2), "fc": None}


def test_a_rule_that_matches_nothing_is_refused_with_near_names():
    with pytest.raises(ConfigError, match="no layer matches 'conv_1'") as refused:
        choose_rules([rule(layers="conv_1", quantizer="lut")], ["conv1", "fc"])
    assert "did you mean 'conv1'" in refused.value.help


def test_pruning_alone_is_a_quantizer_of_its_own():
    assert rule(quantizer="prune", rate=0.5).make() == Q.Prune(0.5)


def test_differences_name_the_keys():
    old, new = Recipe.parse(EXAMPLE), Recipe.parse(changed("bits: 4", "bits: 3"))
    assert differences(old, new) == ["compression.weights.0.bits: 4 -> 3"]


def test_a_quantizer_without_what_it_needs_is_refused():
    with pytest.raises(ConfigError, match="rate is None"):
        rule(quantizer="prune")


def test_biases_are_quantized_with_learned_steps_only():
    assert rule(quantizer="lut", bits=4).make_for_bias() is None
    assert rule(quantizer="uniform", bias=False).make_for_bias() is None
    per_channel = rule(quantizer="uniform", learn="qmax", axis=0)
    assert per_channel.make_for_bias() == Q.Uniform(learn="qmax")
    with pytest.raises(ConfigError, match="not for biases"):
        rule(quantizer="lut", bias=True).make_for_bias()


def test_an_activation_takes_its_sign_from_its_function_where_the_rule_does_not_say():
    assert rule(quantizer="uniform").make(signed=False) == Q.Uniform(signed=False)
    assert rule(quantizer="uniform", signed=True).make(signed=False) == Q.Uniform()


@pytest.mark.parametrize(
    "text, message",
    [
        ("{}", "no size is given"),
        ("{weights: 70 kilo}", "unknown unit 'kilo'"),
        ("{weights: -1 kB}", "not positive"),
        ("{weight: 70 kB}", "unknown key 'weight'"),
    ],
)
def test_a_wrong_budget_is_refused(text, message):
    changed_recipe = changed(
        "  training: {epochs: 10", f"  budget: {text}\n  training: {{epochs: 10"
    )
    with pytest.raises(ConfigError, match=message):
        Recipe.parse(changed_recipe)


def test_a_compression_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="neither weights nor activations"):
        Recipe.parse("name: x\nmodel: {name: mlp}\ndata: {source: digits}\ncompression: {}")


@pytest.mark.parametrize(
    "model, rest, message",
    [
        ("{name: lenet}", "{weights: lut}", "only an nnp: file says"),
        ("{nnp: a.nnp}", "{weights: lut, training: {epochs: 1}}", "a training learns from it"),
        ("{nnp: a.nnp}", "{activations: uniform}", "come from a batch of it"),
    ],
)
def test_data_may_be_left_out_only_where_nothing_needs_it(model, rest, message):
    with pytest.raises(ConfigError) as refused:
        Recipe.parse(f"name: x\nmodel: {model}\ncompression: {rest}")
    assert message in refused.value.message
    made = Recipe.parse("name: x\nmodel: {nnp: a.nnp}\ncompression: {weights: ['lut:bits=4']}")
    assert made.data is None
    assert Recipe.parse(made.dump()) == made


@pytest.mark.parametrize(
    "distill, message",
    [("{temperature: -1}", "temperature is -1"), ("{weight: 2}", "weight is 2"), ("{a: 1}", "'a'")],
)
def test_a_wrong_distillation_is_refused(distill, message):
    text = changed("  training: {epochs: 10", f"  distill: {distill}\n  training: {{epochs: 10")
    with pytest.raises(ConfigError, match=message):
        Recipe.parse(text)
