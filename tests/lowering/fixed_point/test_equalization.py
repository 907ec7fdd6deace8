# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels of a fixed-point network scaled against each other."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.graph import functions
from nnabla_compress.lowering.fixed_point.equalization import equalized


def test_scaled_weights_are_new_parameters_and_compute_the_same(rng):
    x = nn.Variable((2, 3, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
    y = PF.affine(F.relu(PF.affine(h, 5, name="b")), 2, name="c")
    parameters = nn.get_parameters()
    parameters["a/conv/W"].d = rng.randn(4, 3, 3, 3) * np.logspace(0, -2, 4).reshape(4, 1, 1, 1)
    before = {path: v.d.copy() for path, v in parameters.items()}
    feed = {x: rng.randn(2, 3, 6, 6).astype(np.float32)}
    names = {v.data: path for path, v in parameters.items()}
    (scaled,), exact, _ = equalized([y], [feed], 8, names)
    x.d = feed[x]
    nn.forward_all([y, scaled])
    np.testing.assert_allclose(scaled.d, y.d, rtol=1e-4, atol=1e-5)
    assert exact
    made = {v.name: v for f in functions([scaled]) for v in f.inputs if v.name in parameters}
    assert all(v.d.dtype == np.float32 for v in made.values())
    assert not np.array_equal(made["a/conv/W"].d, before["a/conv/W"])
    assert all(np.array_equal(parameters[path].d, values) for path, values in before.items())
