# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.quantizers import LevelGrid, graph_quantizers, quantizer_of
from nnabla_compress.regularizers.sine_penalty import SinePenalty


def made(quantizer):
    w = np.random.RandomState(0).randn(6, 4).astype(np.float32)
    y = PF.affine(nn.Variable((2, 6)), 4, w_init=w, with_bias=False, apply_w=quantizer, name="a")
    y.forward()
    (node,) = graph_quantizers([y])
    return quantizer_of(node), node, y.parent.inputs[1].d


@pytest.mark.parametrize(
    "bits, levels, expected",
    [
        (3, "mid-tread", np.arange(-3, 4) / 3),
        (3, "mid-rise", np.arange(-7, 8, 2) / 7),
        (2, "mid-tread", [-1, 0, 1]),
    ],
)
def test_levels_of_bits_are_those_of_wrpn_and_dorefa(bits, levels, expected):
    np.testing.assert_allclose(LevelGrid.of_bits(bits, levels).values(), expected, atol=1e-15)
    scaled = LevelGrid.of_bits(bits, levels, scale=0.5).values()
    np.testing.assert_allclose(scaled, np.array(expected) / 2, atol=1e-15)


@pytest.mark.parametrize(
    "quantizer",
    [
        Q.Uniform(3),
        Q.Uniform(3, signed=False),
        Q.Uniform(3, learn="qmax", axis=1),
        Q.Affine(bits=3, axis=1),
        Q.Affine(bits=3, symmetric=False),
        Q.MovingRange(bits=3),
        Q.FixedPoint(bits=3, step=0.5),
        Q.FixedPoint(bits=3, step=0.5, signed=False),
        Q.BinaryConnect(),
        Q.BinaryConnect(quantize_zero_to=-1),
        Q.BinaryWeight(axis=1),
        Q.BinaryWeight(quantize_zero_to=-1),
    ],
)
@pytest.mark.filterwarnings("ignore:.*unsigned")
def test_a_quantizer_gives_only_values_of_its_grid(quantizer):
    kind, node, quantized = made(quantizer)
    grid = kind.grid_of(node.info.args, node.inputs)
    for channel in range(len(grid.step)):
        values = quantized if grid.axis is None else np.take(quantized, channel, grid.axis)
        known = grid.values(channel)
        distance = np.abs(values.reshape(-1, 1) - known).min(axis=1)
        assert distance.max() < 1e-6 * float(grid.step[channel])


@pytest.mark.parametrize(
    "quantizer",
    [*(Q.DoReFa(bits=bits) for bits in (1, 2, 3, 8)), *(Q.WRPN(bits=bits) for bits in (2, 4, 8))],
    ids=repr,
)
def test_weights_on_the_levels_of_dorefa_and_wrpn_are_not_pulled(quantizer):
    w = np.random.RandomState(0).randn(6, 4).astype(np.float32)
    y = PF.affine(nn.Variable((2, 6)), 4, w_init=w, with_bias=False, apply_w=quantizer, name="a")
    y.forward()
    (node,) = graph_quantizers([y])
    kind = quantizer_of(node)
    weight, grid = node.inputs[0], kind.grid_of(node.info.args, node.inputs)
    penalty = SinePenalty(lambda: kind.grid_of(node.info.args, node.inputs))(weight)
    penalty.forward()
    assert penalty.d > 0.1
    levels = grid.values()
    weight.d = levels[np.abs(weight.d[..., None] - levels).argmin(axis=-1)]
    penalty.forward()
    assert penalty.d == 0
    y.forward()
    quantized = y.parent.inputs[1].d
    codes = np.round(quantized / grid.step[0] - grid.offset)
    assert len(np.unique(codes)) > 1
    assert codes.min() >= grid.first[0] and codes.max() <= grid.last[0]
    np.testing.assert_allclose(quantized, (codes + grid.offset) * grid.step[0], rtol=1e-6)


@pytest.mark.parametrize(
    "quantizer",
    [
        Q.LUT(bits=2),
        Q.Pow2(bits=3),
        Q.Prune(rate=0.5),
        Q.INQ(bits=3),
        Q.BinaryConnect(quantize_zero_to=0),
        Q.BinaryWeight(quantize_zero_to=0.5),
    ],
)
def test_quantizers_with_other_levels_have_none(quantizer):
    kind, node, _ = made(quantizer)
    assert kind.grid_of(node.info.args, node.inputs) is None


@pytest.mark.parametrize("learn", ["d_qmax", "b_d", "b_qmax"])
@pytest.mark.parametrize("step", ["real", "pow2"])
def test_bits_are_fitted_where_learned_ones_stand_and_held_there(learn, step):
    kind, node, _ = made(Q.Uniform(6, learn=learn, step=step))
    args, inputs = node.info.args, node.inputs
    kind.fit_bits(args, inputs, 3)
    assert kind.bits_of(args, inputs) == 3
    fitted = [v.d.copy() for v in inputs[1:]]
    kind.hold_bits(args, inputs, 3)
    for before, variable in zip(fitted, inputs[1:]):
        np.testing.assert_array_equal(variable.d, before)
    names = kind.parameters[learn]
    moved = inputs[1 + names.index("b" if "b" in names else "q_max")]
    moved.d = moved.d * 4
    kind.after_update(args, inputs, 1)
    assert kind.bits_of(args, inputs) > 3
    kind.hold_bits(args, inputs, 3)
    assert kind.bits_of(args, inputs) == 3


def test_fitted_bits_have_the_step_of_the_least_squared_error():
    kind, node, _ = made(Q.Uniform(6, learn="d_qmax"))
    kind.fit_bits(node.info.args, node.inputs, 2)
    _, fresh, _ = made(Q.Uniform(2, learn="d_qmax"))
    nn.clear_parameters()
    expected = quantizer_of(fresh).grid_of(fresh.info.args, fresh.inputs)
    found = kind.grid_of(node.info.args, node.inputs)
    assert float(found.step[0]) == float(expected.step[0])
