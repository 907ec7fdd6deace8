# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers found again in what an export wrote."""

from __future__ import annotations

import itertools

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.recognize import Codes, Powers, recognize, with_nodes
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import Affine, DoReFa, Pow2, Uniform, graph_quantizers, quantizer_of
from tests.graph.networks import forward, values

UNIFORM = [Uniform(bits, signed) for bits in (2, 3, 8) for signed in (False, True)] + [
    Uniform(1, signed=False),
    Uniform(3, learn="qmax", axis=1),
    Uniform(4, learn="b_d", step="pow2"),
]
POW2 = [
    Pow2(bits, signed, zero)
    for bits, signed, zero in itertools.product((2, 3, 5), (False, True), (False, True))
] + [Pow2(1, signed=True, zero=False), Pow2(1, signed=False, zero=True)]


def quantized(quantizer, x):
    h = PF.convolution(x, 4, (3, 3), name="c")
    h = F.tanh(h) if quantizer.signed else F.relu(h)
    with nn.parameter_scope("a"):
        return quantizer(h)


@pytest.mark.parametrize("quantizer", UNIFORM + POW2, ids=str)
def test_a_quantizer_is_found_in_an_export_and_computes_the_same(quantizer, tmp_path):
    x = nn.Variable.from_numpy_array(values(2, 3, 6, 6))
    h = quantized(quantizer, x)
    y = PF.affine(h, 3, name="f")
    expected = forward(y)
    bits = type(quantizer).bits_of(h.parent.info.args, h.parent.inputs)
    export_nnp(tmp_path / "net.nnp", y, x)
    nn.clear_parameters()
    (found,) = with_nodes([NnpFile(tmp_path / "net.nnp")(x, True)])
    (node,) = graph_quantizers([found])
    assert node.info.type_name == type(quantizer).graph_type()
    assert node.info.args["signed"] == quantizer.signed
    assert type(quantizer).bits_of(node.info.args, node.inputs) == bits
    if isinstance(quantizer, Pow2):
        assert node.info.args["zero"] == quantizer.zero
    # The ReLU that the export put before the codes is gone; that of the network is not.
    kinds = [function.info.type_name for function in functions([found])]
    assert kinds.count("ReLU") == int(not quantizer.signed) and len(kinds) == 4
    np.testing.assert_array_equal(forward(found), expected)


def chain(x, low, high, step=0.125):
    return F.round(F.minimum_scalar(F.maximum_scalar(x / step, low), high)) * step


@pytest.mark.parametrize("low, high", [(-8, 7), (-3, 12), (-15, 0), (-100, 155)])
def test_codes_that_are_not_symmetric_are_those_of_a_zero_point(low, high):
    x = nn.Variable.from_numpy_array(20 * values(1, 99))
    y = chain(x, low, high)
    found = recognize(y.parent)
    assert isinstance(found, Codes)
    assert (found.low, found.high, found.tensor) == (low, high, x)
    (same,) = with_nodes([y])
    (node,) = graph_quantizers([same])
    assert node.info.type_name == Affine.graph_type()
    assert node.info.args["bits"] == found.bits and node.inputs[2].d.tolist() == [-low]
    np.testing.assert_array_equal(forward(same), forward(y))


@pytest.mark.parametrize("low, high", [(-8, 9), (1, 16), (-9, -2)])
def test_codes_between_bounds_that_no_quantizer_has_stay_as_they_are(low, high):
    x = nn.Variable.from_numpy_array(values(1, 9))
    y = chain(x, low, high)
    (same,) = with_nodes([y])
    assert graph_quantizers([same]) == []
    np.testing.assert_array_equal(forward(same), forward(y))


def test_a_scale_that_is_not_one_over_the_step_is_no_node():
    x = nn.Variable.from_numpy_array(values(1, 9))
    y = F.round(F.minimum_scalar(F.maximum_scalar(x * 8, -7), 7)) * 0.25
    assert recognize(y.parent).steps.tolist() == [0.25]
    assert graph_quantizers(with_nodes([y])) == []


@pytest.mark.parametrize("bits", range(1, 9))
def test_a_quantizer_from_0_to_1_is_found_whatever_its_bits(bits, tmp_path):
    x = nn.Variable.from_numpy_array(values(2, 3, 6, 6))
    y = PF.affine(DoReFa(bits)(F.relu(PF.convolution(x, 4, (3, 3), name="c"))), 3, name="f")
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    nn.clear_parameters()
    (found,) = with_nodes([NnpFile(tmp_path / "net.nnp")(x, True)])
    (node,) = graph_quantizers([found])
    assert quantizer_of(node).bits_of(node.info.args, node.inputs) == bits
    np.testing.assert_array_equal(forward(found), expected)


def test_what_is_no_quantizer_is_none():
    x, w = nn.Variable((2, 4)), nn.Variable((2, 4))
    for y in (
        x * 3,
        F.round(x) * 3,
        F.round(F.minimum_scalar(x, 7)) * 0.5,
        chain(x, 3, -3),
        chain(x, float("nan"), 3),
        chain(x, -7, float("inf")),
        F.mul2(x, w),
        F.mul2(x, F.div2(x, x)),
        F.mul2(F.sign(x), F.div2(F.relu(x), F.relu(x))),
        F.round(F.minimum_scalar(F.maximum_scalar(x, -7), 7)) * -1.0,
    ):
        assert recognize(y.parent) is None
        assert not graph_quantizers(with_nodes([y]))


def test_a_tensor_that_is_only_positive_by_its_relu_keeps_it():
    x = nn.Variable.from_numpy_array(values(1, 9))
    y = F.round(F.minimum_scalar(F.relu(x) / 0.25, 3)) * 0.25
    (found,) = with_nodes([y])
    assert [function.info.type_name for function in functions([found])] == [
        "ReLU",
        "nnabla_compress.Uniform",
    ]
    np.testing.assert_array_equal(forward(found), forward(y))


def test_powers_are_told_with_their_range():
    x = nn.Variable((1, 4))
    with nn.parameter_scope("a"):
        y = Pow2(4, initial_q_max=2.0)(x)
    x.d = 1
    y.forward()
    found = recognize(Pow2.lower(y.parent, y.parent.inputs).parent)
    assert isinstance(found, Powers)
    assert (found.q_min, found.q_max, found.signed, found.zero) == (2.0**-6, 2.0, True, False)
    assert found.bits == 4
