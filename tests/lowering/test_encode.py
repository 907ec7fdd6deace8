# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import parameter_names
from nnabla_compress.graph import functions
from nnabla_compress.lowering.encode import encode_graph
from nnabla_compress.quantizers import LUT, Affine
from tests.graph.networks import forward, values


def test_a_weight_called_twice_is_stored_once_with_the_values_of_the_graph():
    x = nn.Variable.from_numpy_array(values(2, 4))
    h = PF.affine(x, 4, apply_w=LUT(bits=2), name="s")
    y = PF.affine(h, 4, apply_w=LUT(bits=2), name="s")
    graph = encode_graph([y], [x], parameter_names([y]))
    affines = functions(graph.outputs)
    assert [f.info.type_name for f in affines] == ["Affine", "Affine"]
    assert affines[0].inputs[1] == affines[1].inputs[1]
    assert affines[0].inputs[1].name == "s/affine/W"
    np.testing.assert_array_equal(forward(graph.outputs[0]), forward(y))
    assert [e.bits for e in graph.encodings.values()] == [2]
    assert list(graph.quantizers.values()) == ["LUT"] and graph.activations == 0


@pytest.mark.parametrize(
    "values, keeps",
    [([[0.5, -0.25]], True), ([[0.5, -0.3]], False), ([[0.5, -0.0]], False)],
)
def test_a_weight_that_lies_on_its_levels_keeps_its_array(values, keeps):
    x = nn.Variable.from_numpy_array(np.float32([[1]]))
    quantizer = Affine(bits=4, scale="pow2", axis=None)
    y = PF.affine(x, 2, apply_w=quantizer, name="fc", with_bias=False)
    y.forward()
    weight = nn.get_parameters()["fc/affine/W"]
    weight.d = values
    nn.get_parameters(grad_only=False)["fc/affine/affine/scale"].d = 0.125
    graph = encode_graph([y], [x], parameter_names([y]))
    (stored,) = graph.encodings
    assert (stored == weight.data) is keeps
    np.testing.assert_array_equal(forward(graph.outputs[0]), forward(y))


def test_a_weight_that_is_read_as_it_is_too_keeps_its_array_for_that():
    x = nn.Variable.from_numpy_array(np.float32([[1]]))
    y = PF.affine(x, 2, apply_w=LUT(bits=2), name="fc", with_bias=False)
    y.forward()
    weight = nn.get_parameters()["fc/affine/W"]
    weight.d = y.parent.inputs[1].d
    plain = F.affine(x, weight)
    graph = encode_graph([y, plain], [x], parameter_names([y]))
    (stored,) = graph.encodings
    assert stored != weight.data and graph.outputs[1].parent.inputs[1].data == weight.data
