# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import FixedPoint, PruneRate, Uniform
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.transforms import Convert
from nnabla_compress.transforms.native_layers import native_in_scope
from nnabla_compress.transforms.transform import Alone
from tests.transforms.native import BITS, write_native


def read(tmp_path, name):
    x, expected = write_native(tmp_path / "net.nnp", name)
    network = NnpFile(tmp_path / "net.nnp").build()
    network.all_inputs[0].d = x
    return network, expected


@pytest.mark.parametrize("to", ["lut", "uniform", "affine"])
@pytest.mark.parametrize("name", list(BITS))
def test_the_converted_network_computes_the_same_values(name, to, tmp_path):
    network, expected = read(tmp_path, name)
    made, decisions = Convert(to=to).apply(network)
    nn.forward_all([network.output, made.output])
    np.testing.assert_array_equal(made.output.d, network.output.d)
    np.testing.assert_allclose(made.output.d, expected, rtol=1e-6, atol=2e-6)
    for layer in layers(made.all_outputs):
        bits = quantizer_of(layer.quantizer).bits_of(
            layer.quantizer.info.args, layer.quantizer.inputs
        )
        # Two signs with a factor for each output have more values; powers of two need more steps.
        wider = name in ("binary weight", "inq", "powers of two") or to != "lut"
        assert bits == BITS[name] or (wider and bits > BITS[name])
    assert set(decisions["layers"]) == {layer.name for layer in layers(network.all_outputs)}


def test_fixed_point_becomes_uniform_of_its_own_bits_and_step(tmp_path):
    network, _ = read(tmp_path, "fixed point")
    made, _ = Convert(to="uniform").apply(network)
    for layer in layers(made.all_outputs):
        _, step, largest = layer.quantizer.inputs
        assert (step.d, largest.d) == ([0.125], [0.875])


def test_what_was_trained_since_stays_when_the_network_is_built_again(tmp_path):
    network, _ = read(tmp_path, "fixed point")
    transform = Convert(to="uniform")
    made, decisions = transform.apply(network)
    made.output.forward()
    step = nn.get_parameters()["fc/fp_quantized_affine/uniform_W_q/d"]
    weight = nn.get_parameters()["fc/fp_quantized_affine/W_q"]
    step.d, weight.d = 0.25, 0.5
    again = transform.replay(network, decisions)
    again.output.forward()
    assert step.d == 0.25 and (weight.d == 0.5).all()


def test_weights_that_a_training_will_fix_are_not_refused_before_it(tmp_path):
    class Before(Alone):
        untrained = True

    network, _ = read(tmp_path, "inq begun")
    for context, refused in ((Alone(), True), (Before(), False)):
        try:
            Convert(to="uniform").decide(network, context)
            assert not refused
        except ConfigError as error:
            assert refused and "no whole steps" in error.message


def test_layers_are_chosen_by_name_and_others_keep_their_quantizer(tmp_path):
    network, _ = read(tmp_path, "inq")
    made, _ = Convert(to="lut", layers="c1*").apply(network)
    names = [quantizer_of(layer.quantizer).type_name for layer in layers(made.all_outputs)]
    assert names == ["LUT", "INQ"]


def test_more_values_than_a_dictionary_has_entries_are_said_with_a_way_out(rng):
    w = nn.parameter.get_parameter_or_create("fc/W", (40, 20), rng.randn(40, 20))
    y = F.affine(nn.Variable((1, 40)), PruneRate(0.1).on(w, (), "fc", given=True))
    with pytest.raises(ConfigError, match="keeps 7.. float values, a dictionary has 256") as error:
        Convert(to="lut").apply(Network({}, {"y": y}))
    assert "prune" in error.value.help


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("pruned", {"to": "uniform"}, "no whole steps of up to 16 bits"),
        ("inq", {"layers": "nothing*"}, "has a quantizer of NNabla's own"),
        ("binary tanh", {}, "c1/conv/binarytanh of NNabla decide by the sign"),
    ],
)
def test_what_can_not_be_converted_is_said_with_a_way_out(name, options, message, tmp_path):
    network, _ = read(tmp_path, name)
    with pytest.raises(ConfigError, match=message) as error:
        Convert(**options).apply(network)
    assert error.value.help


class Telling(Alone):
    def __init__(self):
        self.told = []

    def tell(self, line):
        self.told.append(line)


def test_binary_activations_stay_beside_what_is_converted_and_are_told():
    nn.clear_parameters()
    x, context = nn.Variable((1, 4)), Telling()
    h = F.binary_sigmoid(PF.affine(x, 3, name="a"))
    y = PF.fixed_point_quantized_affine(h, 3, name="b")
    network = Network({"x": x}, {"y": native_in_scope([y])[0]})
    made, decisions = Convert(to="uniform").apply(network, context)
    assert list(decisions["layers"]) == ["b/fp_quantized_affine"]
    (said,) = context.told
    assert "a/affine/binarysigmoid" in said and "decide by the sign" in said
    assert "BinarySigmoid" in [f.info.type_name for f in functions(made.all_outputs)]


def test_a_quantizer_whose_weight_another_layer_has_without_it_stays_and_is_told():
    nn.clear_parameters()
    x, context = nn.Variable((1, 4)), Telling()
    shared = nn.parameter.get_parameter_or_create("t/W", (4, 4))
    own = nn.parameter.get_parameter_or_create("own/W", (4, 4))
    h = F.affine(F.affine(x, shared), FixedPoint(8, 0.05).on(shared, (), "t", given=True))
    y = F.affine(h, FixedPoint(8, 0.05).on(own, (), "own", given=True))
    made, decisions = Convert(to="uniform").apply(Network({"x": x}, {"y": y}), context)
    assert list(decisions["layers"]) == ["own"]
    kinds = [x.quantizer and quantizer_of(x.quantizer) for x in layers(made.all_outputs)]
    assert kinds == [None, FixedPoint, Uniform]
    assert any("other layers read their weights without them" in line for line in context.told)
