# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the table says of functions is what NNabla computes."""

from __future__ import annotations

from typing import Callable, Dict, List

import nnabla as nn
import nnabla.function
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.function_types import (
    BINARY,
    FUNCTION_TYPES,
    KEEPS,
    LAYERS,
    MOVES,
    NON_NEGATIVE,
    TRAINING_ONLY,
    types_that,
)

CASES: Dict[str, Callable[[nn.Variable], object]] = {
    "ReLU": F.relu,
    "LeakyReLU": F.leaky_relu,
    "PReLU": lambda x: F.prelu(x, nn.Variable.from_numpy_array(np.float32([0.1, 0.2, 0.3, 0.4]))),
    "ReLU6": F.relu6,
    "ELU": F.elu,
    "SELU": F.selu,
    "CELU": F.celu,
    "CReLU": F.crelu,
    "Sigmoid": F.sigmoid,
    "Tanh": F.tanh,
    "HardSigmoid": F.hard_sigmoid,
    "HardTanh": F.hard_tanh,
    "Swish": F.swish,
    "Mish": F.mish,
    "GELU": F.gelu,
    "SoftPlus": F.softplus,
    "BinaryTanh": F.binary_tanh,
    "BinarySigmoid": F.binary_sigmoid,
    "Softmax": F.softmax,
    "LogSoftmax": F.log_softmax,
    "Reshape": lambda x: F.reshape(x, (2, 4, 36)),
    "Identity": F.identity,
    "Transpose": lambda x: F.transpose(x, (0, 2, 1, 3)),
    "Slice": lambda x: F.slice(x, (0, 1, 0, 0), (2, 3, 6, 6), (1, 1, 1, 1)),
    "Split": lambda x: F.split(x, axis=1)[0],
    "Flip": lambda x: F.flip(x, [3]),
    "Shift": lambda x: F.shift(x, (1, 2)),
    "Unpooling": lambda x: F.unpooling(x, (2, 2)),
    "Broadcast": lambda x: F.broadcast(F.reshape(x, (2, 4, 6, 6, 1)), (2, 4, 6, 6, 3)),
    "MaxPooling": lambda x: F.max_pooling(x, (2, 2)),
    "AveragePooling": lambda x: F.average_pooling(x, (2, 2)),
    "SumPooling": lambda x: F.sum_pooling(x, (2, 2)),
    "GlobalAveragePooling": F.global_average_pooling,
    "Abs": F.abs,
    "MulScalar": lambda x: F.mul_scalar(x, 3),
    "AddScalar": lambda x: F.add_scalar(x, 3),
    "MinimumScalar": lambda x: F.minimum_scalar(x, 0.3),
    "MaximumScalar": lambda x: F.maximum_scalar(x, 0.3),
    "Round": F.round,
    "Floor": F.floor,
    "Ceil": F.ceil,
    "Sign": F.sign,
    "PowScalar": lambda x: F.pow_scalar(x, 2),
    "RPowScalar": lambda x: F.r_pow_scalar(x, 2),
    "RSubScalar": lambda x: F.r_sub_scalar(x, 2),
    "RDivScalar": lambda x: F.r_div_scalar(x, 2),
    "Exp": F.exp,
    "Log": F.log,
    "Sin": F.sin,
    "Cos": F.cos,
    "Erf": F.erf,
    "LogSigmoid": F.log_sigmoid,
    "SoftSign": F.softsign,
    "TanhShrink": F.tanh_shrink,
}


def outputs(name: str, x: np.ndarray) -> np.ndarray:
    variable = nn.Variable.from_numpy_array(x.astype(np.float32))
    y = CASES[name](variable)
    y.forward()
    assert y.parent.info.type_name == name
    return y.d.copy()


@pytest.fixture
def x() -> np.ndarray:
    return np.random.RandomState(5).randn(2, 4, 6, 6).astype(np.float32)


def those(**facts: bool) -> List[str]:
    return [name for name in types_that(**facts) if name in CASES]


def test_the_table_names_functions_of_nnabla():
    assert set(FUNCTION_TYPES) <= set(dir(nnabla.function))


def test_all_that_can_be_tried_on_one_input_is():
    tried = {*CASES, *types_that(normalization=True), *types_that(recurrent=True)}
    left = [name for name, known in FUNCTION_TYPES.items() if name not in tried]
    assert set(left) == {*LAYERS, "Embed", *TRAINING_ONLY}


@pytest.mark.parametrize("name", those(homogeneous=True))
def test_a_homogeneous_function_passes_a_factor(name, x):
    np.testing.assert_allclose(outputs(name, 4 * x), 4 * outputs(name, x), rtol=1e-6)


@pytest.mark.parametrize("name", those(activation=True, homogeneous=False))
def test_another_activation_does_not(name, x):
    assert not np.allclose(outputs(name, 4 * x), 4 * outputs(name, x), rtol=1e-3)


@pytest.mark.parametrize("name", sorted({*NON_NEGATIVE} & {*CASES}))
def test_a_non_negative_function_gives_no_negative_number(name, x):
    assert outputs(name, 10 * x).min() >= 0


@pytest.mark.parametrize("name", those(activation=True, apart=True))
def test_a_binary_activation_has_two_values_by_the_sign_and_no_other_has(name, x):
    y = outputs(name, x)
    found = y[x > 0], y[x < 0]
    assert ([len(set(part.tolist())) for part in found] == [1, 1]) == (name in BINARY)


@pytest.mark.parametrize("name", sorted({*KEEPS} & {*CASES}))
def test_a_function_that_keeps_gives_inputs_or_zeros(name, x):
    allowed = set(x.ravel().tolist())
    allowed |= set() if name in MOVES else {0.0}
    assert set(outputs(name, x).ravel().tolist()) <= allowed


@pytest.mark.parametrize("name", those(apart=True))
def test_a_channel_of_a_function_that_keeps_them_apart_comes_of_the_same_channel(name, x):
    changed = x.copy()
    changed[:, 1] += 7
    before, after = outputs(name, x), outputs(name, changed)
    others = [channel for channel in range(before.shape[1]) if channel != 1]
    np.testing.assert_array_equal(before[:, others], after[:, others])


@pytest.mark.parametrize("name", those(saturates=True))
def test_a_saturating_function_hardly_moves_far_from_zero(name, x):
    assert np.isclose(outputs(name, -100 - 100 * abs(x)), outputs(name, -110 - 100 * abs(x))).any()


LAYER_CASES: Dict[str, Callable[[nn.Variable], nn.Variable]] = {
    "Convolution": lambda x: PF.convolution(x, 5, (3, 3)),
    "Affine": lambda x: PF.affine(x, 5),
    "DepthwiseConvolution": lambda x: PF.depthwise_convolution(x, (3, 3)),
    "Deconvolution": lambda x: PF.deconvolution(x, 5, (3, 3)),
    "DepthwiseDeconvolution": lambda x: PF.depthwise_deconvolution(x, (3, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_output_axis_of_a_weight_counts_the_output_channels(name, x):
    y = LAYER_CASES[name](nn.Variable.from_numpy_array(x))
    weight, axis = y.parent.inputs[1], FUNCTION_TYPES[name].output_axis
    y.parent.inputs[2].d = 0
    slices = [slice(None)] * weight.ndim
    slices[axis] = 2
    weight.d[tuple(slices)] = 0
    y.forward()
    zero = [channel for channel in range(y.shape[1]) if not y.d[:, channel].any()]
    assert y.parent.info.type_name == name and zero == [2]
