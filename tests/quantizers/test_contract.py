# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every registered quantizer owes to those who never ask for its class."""

from __future__ import annotations

from dataclasses import asdict

import nnabla as nn
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.graph.clone import clone
from nnabla_compress.quantizers.base import NODE_PREFIX, quantizer_of, registered

IN_RULES = {name: kind for name, kind in registered().items() if kind.in_rules}


def made(kind):
    """A quantizer with the options that it can't do without."""
    return kind(0.5) if kind is Q.Prune else kind()


@pytest.fixture(params=sorted(IN_RULES))
def kind(request):
    return IN_RULES[request.param]


@pytest.fixture
def node(kind, rng):
    weight = nn.parameter.get_parameter_or_create("fc/W", (8, 5), rng.randn(8, 5))
    with nn.parameter_scope("fc"):
        y = made(kind)(weight)
    y.forward()
    return y.parent


def test_its_node_names_it_and_keeps_its_options(kind, node):
    assert node.info.type_name == kind.graph_type() == NODE_PREFIX + kind.type_name
    assert quantizer_of(node) is kind
    assert set(asdict(made(kind))) <= set(node.info.args)


def test_it_encodes_what_it_computes_bit_for_bit(kind, node):
    np.testing.assert_array_equal(kind.encode(node).decode(), node.outputs[0].d)


def test_its_lowered_form_computes_the_same(kind, node):
    lowered = kind.lower(node, node.inputs)
    lowered.forward()
    np.testing.assert_allclose(lowered.d, node.outputs[0].d, rtol=1e-6)


def test_it_says_how_many_bits_a_value_takes_and_whether_they_are_learned(kind, node):
    args = node.info.args
    assert 0 < kind.bits_of(args, node.inputs) <= 32
    if kind.learns_bits(args):
        assert args["min_bits"] <= kind.bits_of(args, node.inputs) <= args["max_bits"]
        assert kind.bits_variable(node).shape == (1,)


def test_where_bits_are_learned_one_can_be_taken(kind, node):
    args = node.info.args
    if not kind.learns_bits(args):
        pytest.skip("its bits are fixed")
    before = kind.bits_of(args, node.inputs)
    kind.take_a_bit(args, node.inputs)
    assert kind.bits_of(args, node.inputs) == before - 1


def test_its_range_holds_what_it_gives(kind, node):
    covered = kind.range_of(node.info.args, node.inputs)
    if covered is not None:
        assert 0 < covered.step <= covered.largest
        assert abs(node.outputs[0].d).max() <= covered.largest * 1.000001


def test_what_it_puts_on_a_bias_takes_a_vector(kind, rng):
    quantizer = made(kind).for_bias()
    if quantizer is None:
        pytest.skip("it is for weights only")
    bias = nn.parameter.get_parameter_or_create("fc/b", (5,), rng.randn(5))
    with nn.parameter_scope("fc"):
        assert quantizer(bias).shape == (5,)


def test_where_it_can_be_calibrated_for_activations_a_range_can_be_set(kind, rng):
    assert set(kind.calibratable) <= {"weights", "activations"}
    if "activations" not in kind.calibratable:
        pytest.skip("its ranges are not set")
    x = nn.Variable((4, 5))
    y = kind(bits=8, symmetric=False)(x)
    kind.set_range(y.parent.info.args, y.parent.inputs, -1.0, 3.0)
    x.d = 10 * rng.randn(4, 5)
    y.forward()
    assert -1.02 <= y.d.min() < -0.98 and 2.98 < y.d.max() <= 3.02


def test_updating_leaves_what_it_computes_finite(kind, node):
    args, inputs = node.info.args, node.inputs
    for variable in inputs[1:]:
        if variable.need_grad:
            variable.grad.fill(1.0)
    kind.begin_training(args, inputs, 100)
    kind.before_update(args, inputs)
    inputs[0].d = inputs[0].d + 0.1
    kind.after_update(args, inputs, 1)
    (y,) = clone(node, inputs)
    y.forward()
    assert np.isfinite(y.d).all()
