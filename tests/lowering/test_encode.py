# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis import parameter_names
from nnabla_compress.graph import functions
from nnabla_compress.lowering.encode import encode_graph
from nnabla_compress.quantizers import LUT
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
