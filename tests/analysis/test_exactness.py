# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which functions must give the same values wherever they are computed."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.exactness import Exactness, largest_sum, whole_windows
from nnabla_compress.analysis.value_sets import Values
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.nnb.sources import source_of


def weight(*shape, value=1.0):
    return nn.Variable.from_numpy_array(np.full(shape, value, np.float32))


def codes(x, largest=15):
    return F.minimum_scalar(F.round(F.relu(x)), largest)


def inexact(x, y):
    return [(f.function.info.type_name, f.reason) for f in Exactness([x]).inexact([y])]


def test_one_operation_for_each_element_is_exact_on_any_floats():
    x = nn.Variable((1, 4, 4, 4))
    y = F.leaky_relu(F.mul2(F.add_scalar(x, 0.1), weight(1, 4, 1, 1, value=0.3)))
    y = F.max_pooling(F.round(F.abs(F.concatenate(x, y, axis=1))), (2, 2))
    assert inexact(x, y) == []


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: F.affine(x, weight(64, 2)),
        lambda x: F.convolution(x, weight(4, 2, 3, 3), group=2),
        lambda x: F.depthwise_convolution(x, weight(4, 3, 3)),
        lambda x: F.deconvolution(x, weight(4, 2, 3, 3)),
        lambda x: F.average_pooling(x, (2, 2)),
        lambda x: F.sum(x, axis=(2, 3)),
    ],
)
def test_sums_are_exact_of_codes_only(layer):
    x = nn.Variable((1, 4, 4, 4))
    assert inexact(x, layer(codes(x))) == []
    ((_, reason),) = inexact(x, layer(x))
    assert "adds floats" in reason


def test_sums_are_exact_up_to_2_to_the_24():
    x = nn.Variable((1, 64))
    assert inexact(x, F.affine(codes(x, 2**18), weight(64, 1))) == []
    ((_, reason),) = inexact(x, F.affine(codes(x, 2**18 + 1), weight(64, 1)))
    assert "2^24" in reason
    # Powers of two do not count as bits.
    assert inexact(x, F.affine(codes(x, 2**18) * 0.125, weight(64, 1, value=2.0**-9))) == []


def test_averages_of_a_power_of_two_stay_on_the_grid():
    x = nn.Variable((1, 1, 6, 6))
    four, nine = (F.average_pooling(codes(x), (n, n)) for n in (2, 3))
    exactness = Exactness([x])
    assert exactness.values(four).exponent == -2
    assert exactness.values(nine).exponent is None
    assert exactness.inexact([four, nine]) == []
    assert exactness.values(nine).high == 15


@pytest.mark.parametrize(
    "options, whole",
    [
        ({}, True),
        ({"pad": (1, 1)}, True),
        ({"pad": (1, 1), "including_pad": False}, False),
        ({"ignore_border": False}, False),
        ({"ignore_border": False, "stride": (1, 1)}, True),
        ({"kernel": (6, 2), "stride": (2, 2)}, False),
        ({"kernel": (7, 5), "stride": (2, 2), "ignore_border": False}, False),
    ],
)
def test_windows_are_whole_if_all_divide_by_one_number(options, whole):
    y = F.average_pooling(nn.Variable((1, 1, 5, 5)), **{"kernel": (2, 2), **options})
    assert whole_windows(y.parent) is whole


def test_functions_of_a_library_are_not_certain():
    x = nn.Variable((1, 4))
    assert [name for name, _ in inexact(x, F.softmax(F.tanh(x)))] == ["Tanh", "Softmax"]


@pytest.mark.parametrize(
    "divisor, certain",
    [
        (lambda x: codes(x), False),
        (lambda x: codes(x) + 0.5, True),
        (lambda x: F.affine(codes(x), weight(4, 4)), False),
        (lambda x: weight(1, 4, value=-2.0), True),
        (lambda x: nn.Variable.from_numpy_array(np.float32([[-1, 2, -3, 4]])), True),
        (lambda x: nn.Variable.from_numpy_array(np.float32([[-1, 2, 0, 4]])), False),
    ],
)
def test_divisions_tell_zeros_of_two_signs_apart(divisor, certain):
    x = nn.Variable((1, 4))
    expected = [] if certain else ["it divides by what may be zero, which has no certain sign"]
    assert [reason for _, reason in inexact(x, F.div2(x, divisor(x)))] == expected
    if divisor(x).parent is not None:
        assert [reason for _, reason in inexact(x, 3.0 / divisor(x))] == expected


def test_a_weight_that_depends_on_the_input_is_not_certain():
    x = nn.Variable((2, 2))
    ((_, reason),) = inexact(x, F.affine(codes(x), F.identity(codes(x))))
    assert "depends on the input" in reason


def test_weights_that_are_decoded_count_as_constants():
    x, stored = nn.Variable((1, 4)), weight(4, 2, value=3.0)
    exactness = Exactness([x])
    decoded = F.mul_scalar(stored, 2.0)
    y = F.affine(codes(x), decoded)
    assert exactness.inexact([y]) == []
    assert exactness.is_constant(decoded) and not exactness.is_constant(y)
    assert exactness.values(decoded).high == 6
    assert exactness.values(y).high == 4 * 6 * 15


def test_weights_without_values_in_memory_are_those_that_they_decode_to():
    x, codes = nn.Variable((1, 4)), nn.Variable((4, 3))
    decoded = F.mul_scalar(codes, 1.0)
    numbers = np.arange(12, dtype=np.float32).reshape(4, 3)
    source = source_of(numbers)
    deferred = Deferred({codes.data: source}, {decoded: source})
    whole, halved = F.round(x), F.mul_scalar(F.transpose(decoded, (0, 1)), 0.5)
    cut = F.slice(decoded, (0, 1), (4, 3), (1, 1))
    y, z = F.affine(whole, cut), F.affine(whole, halved)
    exactness = Exactness([x], deferred)
    exactness.inexact([y, z])
    assert exactness.values(decoded) == Values(0.0, 11.0, 0)
    assert exactness.values(cut) == Values(1.0, 11.0, 0)
    assert exactness.values(halved) == Values(0.0, 5.5, -1)
    small = Exactness([x], deferred)
    bounded = F.minimum_scalar(F.maximum_scalar(whole, -2), 2)
    assert small.values(F.affine(bounded, cut)).high == 2 * 26


def test_what_a_layer_can_hold_may_be_told():
    x = nn.Variable((1, 2))
    y = F.affine(x, nn.Variable.from_numpy_array(np.ones((2, 2), np.float32)))
    exactness = Exactness([x])
    exactness.know(y.parent, Values(-6.0, 6.0, 0))
    assert exactness.values(F.relu(y)) == Values(0.0, 6.0, 0)
    assert not exactness.is_constant(y)


def test_the_largest_sum_is_that_of_one_output():
    numbers = np.arange(-8, 8).reshape(2, 2, 2, 2)
    x = nn.Variable((1, 2, 4, 4))
    y = F.convolution(x, weight(2, 2, 2, 2))
    assert largest_sum(y.parent, numbers) == 36
    y = F.deconvolution(x, weight(2, 2, 2, 2))
    assert largest_sum(y.parent, numbers) == 8 + 7 + 6 + 5 + 0 + 1 + 2 + 3
    y = F.deconvolution(x, weight(2, 2, 2, 2), group=2)
    assert largest_sum(y.parent, numbers) == 26


def test_bounds_hold_what_is_computed():
    rng = np.random.RandomState(3)
    x, w = nn.Variable((2, 3, 5, 5)), nn.Variable((4, 3, 3, 3))
    w.d = rng.randint(-7, 8, w.shape) * 0.25
    b = nn.Variable.from_numpy_array(np.float32([0.5, -2, 3, 1]))
    y = F.convolution(codes(x), w, b, pad=(1, 1))
    values = Exactness([x]).values(y)
    for _ in range(5):
        x.d = rng.randn(*x.shape) * 20
        y.forward()
        assert y.d.min() >= values.low and y.d.max() <= values.high
        np.testing.assert_array_equal(y.d % 2.0**values.exponent, 0)
