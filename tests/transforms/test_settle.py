# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.quantizers import BinaryConnect, graph_quantizers
from nnabla_compress.transforms.settle import settled, settled_parameter


def network(rng):
    w = nn.parameter.get_parameter_or_create("fc/W", (4, 3), rng.randn(4, 3))
    x = nn.Variable.from_numpy_array(rng.randn(2, 4).astype(np.float32))
    return w, F.affine(x, BinaryConnect().on(w, (), "fc", given=True))


def test_a_settled_graph_computes_the_same_from_plain_weights_of_the_same_path(rng):
    w, y = network(rng)
    (z,) = settled([y])
    nn.forward_all([y, z])
    np.testing.assert_array_equal(y.d, z.d)
    assert not graph_quantizers([z]) and z.parent.inputs[1].name == "fc/W"


def test_a_settled_parameter_is_made_once(rng):
    w, y = network(rng)
    node = y.parent.inputs[1].parent
    made = settled_parameter(node, "fc")
    np.testing.assert_array_equal(made.d, np.sign(w.d))
    made.d = 0.5
    assert (settled_parameter(node, "fc").d == 0.5).all()
    assert sorted(nn.get_parameters()) == ["fc/W", "fc/W_q"]
