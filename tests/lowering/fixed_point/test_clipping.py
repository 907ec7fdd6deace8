# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.graph import functions
from nnabla_compress.lowering.fixed_point.clipping import clip_activations
from nnabla_compress.quantizers import LUT, Uniform
from tests.graph.networks import values


def types(outputs):
    return [f.info.type_name for f in functions(outputs)]


def test_signed_ranges_are_clipped_on_both_sides():
    x = nn.Variable((2, 4))
    y = Uniform(6, initial_step=0.0625)(x)
    x.d = [[-9, -0.6, 0.6, 9], [0, 1, 2, -1.75]]
    y.forward()
    (clipped,), count = clip_activations([y], [x])
    clipped.forward()
    assert count == 1
    assert clipped.d.tolist() == np.clip(x.d, -1.9375, 1.9375).tolist()


def test_a_relu_before_it_is_not_repeated():
    x = nn.Variable((1, 4))
    y = Uniform(8, signed=False, initial_step=0.5)(F.relu(x))
    y.forward()
    assert types(clip_activations([y], [x])[0]) == ["ReLU", "MinimumScalar"]
    y = Uniform(8, signed=False, initial_step=0.5)(x)
    y.forward()
    assert types(clip_activations([y], [x])[0]) == ["ReLU", "MinimumScalar"]


def test_quantizers_of_weights_stay():
    x = nn.Variable.from_numpy_array(values(2, 4))
    y = PF.affine(x, 3, name="fc", apply_w=LUT(bits=2))
    y.forward()
    made, count = clip_activations([y], [x])
    assert count == 0
    assert types(made) == types([y])


def test_quantizers_of_few_bits_stay():
    x = nn.Variable((1, 4))
    y = Uniform(5, signed=False, initial_step=0.5)(x)
    y.forward()
    made, count = clip_activations([y], [x])
    assert count == 1
    assert types(made) == ["nnabla_compress.Uniform"]
