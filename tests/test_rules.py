# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError
from nnabla_compress.rules import Candidate, QuantizerRule, choose_rules, parse_rule, typed

LAYERS = [
    Candidate("stem/conv", "Convolution", 432),
    Candidate("block/conv1", "Convolution", 2304),
    Candidate("block/dw", "DepthwiseConvolution", 144),
    Candidate("fc1", "Affine", 5000),
    Candidate("fc2", "Affine", 640),
]


def rule(text: str = "lut:bits=4", **keys: object) -> QuantizerRule:
    return QuantizerRule.model_validate({**parse_rule(text), **keys})


@pytest.mark.parametrize(
    "keys, names",
    [
        ({}, ["stem/conv", "block/conv1", "block/dw", "fc1", "fc2"]),
        ({"layers": ["*/conv", "fc?"]}, ["stem/conv", "fc1", "fc2"]),
        ({"types": "Convolution"}, ["stem/conv", "block/conv1"]),
        ({"types": ["Affine", "DepthwiseConvolution"]}, ["block/dw", "fc1", "fc2"]),
        ({"position": "first"}, ["stem/conv"]),
        ({"position": "last"}, ["fc2"]),
        ({"min_weights": 640}, ["block/conv1", "fc1", "fc2"]),
        ({"types": "Convolution", "position": "last"}, ["block/conv1"]),
        ({"layers": "fc*", "types": "Affine", "min_weights": 1000}, ["fc1"]),
        ({"min_weights": 700, "position": "first", "layers": "*/*"}, ["block/conv1"]),
    ],
)
def test_a_rule_is_for_the_layers_that_meet_all_its_conditions(keys, names):
    assert rule(**keys).choose(LAYERS) == names
    chosen = choose_rules([rule(**keys)], LAYERS)
    assert [name for name, found in chosen.items() if found is not None] == names


@pytest.mark.parametrize(
    "keys, message, help",
    [
        ({"layers": "fc3"}, "no layer matches 'fc3'", "did you mean 'fc2'"),
        ({"types": "Convolutions"}, "of type 'Convolutions'", "did you mean 'Convolution'"),
        ({"layers": "fc*", "types": "Embed"}, "'fc*' of type 'Embed'", "known are: Affine"),
        ({"min_weights": 9000}, "at least 9,000 weights", "the largest is fc1 with 5,000"),
    ],
)
def test_a_rule_that_matches_nothing_says_which_condition_has_no_layer(keys, message, help):
    with pytest.raises(ConfigError) as refused:
        choose_rules([rule(**keys)], LAYERS)
    assert message in refused.value.message
    assert help in refused.value.help


def test_a_network_without_layers_is_said_so():
    with pytest.raises(ConfigError) as refused:
        choose_rules([rule()], [], "activation")
    assert "the network has no activation" in refused.value.help


def test_of_layers_with_one_name_the_first_counts():
    shared = [Candidate("s", "Affine", 16), Candidate("s", "Affine", 16), Candidate("t", "Affine")]
    assert rule(position="last").choose(shared) == ["t"]
    assert list(choose_rules([rule()], shared)) == ["s", "t"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("lut:bits=4,dictionary=pow2", ("*", Q.LUT(4, dictionary="pow2"))),
        ("fc*=lut:bits=8", ("fc*", Q.LUT(8))),
        ("a+b/*=prune:rate=0.5", (["a", "b/*"], Q.Prune(0.5))),
        ("fc*=none", ("fc*", None)),
        (" uniform : bits = 3 , learn = null ", ("*", Q.Uniform(bits=3, learn=None))),
        ("lut:bits=2,zero=true", ("*", Q.LUT(2, zero=True))),
        ("lut:bits=2,layers=fc", ("fc", Q.LUT(2))),
    ],
)
def test_text_gives_the_rule_that_yaml_would(text, expected):
    made = QuantizerRule.model_validate(text)
    assert (made.layers, made.make()) == expected


def test_text_also_takes_the_conditions_of_a_rule():
    made = rule("lut:bits=8,types=Affine+Embed,position=last,min_weights=100,bias=false")
    assert made.choose(LAYERS) == ["fc2"]
    assert made.bias is False


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is no rule"),
        ("=lut", "is no rule"),
        ("lut bits=4", "is no rule"),
        ("lut:bits", "'bits' is no option"),
        ("lut:", "'' is no option"),
        ("lut:bits=", "is no option"),
        ("lut:bits=4,bits=5", "says bits twice"),
        ("fc=lut:layers=conv", "says layers twice"),
        ("lutq:bits=4", "unknown quantizer 'lutq'"),
        ("lut:bitz=4", "has no option 'bitz'"),
        ("lut:bits=four", "bits is 'four'"),
        ("lut:bits=9", "bits is 9, the range is 1 to 8"),
        ("lut:position=middle", "position is 'middle'"),
        ("lut:min_weights=-1", "min_weights is -1"),
        ("prune", "rate is None"),
    ],
)
def test_text_that_is_no_rule_is_refused_with_what_is_wrong(text, message):
    with pytest.raises(ConfigError) as refused:
        QuantizerRule.model_validate(text)
    assert message in refused.value.message
    assert refused.value.help


def test_words_get_the_type_that_they_look_like():
    assert [typed(word) for word in ("-3", "2.5", "False", "None", "1e3", "pow2")] == [
        -3, 2.5, False, None, 1000.0, "pow2",
    ]  # fmt: skip
    assert type(typed("4")) is int and type(typed("4.0")) is float
