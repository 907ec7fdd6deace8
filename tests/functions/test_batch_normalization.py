# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.functions.batch_normalization import BatchNormalization

rng = np.random.RandomState(0)


def variables(x_shape, axis):
    shape = [1] * len(x_shape)
    shape[axis] = x_shape[axis]
    made = [nn.Variable.from_numpy_array(rng.randn(*s)) for s in (x_shape, *[shape] * 4)]
    made[4].d = np.abs(made[4].d)
    for each in made[:3]:
        each.need_grad = True
    return made


def after_one_pass(make, values):
    inputs = [nn.Variable.from_numpy_array(v, need_grad=i < 3) for i, v in enumerate(values)]
    for each in inputs[:3]:
        each.g = 0.5
    y = make(inputs)
    y.forward()
    y.backward(np.sin(np.arange(y.size)).reshape(y.shape))
    return [y.d.copy(), *(v.g.copy() for v in inputs[:3]), *(v.d.copy() for v in inputs[3:])]


@pytest.mark.parametrize(("shape", "axis"), [((4, 3, 5, 5), 1), ((6, 3), 1), ((4, 5, 3), 2)])
def test_it_computes_what_nnabla_does_in_training_with_running_statistics(shape, axis):
    values = [v.d.copy() for v in variables(shape, axis)]
    options = {"axes": [axis], "decay_rate": 0.8, "eps": 1e-3, "batch_stat": True}
    theirs = after_one_pass(lambda i: F.batch_normalization(*i, **options), values)
    ours = after_one_pass(lambda i: BatchNormalization(options)(*i), values)
    for got, want in zip(ours, theirs):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_it_takes_the_place_of_training_only():
    inputs = variables((4, 3, 5, 5), 1)
    for batch_stat in (True, False):
        y = F.batch_normalization(*inputs, batch_stat=batch_stat)
        assert BatchNormalization.can_compute(y.parent) == batch_stat
