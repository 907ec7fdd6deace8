# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.functions.convolution import Convolution
from nnabla_compress.graph.rewrite import rebuild

rng = np.random.RandomState(0)


def variable(*shape):
    made = nn.Variable.from_numpy_array(rng.randn(*shape).astype(np.float32), need_grad=True)
    made.g = 0
    return made


def both(inputs, **options):
    """NNabla's convolution and ours of the same inputs."""
    theirs = F.convolution(*inputs, **options)
    return theirs, Convolution(dict(theirs.parent.info.args))(*inputs)


def gradients(y, inputs, dy):
    for each in inputs:
        each.g = 0.5
    y.forward()
    y.backward(dy)
    return [each.g.copy() for each in inputs]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"pad": (1, 1)}, {"stride": (2, 2), "pad": (1, 1)}, {"group": 2, "dilation": (2, 2)}],
)
def test_it_computes_what_nnabla_does(options, bias):
    group = options.get("group", 1)
    inputs = [variable(3, 4, 7, 8), variable(6, 4 // group, 3, 3)]
    inputs += [variable(6)] if bias else []
    theirs, ours = both(inputs, **options)
    assert ours.shape == theirs.shape
    dy = rng.randn(*ours.shape).astype(np.float32)
    wanted, got = gradients(theirs, inputs, dy), gradients(ours, inputs, dy)
    np.testing.assert_allclose(ours.d, theirs.d, rtol=1e-4, atol=1e-5)
    for one, other in zip(got, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_several_axes_may_come_before_the_channels():
    inputs = [variable(2, 3, 4, 5, 5), variable(2, 4, 3, 3)]
    theirs, ours = both(inputs, base_axis=2)
    dy = rng.randn(*ours.shape).astype(np.float32)
    for one, other in zip(gradients(ours, inputs, dy), gradients(theirs, inputs, dy)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_gradients_are_computed_for_those_who_ask_only():
    x, w = variable(1, 2, 4, 4), variable(3, 2, 3, 3)
    x.need_grad = False
    _, ours = both([x, w])
    gradients(ours, [x, w], 1)
    assert (x.g == 0.5).all()
    assert (w.g != 0.5).any()


def test_copies_are_nnablas_own_function():
    inputs = [variable(1, 2, 4, 4), variable(3, 2, 3, 3)]
    theirs, ours = both(inputs)
    (copy,) = rebuild([ours])
    assert copy.parent.info.type_name == theirs.parent.info.type_name
    copy.forward()
    theirs.forward()
    np.testing.assert_array_equal(copy.d, theirs.d)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [((1, 2, 8), (3, 2, 3), {}), ((1, 4, 4, 2), (3, 3, 3, 2), {"channel_last": True})],
)
def test_other_layouts_and_dimensions_are_left_to_nnabla(shape, kernel, options):
    inputs = [nn.Variable(shape), nn.Variable(kernel)]
    with nn.auto_forward(False):
        y = F.convolution(*inputs, **options)
    assert not Convolution.can_compute(y.parent)
