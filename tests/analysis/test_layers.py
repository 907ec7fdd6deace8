# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.quantizers import LUT


@pytest.mark.parametrize(
    ("build", "type_name", "parameters", "macs"),
    [
        # Weights times positions of the output map.
        (
            lambda x: PF.convolution(x, 8, (3, 3), name="n"),
            "Convolution",
            8 * 4 * 9 + 8,
            8 * 4 * 9 * 36,
        ),
        (
            lambda x: PF.convolution(x, 8, (3, 3), group=2, with_bias=False, name="n"),
            "Convolution",
            8 * 2 * 9,
            8 * 2 * 9 * 36,
        ),
        (
            lambda x: PF.convolution(x, 8, (3, 3), channel_last=True, name="n"),
            "Convolution",
            8 * 8 * 9 + 8,
            8 * 8 * 9 * 2 * 6,
        ),
        (
            lambda x: PF.depthwise_convolution(x, (3, 3), multiplier=2, name="n"),
            "DepthwiseConvolution",
            8 * 9 + 8,
            8 * 9 * 36,
        ),
        # Each input position meets each weight of its channel.
        (
            lambda x: PF.deconvolution(x, 6, (3, 3), stride=(2, 2), name="n"),
            "Deconvolution",
            4 * 6 * 9 + 6,
            4 * 6 * 9 * 64,
        ),
        (lambda x: PF.affine(x, 10, name="n"), "Affine", 256 * 10 + 10, 2560),
        (lambda x: PF.affine(x, 10, base_axis=2, name="n"), "Affine", 64 * 10 + 10, 4 * 640),
        (lambda x: PF.embed(F.abs(x), 20, 5, name="n"), "Embed", 100, 0),
    ],
)
def test_costs_are_counted_by_hand(build, type_name, parameters, macs):
    (layer,) = layers([build(nn.Variable((2, 4, 8, 8)))])
    assert (layer.type, layer.parameters, layer.macs) == (type_name, parameters, macs)
    assert layer.name.startswith("n/") and layer.weight_name == f"{layer.name}/W"


def test_a_quantized_layer_shows_its_quantizer_and_its_float_weight():
    y = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), apply_w=LUT(bits=3), name="c")
    (layer,) = layers([y])
    assert layer.quantizer.info.args["bits"] == 3
    assert layer.weight.data == nn.get_parameters()["c/conv/W"].data


def test_a_shared_weight_counts_once():
    h = PF.affine(nn.Variable((1, 4)), 4, name="s")
    first, second = layers([PF.affine(h, 4, name="s")])
    assert (first.name, first.parameters, first.shared) == ("s/affine", 20, False)
    assert (second.name, second.parameters, second.shared) == ("s/affine", 0, True)
    assert second.macs == 16


def test_layers_without_a_path_get_stable_names():
    x = nn.Variable((1, 4))
    w, v = nn.Variable((4, 4), need_grad=True), nn.Variable((4, 2), need_grad=True)
    y = F.affine(F.affine(x, w), v)
    assert [layer.name for layer in layers([y])] == ["Affine_1", "Affine_2"]
    assert [layer.name for layer in layers([y])] == ["Affine_1", "Affine_2"]


def test_a_product_of_activations_is_no_layer():
    x = nn.Variable((3, 3))
    assert layers([F.affine(x, F.tanh(x))]) == []


def test_a_weight_that_goes_through_another_function_says_so():
    y = PF.fixed_point_quantized_affine(nn.Variable((1, 4)), 2, name="q")
    (layer,) = layers([y])
    assert layer.computed_by == "FixedPointQuantize" and layer.quantizer is None


def test_parameters_of_a_private_scope_name_layers_when_given():
    scope = OrderedDict()
    with nn.parameter_scope("", scope):
        y = PF.affine(nn.Variable((1, 4)), 2, name="mine")
        parameters = nn.get_parameters()
    assert layers([y], parameters)[0].name == "mine/affine"
    assert layers([y])[0].name == "Affine_1"
