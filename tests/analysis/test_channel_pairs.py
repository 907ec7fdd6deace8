# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pairs of layers, and clips with a bound for each channel between them."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.channel_pairs import pairs, stopped_at, with_channel_clips
from nnabla_compress.graph import functions
from nnabla_compress.graph.constants import value


def convolution(x, maps, name):
    return PF.convolution(x, maps, (3, 3), name=name)


CLIPS = {
    "relu6": F.relu6,
    "scalars": lambda h: F.minimum_scalar(F.maximum_scalar(h, 0), 2.5),
    "padded": lambda h: F.pad(F.relu6(h), (0, 1, 0, 1)),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_scaling_through_a_clip_changes_nothing(name, rng):
    x = nn.Variable((2, 3, 8, 8))
    y = convolution(CLIPS[name](convolution(x, 4, "a")), 5, "b")
    for parameter in nn.get_parameters().values():
        parameter.d = 2 * rng.randn(*parameter.shape)
    x.d = rng.randn(*x.shape)
    y.forward()
    expected = y.d.copy()
    (clipped,) = with_channel_clips([y])
    (pair,) = pairs([clipped])
    assert len(pair.bounds) == 1 and not pairs([y])
    clipped.forward()
    np.testing.assert_array_equal(clipped.d, expected)
    variables = pair.parameters()
    arrays = {v.data: value(v) for v in variables}
    pair.scale(np.array([0.01, 1.0, 3.0, 100.0]), arrays)
    for variable in variables:
        variable.d = arrays[variable.data]
    clipped.forward()
    np.testing.assert_allclose(clipped.d, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "between",
    [F.sigmoid, F.swish, F.elu, lambda h: F.pad(F.relu(h), (1, 1, 1, 1), "constant", 1.0)],
)
def test_what_a_factor_does_not_pass_makes_no_pair(between):
    x = nn.Variable((1, 3, 8, 8))
    y = convolution(between(convolution(x, 4, "a")), 5, "b")
    assert not pairs([y], through_clips=True)
    assert with_channel_clips([y])[0] == y


def test_a_clip_that_is_not_between_layers_stays():
    x = nn.Variable((1, 3, 8, 8))
    y = F.relu6(convolution(F.relu6(convolution(x, 4, "a")), 5, "b"))
    found = [f.info.type_name for f in functions(with_channel_clips([y]))]
    assert found == ["Convolution", "ReLU", "Minimum2", "Convolution", "ReLU6"]


@pytest.mark.parametrize("activation", [F.swish, F.elu, F.sigmoid, F.gelu, F.tanh])
def test_activations_that_let_no_factor_pass_are_named(activation):
    x = nn.Variable((1, 3, 6, 6))
    h = F.relu6(PF.convolution(x, 4, (3, 3), name="a"))
    h = activation(PF.convolution(h, 4, (3, 3), name="b"))
    y = PF.affine(F.average_pooling(h, (2, 2)), 2, name="c")
    type_name = h.parent.info.type_name
    assert stopped_at([y]) == [f"{type_name} behind b/conv"]
    assert stopped_at([F.softmax(h)]) == []


def test_a_factor_passes_a_prelu():
    x = nn.Variable((1, 3, 6, 6))
    slope = nn.Variable.from_numpy_array(np.float32([0.1, -0.2, 0.3, 0.4]))
    y = PF.convolution(F.prelu(PF.convolution(x, 4, (3, 3), name="a"), slope), 2, (3, 3), name="b")
    (pair,) = pairs([y])
    assert pair.channels == 4 and stopped_at([y]) == []
    x.d = np.random.RandomState(0).randn(*x.shape)
    y.forward()
    before = y.d.copy()
    arrays = {v.data: v.d.copy() for v in pair.parameters()}
    pair.scale(np.float64([2, 0.5, 4, 1]), arrays)
    for variable in pair.parameters():
        variable.d = arrays[variable.data]
    y.forward()
    np.testing.assert_allclose(y.d, before, rtol=1e-4, atol=1e-6)
