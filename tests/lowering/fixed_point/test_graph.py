# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph import functions
from nnabla_compress.lowering.fixed_point.graph import integer_graph, scale_layers
from nnabla_compress.lowering.fixed_point.kernels import key
from tests.graph.networks import forward, randomize_statistics, values


def types(graph):
    return [f.info.type_name for f in functions(graph.outputs)]


def held(graph):
    """Whether each output of each function is an integer."""
    return [key(f.outputs[0]) in graph.fixed for f in functions(graph.outputs)]


def test_convolutions_get_a_bias():
    x = nn.Variable((1, 1, 4, 4))
    h = PF.convolution(x, 2, (3, 3), with_bias=False, name="c")
    graph = integer_graph([h], [x], [], {h.parent.inputs[1].data: "c/conv/W"})
    bias = graph.outputs[0].parent.inputs[2]
    assert (bias.name, bias.d.tolist()) == ("c/conv/b", [0, 0])
    assert key(bias) in graph.fixed


def test_floats_are_converted_where_a_layer_reads_them():
    x = nn.Variable((1, 4))
    y = PF.affine(F.softmax(PF.affine(x, 4, name="a")), 3, name="b")
    graph = integer_graph([y], [x], [], {})
    assert types(graph) == ["Affine", "Softmax", "MulScalar", "Affine"]
    assert held(graph) == [True, False, True, True]


def test_elementwise_functions_write_integers_where_only_layers_read_them():
    x = nn.Variable((1, 4))
    y = PF.affine(F.tanh(PF.affine(x, 4, name="a")), 3, name="b")
    assert held(integer_graph([y], [x], [], {})) == [True, True, True]
    y = F.tanh(PF.affine(x, 4, name="a"))
    assert held(integer_graph([y], [x], [], {})) == [True, False]


def test_numbers_become_parameters_where_integers_are_read():
    x = nn.Variable.from_numpy_array(values(2, 4))
    y = 3 * F.relu(x) + 0.5
    graph = integer_graph([y], [x], [], {})
    assert types(graph) == ["ReLU", "Mul2", "Add2"]
    assert np.array_equal(forward(graph.outputs[0]), forward(y))
    assert types(integer_graph([y], [x], [x], {})) == ["ReLU", "MulScalar", "AddScalar"]


def test_factors_and_terms_behind_layers_are_taken_in():
    x = nn.Variable.from_numpy_array(values(2, 4, 5, 5))
    h = PF.convolution(x, 3, (3, 3), name="c")
    h = F.mul2(h, nn.Variable.from_numpy_array(values(1, 3, 1, 1)))
    h = F.sub2(h, nn.Variable.from_numpy_array(values(1, 3, 1, 1)))
    y = F.add2(nn.Variable.from_numpy_array(values(1, 1, 1, 1)), 2 * h)
    randomize_statistics()
    (made,) = scale_layers([y], [x], {})
    assert [f.info.type_name for f in functions([made])] == ["Convolution"]
    assert np.allclose(forward(made), forward(y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("factor", [(1, 3, 5, 5), (1, 1, 1, 5)])
def test_factors_of_positions_stay(factor):
    x = nn.Variable.from_numpy_array(values(2, 3, 5, 5))
    h = PF.convolution(x, 3, (1, 1), name="c")
    y = F.mul2(h, nn.Variable.from_numpy_array(values(*factor)))
    (made,) = scale_layers([y], [x], {})
    assert [f.info.type_name for f in functions([made])] == ["Convolution", "Mul2"]


def test_layers_that_others_read_or_share_stay():
    x = nn.Variable((2, 4))
    h = PF.affine(x, 4, name="fc")
    (made,) = scale_layers([F.add2(h, 2 * h)], [x], {})
    assert "MulScalar" in [f.info.type_name for f in functions([made])]
    y = 2 * PF.affine(F.relu(h), 4, name="fc")
    (made,) = scale_layers([y], [x], {})
    assert "MulScalar" in [f.info.type_name for f in functions([made])]


def test_quantizers_round_floats():
    x = nn.Variable((1, 4))
    h = 0.25 * F.round(F.minimum_scalar(F.relu(PF.affine(x, 4, name="a") * 4), 7))
    graph = integer_graph([PF.affine(h, 3, name="b")], [x], [], {})
    assert types(graph)[1:5] == ["MulScalar", "ReLU", "MinimumScalar", "Round"]
    assert held(graph) == [True, False, False, False, False, True, True]
