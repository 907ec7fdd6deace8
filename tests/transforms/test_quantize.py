# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.calibration import post_training_quantize
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import Network
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.transforms import Quantize, start_quantizers


def residual():
    x = nn.Variable((1, 4, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="a"))
    h = F.add2(PF.convolution(h, 4, (3, 3), pad=(1, 1), name="b"), x)
    return Network({"x": x}, {"y": PF.affine(F.relu(h), 3, name="fc")})


def maps_of(outputs):
    nodes = [node.info.args for node in graph_quantizers(outputs)]
    return [args["name"] for args in nodes if args.get("tensor", "") == ""]


def test_stored_maps_are_those_that_calibration_quantizes():
    network = residual()
    rules = {"activations": "uniform:bits=8", "maps": "stored"}
    z = compress(network.output, rules)
    samples = [np.random.RandomState(0).randn(40, 4, 6, 6)]
    calibrated = post_training_quantize([network.output], [network.inputs["x"]], samples)
    expected = maps_of(calibrated.outputs)
    assert maps_of([z]) == expected
    assert expected == ["input", "a/conv/relu", "b/conv/convolution", "b/conv/relu"]
    assert maps_of([compress(network.output, {**rules, "maps": "activations"})]) == [
        "a/conv/relu",
        "b/conv/relu",
    ]


def test_what_was_decided_makes_the_same_network_whatever_its_weights_are():
    network = residual()
    transform = Quantize(weights=["a*=lut:bits=2"], activations="uniform:bits=4", maps="stored")
    made, decisions = transform.apply(network)
    assert list(decisions["weights"]) == ["a/conv"]
    for parameter in network.parameters.values():
        if parameter.ndim > 1:
            parameter.d = 1
    wide = network.on({"x": nn.Variable((5, 4, 6, 6))})
    again = transform.replay(wide, decisions)
    assert maps_of([again.output]) == maps_of([made.output])
    assert again.output.shape == (5, 3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "neither weights nor activations"),
        ({"activations": "uniform:min_weights=5"}, "min_weights is for weights"),
        ({"weights": "lut:bits=2", "maps": "store"}, "maps"),
    ],
)
def test_options_without_meaning_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Quantize.checked(options)


def test_a_rule_that_matches_nothing_names_the_nearest_layer():
    with pytest.raises(ConfigError, match="no layer matches 'fx'") as error:
        Quantize.checked("fx=lut:bits=2").apply(residual())
    assert "fc/affine" in error.value.help


def test_quantizers_are_replaced_on_what_was_trained_below_them():
    network = residual()
    four, _ = Quantize(weights="lut:bits=4", activations="uniform:bits=8").apply(network)
    start_quantizers(four.all_outputs)
    weight = network.parameters["a/conv/W"]
    weight.d = np.random.RandomState(1).randn(*weight.shape)
    lower = Quantize(weights=["a*=lut:bits=2"], activations="a*=uniform:bits=3", replace=True)
    two, decisions = lower.apply(four)
    start_quantizers(two.all_outputs)
    assert [(node.info.type_name.rsplit(".")[-1], node.info.args["name"]) for node in
            graph_quantizers(two.all_outputs)] == [
        ("LUT", "a/conv"), ("Uniform", "a/conv/relu"), ("LUT", "b/conv"),
        ("Uniform", "b/conv/relu"), ("LUT", "fc/affine"),
    ]  # fmt: skip
    found = {layer.name: layer for layer in layers(two.all_outputs)}
    node = found["a/conv"].quantizer
    assert node.inputs[0].data == weight.data
    assert node.inputs[1].shape == (4,) and found["b/conv"].quantizer.inputs[1].shape == (16,)
    # It starts from the weights of now, not from the first dictionary.
    expected = weight.d - np.take(node.inputs[1].d, node.inputs[2].d.astype(int))
    assert np.abs(expected).mean() < 0.4 * np.abs(weight.d).mean()
    kept = nn.get_parameters(grad_only=False)
    assert kept["a/conv/lut/dictionary"].shape == (4,)
    assert kept["b/conv/lut/dictionary"].shape == (16,)


def test_quantizers_that_are_there_are_replaced_only_where_that_is_asked_for():
    four, _ = Quantize(weights="lut:bits=4").apply(residual())
    with pytest.raises(ConfigError, match="a/conv is quantized already, by LUT") as error:
        Quantize(weights="lut:bits=2").apply(four)
    assert "replace: true" in error.value.help
    # On a network that is not quantized yet it is a quantization like any other.
    nn.clear_parameters()
    made, _ = Quantize(weights="lut:bits=2", replace=True).apply(residual())
    assert len(graph_quantizers(made.all_outputs)) == 3
