# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pruning alone: the mask, its updates, encoding, lowering and gradients."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError, TrainingError
from tests.properties import examples


def prune(weights, rate, scope="layer", **options):
    weights = np.asarray(weights, np.float32)
    with nn.parameter_scope(scope):
        weight = get_parameter_or_create("W", weights.shape, weights)
        return weight, Q.Prune(rate, **options)(weight)


def update(q):
    Q.Prune.after_update(q.parent.info.args, q.parent.inputs, 1)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), "half", None])
def test_a_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(ConfigError, match="rate is"):
        Q.Prune(rate)


@pytest.mark.parametrize("rate", [0, 0.001, 0.25, 1 / 3, 0.5, 0.99, 1])
def test_exactly_the_rate_of_the_smallest_weights_is_zero_and_the_others_stay(rate, rng):
    weight, q = prune(rng.randn(997), rate)
    q.forward()
    pruned = np.argsort(np.abs(weight.d))[: int(rate * 997)]
    expected = weight.d.copy()
    expected[pruned] = 0
    np.testing.assert_array_equal(q.d, expected)


def test_of_equal_weights_at_the_limit_the_first_ones_go():
    _, q = prune([3, -1, 2, 1, 1], 0.5)
    q.forward()
    assert q.d.tolist() == [3, 0, 2, 0, 1]


def test_of_every_four_input_channels_two_stay():
    row = [0.3, -0.9, 0.2, 0.8, 0.1, -0.4, 0.6, 0.5]
    _, q = prune(np.transpose([row, row[::-1]]), None, pattern="2:4")
    q.forward()
    kept = (q.d != 0).astype(int).T.tolist()
    assert kept == [[0, 1, 0, 1, 0, 0, 1, 1], [1, 1, 0, 0, 1, 0, 1, 0]]


def test_each_position_of_a_kernel_chooses_its_input_channels(rng):
    weight, q = prune(rng.randn(3, 8, 2, 2), None, pattern="1:4")
    q.forward()
    assert ((q.d != 0).reshape(3, 2, 4, 2, 2).sum(axis=2) == 1).all()
    blocks = np.abs(weight.d).reshape(3, 2, 4, 2, 2)
    np.testing.assert_array_equal(np.abs(q.d).reshape(blocks.shape).sum(axis=2), blocks.max(axis=2))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"pattern": "2-4"}, "pattern is '2-4', not N:M"),
        ({"pattern": "4:4"}, "4 of every 4"),
        ({"pattern": "0:4"}, "0 of every 4"),
        ({"rate": 0.5, "pattern": "2:4"}, "rate is 0.5 and pattern is '2:4'"),
    ],
)
def test_a_pattern_that_is_none_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Q.Prune(**options)


def test_a_weight_whose_channels_the_pattern_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match=r"\(5, 3, 2, 2\) has 3 input channels.*by 4"):
        prune(np.zeros((5, 3, 2, 2)), None, pattern="2:4")


def test_a_fixed_mask_stays_and_its_weights_learn_nothing():
    weight, q = prune([1, -2, 3, -4], 0.5, fixed=True)
    q.forward()
    weight.grad.zero()
    q.backward(np.float32([1, 2, 3, 4]))
    assert weight.g.tolist() == [0, 0, 3, 4]
    weight.d = [10, -2, 3, -4]
    update(q)
    q.forward()
    assert q.d.tolist() == [0, 0, 3, -4]
    lowered = Q.Prune.lower(q.parent, q.parent.inputs)
    lowered.forward()
    weight.grad.zero()
    lowered.backward(np.float32([1, 2, 3, 4]))
    assert lowered.d.tolist() == q.d.tolist() and weight.g.tolist() == [0, 0, 3, 4]


def test_the_gradient_of_a_fixed_mask_is_added_to_that_of_other_readers():
    weight, q = prune([1, -2], 0.5, fixed=True)
    loss = nn.functions.sum(q) + nn.functions.sum(weight)
    loss.forward()
    weight.grad.zero()
    loss.backward()
    assert weight.g.tolist() == [1, 2]


def test_a_pruned_weight_comes_back_when_it_has_grown():
    weight, q = prune([1, -2, 3, -4], 0.5)
    q.forward()
    assert q.d.tolist() == [0, 0, 3, -4]
    weight.d = [10, -2, 3, -4]
    q.forward()
    assert q.d.tolist() == [0, 0, 3, -4]  # until the update
    update(q)
    q.forward()
    assert q.d.tolist() == [10, 0, 0, -4]


def test_the_gradient_reaches_kept_and_pruned_weights_alike(rng):
    weight, q = prune(rng.randn(10), 0.5)
    upstream = rng.randn(10).astype(np.float32)
    q.forward()
    weight.grad.zero()
    q.backward(upstream)
    np.testing.assert_array_equal(weight.g, upstream)


@examples(60)
@given(
    weights=hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=4, max_side=5),
        elements=st.one_of(st.floats(-9, 9, width=32), st.sampled_from([0.0, -0.0, 1.0, -1.0])),
    ),
    rate=st.floats(0, 1),
)
def test_what_is_stored_decodes_to_the_forward_pass_and_so_does_the_lowered_graph(weights, rate):
    nn.clear_parameters()
    weight, q = prune(weights, rate)
    q.forward()
    encoding = Q.Prune.encode(q.parent)
    assert encoding.decode().tobytes() == q.d.tobytes()
    assert encoding.nbytes == -(-weights.size // 8) + 4 * int(encoding.codes.sum())
    assert encoding.nbytes == len(encoding.pack())
    lowered = Q.Prune.lower(q.parent, q.parent.inputs)
    lowered.forward()
    assert lowered.d.tobytes() == q.d.tobytes()
    weight.grad.zero()
    lowered.backward(1)
    assert (weight.g == 1).all()


def test_the_composite_path_computes_the_same_bits(rng):
    _, q = prune(rng.randn(3, 4), 0.5)
    q.forward()
    out = nn.Variable((3, 4))
    Q.living_functions(nn.get_parameters().values())[0].forward_composite(q.parent.inputs, [out])
    assert out.d.tobytes() == q.d.tobytes()


def test_weights_that_are_not_finite_are_refused_with_the_layer():
    _, q = prune([1, np.nan, np.inf], 0.5)
    with pytest.raises(TrainingError, match="2 of 3 weights of layer layer"):
        Q.prepare([q])


@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_the_mask_is_saved_and_comes_back(ending, tmp_path, rng):
    weight, q = prune(rng.randn(20), 0.5)
    q.forward()
    weight.d = rng.randn(20)  # the mask is now not what the weights would choose
    q.forward()
    before = q.d.copy()
    nn.save_parameters(str(tmp_path / f"state.{ending}"))
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / f"state.{ending}"))
    _, q = prune(np.zeros(20), 0.5)
    q.forward()
    assert q.d.tobytes() == before.tobytes()


def test_a_weight_takes_a_bit_of_the_mask_and_32_if_it_is_kept():
    _, q = prune([1, 2, 3, 4], 0.75)
    assert Q.Prune.bits_of(q.parent.info.args, q.parent.inputs) == 1 + 32 / 4
