# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Replaying a network function by function gives what a pass through it gives."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.calibration.observe import compute, observe
from nnabla_compress.errors import DataError
from nnabla_compress.graph import functions
from nnabla_compress.graph.replay import Replay
from tests.calibration.networks import samples, trained


@pytest.mark.parametrize("count, batch", [(7, 3), (6, 6), (1, 64)])
def test_the_outputs_are_those_of_a_pass(count, batch):
    x, y = trained()
    values = samples(count)
    replay = Replay([y], [x], [values], batch)
    replay.run_through()
    np.testing.assert_array_equal(replay.value(y), compute([y], [x], [values], batch)[0])


def test_later_layers_see_what_was_changed_on_the_way():
    x, y = trained()
    values = samples(8)
    last = layers([y])[-1]
    replay = Replay([y], [x], [values], 4)
    replay.run_until(last.function)
    before = replay.value(last.function.inputs[0])
    last.bias.d = last.bias.d + 1
    replay.run_through()
    expected = before @ last.weight.d + last.bias.d
    np.testing.assert_allclose(replay.value(y), expected, rtol=1e-4, atol=1e-4)


def test_values_are_given_up_after_their_last_reader():
    x, y = trained()
    replay = Replay([y], [x], [samples(4)], 4)
    first = functions([y])[0]
    replay.run_through(first)
    assert not replay.has(x)
    replay.run_through()
    assert replay.has(y) and not replay.has(first.outputs[0])


def test_merged_batch_axes_and_functions_that_work_in_place():
    x = nn.Variable((2, 4))
    h = F.reshape(F.relu(F.add_scalar(x * 1, -0.1), inplace=True), (4, 2))
    y = F.reshape(PF.affine(h, 3, name="a"), (2, 6))
    values = np.random.RandomState(0).randn(5, 4).astype(np.float32)
    replay = Replay([y], [x], [values], 2)
    replay.run_through()
    np.testing.assert_array_equal(replay.value(y), compute([y], [x], [values], 2)[0])


def test_observing_sees_every_value_of_every_sample_once():
    x, y = trained()
    values = samples(11)
    tensors = {f.outputs[0]: f.info.type_name for f in functions([y])}
    tensors[x] = "input"
    found = observe([y], [x], [values], tensors, batch_size=4)
    replay = Replay([y], [x], [values])
    for function in functions([y]):
        replay.run_through(function)
        (output,) = function.outputs
        expected = replay.value(output)
        statistics = found[output]
        assert statistics.count == expected.size == statistics.histogram.sum()
        np.testing.assert_allclose(statistics.low, expected.min(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(statistics.high, expected.max(), rtol=1e-5, atol=1e-6)
    assert found[x].low == values.min() and len(found[x].batches) == 3


def test_a_map_that_is_not_finite_is_named():
    x, y = trained()
    nn.get_parameters()["c1/conv/W"].d = np.nan
    (first, *_) = functions([y])
    with pytest.raises(DataError, match="values of the first map are NaN or infinite"):
        observe([y], [x], [samples(4)], {first.outputs[0]: "the first map"})


def test_the_last_values_are_computed_when_they_are_read():
    x, y = trained()
    replay = Replay([y], [x], [samples(5)], 4)
    replay.run_through()
    expected = replay.value(y)
    late = Replay([y], [x], [samples(5)], 4)
    found = late.end(y.parent)
    assert not late.has(y) and found.shape == expected.shape and len(found) == 5
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found[np.arange(1, 5)], expected[1:], rtol=1e-5)
    np.testing.assert_allclose(found[np.array([0, 3])], expected[[0, 3]], rtol=1e-5)
    np.testing.assert_allclose(found[slice(2, 4)], expected[2:4], rtol=1e-5)


def test_last_values_of_batches_that_meet_are_there_at_once():
    nn.clear_parameters()
    x = nn.Variable((4, 2))
    y = 2 * F.mean(x, axis=0, keepdims=True)
    values = np.arange(16, dtype=np.float32).reshape(8, 2)
    found = Replay([y], [x], [values]).end(y.parent)
    np.testing.assert_array_equal(found, 2 * values.reshape(2, 4, 2).mean(axis=1))


def test_rows_of_a_batch_that_meet_are_followed_batch_by_batch():
    nn.clear_parameters()
    x = nn.Variable((4, 2))
    mean = F.mean(x, axis=0, keepdims=True)
    y = F.relu(x) + F.broadcast(mean, x.shape)
    values = np.arange(16, dtype=np.float32).reshape(8, 2)
    replay = Replay([y, mean], [x], [values])
    replay.run_through()
    means = values.reshape(2, 4, 2).mean(axis=1)
    np.testing.assert_array_equal(replay.value(mean), means)
    np.testing.assert_array_equal(replay.value(y), values + np.repeat(means, 4, axis=0))
