# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

from nnabla_compress.graph import functions
from nnabla_compress.parametric_functions import pow2_batch_normalization
from nnabla_compress.quantizers import LUT
from nnabla_compress.transforms import fold_batch_normalization, insert_weight_quantizers
from tests.graph.networks import (
    batch_normalization,
    build,
    forward,
    randomize_statistics,
    recipes,
    values,
)
from tests.properties import examples

LAYERS = {
    "convolution": lambda x: PF.convolution(x, 6, (3, 3), name="c"),
    "no_bias": lambda x: PF.convolution(x, 6, (3, 3), with_bias=False, name="c"),
    "group": lambda x: PF.convolution(x, 6, (3, 3), group=2, name="c"),
    "affine": lambda x: PF.affine(x, 6, name="c"),
    "affine_map": lambda x: PF.affine(x, (6, 5), name="c"),
    "depthwise": lambda x: PF.depthwise_convolution(x, (3, 3), multiplier=2, name="c"),
    "deconvolution": lambda x: PF.deconvolution(x, 6, (3, 3), name="c"),
    "group_deconvolution": lambda x: PF.deconvolution(x, 6, (3, 3), group=2, name="c"),
}
NORMALIZATIONS = {
    "ordinary": lambda x: batch_normalization(x, name="n"),
    "pow2": lambda x: pow2_batch_normalization(x, batch_stat=False, name="n"),
}


def quantized(h):
    return insert_weight_quantizers([h], lambda layer: LUT(bits=2))[0]


def types(output):
    return [function.info.type_name for function in functions([output])]


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_a_float_layer_takes_the_normalization_in(name, kind):
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = NORMALIZATIONS[kind](LAYERS[name](x))
    randomize_statistics()
    (folded,) = fold_batch_normalization([y])
    assert len(functions([folded])) == 1
    close(forward(folded), forward(y))
    weight, bias = folded.parent.inputs[1:]
    assert (weight.name, bias.name) == (f"{weight.name[:-2]}/W", f"{weight.name[:-2]}/b")


@pytest.mark.parametrize("name", LAYERS)
def test_a_quantized_layer_keeps_its_values_and_gets_a_scale(name):
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = batch_normalization(quantized(LAYERS[name](x)), name="n")
    randomize_statistics()
    (folded,) = fold_batch_normalization([y])
    assert types(folded) == ["nnabla_compress.LUT", functions([y])[1].info.type_name, "Mul2"]
    close(forward(folded), forward(y))
    assert folded.parent.inputs[1].name.endswith("/scale")


def test_no_multiplication_is_left_where_all_scales_are_one():
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    h = PF.convolution(x, 6, (3, 3), apply_w=LUT(bits=2), name="c")
    y = pow2_batch_normalization(h, batch_stat=False, name="n")
    nn.get_parameters(grad_only=False)["n/bn/beta"].d = values(1, 6, 1, 1)
    (folded,) = fold_batch_normalization([y])
    assert types(folded) == ["nnabla_compress.LUT", "Convolution"]
    close(forward(folded), forward(y))


def test_a_channel_scaled_by_zero_keeps_its_shift():
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = batch_normalization(quantized(LAYERS["convolution"](x)), name="n")
    randomize_statistics()
    nn.get_parameters(grad_only=False)["n/bn/gamma"].d[0, 2] = 0
    (folded,) = fold_batch_normalization([y])
    assert types(folded) == ["nnabla_compress.LUT", "Convolution", "Mul2", "Add2"]
    close(forward(folded), forward(y))


def test_a_layer_that_others_read_does_not_change():
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c")
    y = F.add2(batch_normalization(h, name="n"), h)
    randomize_statistics()
    folded, inner = fold_batch_normalization([y, h])
    assert types(folded) == ["Convolution", "Mul2", "Add2", "Add2"]
    close(forward(folded), forward(y))
    np.testing.assert_array_equal(forward(inner), forward(h))


def test_a_weight_of_two_layers_stays_one_weight():
    x = nn.Variable.from_numpy_array(values(2, 4))
    h = batch_normalization(PF.affine(x, 4, name="s"), name="n1")
    y = batch_normalization(PF.affine(h, 4, name="s"), name="n2")
    randomize_statistics()
    (folded,) = fold_batch_normalization([y])
    weights = [f.inputs[1].data for f in functions([folded]) if f.info.type_name == "Affine"]
    assert len(weights) == 2 and weights[0] == weights[1]
    close(forward(folded), forward(y))


@pytest.mark.parametrize("args", [{"no_scale": True}, {"no_bias": True},
                                  {"no_scale": True, "no_bias": True}, {"axes": [1, 2]},
                                  {"axes": [3]}])  # fmt: skip
def test_normalizations_of_all_kinds_before_any_layer_become_a_product_and_a_sum(args):
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = batch_normalization(x, name="n", **args)
    randomize_statistics()
    (folded,) = fold_batch_normalization([y])
    assert "BatchNormalization" not in types(folded) and "Add2" in types(folded)
    close(forward(folded), forward(y))


def test_the_fused_normalization_adds_and_rectifies():
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c")
    y = PF.fused_batch_normalization(h, z=x, batch_stat=False, name="n")
    randomize_statistics()
    (folded,) = fold_batch_normalization([y])
    assert types(folded) == ["Convolution", "Add2", "ReLU"]
    close(forward(folded), forward(y))


def test_the_statistics_of_the_batch_are_not_folded():
    y = PF.batch_normalization(nn.Variable((2, 4)), name="n")
    assert types(fold_batch_normalization([y])[0]) == ["BatchNormalization"]


def test_the_network_itself_does_not_change():
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = batch_normalization(LAYERS["group"](x), name="n")
    randomize_statistics()
    before = {k: v.d.copy() for k, v in nn.get_parameters(grad_only=False).items()}
    fold_batch_normalization([y])
    after = nn.get_parameters(grad_only=False)
    assert list(before) == list(after) and types(y) == ["Convolution", "BatchNormalization"]
    assert all(np.array_equal(before[key], after[key].d) for key in before)


@examples(40)
@given(recipes())
def test_random_networks_fold_to_the_same_values(recipe):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = build(recipe, x)
    randomize_statistics(1)
    (folded,) = fold_batch_normalization([y])
    assert "BatchNormalization" not in types(folded)
    expected = forward(y)
    assert np.abs(forward(folded) - expected).max() <= 1e-4 * np.abs(expected).max() + 1e-6
