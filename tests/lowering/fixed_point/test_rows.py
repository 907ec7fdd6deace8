# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.graph import functions
from nnabla_compress.lowering.fixed_point.rows import interleaved_convolution
from tests.graph.networks import values


def both(shape, weights, bias=True, **args):
    x, w = (
        nn.Variable.from_numpy_array(values(*shape)),
        nn.Variable.from_numpy_array(values(*weights)),
    )
    inputs = [x, w] + ([nn.Variable.from_numpy_array(values(weights[0]))] if bias else [])
    y = F.convolution(*inputs, **args)
    made = interleaved_convolution(y.parent, inputs, {})
    return y, made


@pytest.mark.parametrize(
    ("shape", "weights", "args"),
    [
        ((2, 3, 7, 6), (4, 3, 3, 3), {"pad": (1, 1)}),
        ((1, 4, 8, 5), (6, 2, 3, 2), {"group": 2, "stride": (2, 1), "pad": (2, 0)}),
        ((1, 6, 5, 5), (4, 6, 1, 1), {"stride": (2, 2), "bias": False}),
        ((2, 4, 6, 9), (3, 4, 2, 3), {"dilation": (1, 2)}),
        ((2, 4, 9), (3, 4, 3), {"stride": (2,), "pad": (1,)}),
        ((2, 4, 9), (6, 2, 3), {"group": 2, "dilation": (2,)}),
    ],
)
def test_it_computes_the_same(shape, weights, args):
    y, made = both(shape, weights, **args)
    nn.forward_all([y, made[-1]])
    assert made[-1].shape == y.shape
    assert np.allclose(made[-1].d, y.d, rtol=1e-5, atol=1e-5)
    convolution = next(v.parent for v in made if v.parent.info.type_name == "Convolution")
    assert convolution.inputs[1].shape[1] == 1


@pytest.mark.parametrize(
    ("shape", "weights", "args"),
    [
        ((1, 4, 6, 6), (4, 1, 3, 3), {"group": 4}),
        ((1, 4, 6, 6), (4, 4, 3, 3), {"dilation": (2, 1)}),
        ((1, 4, 4, 4, 4), (4, 4, 3, 3, 3), {}),
        ((1, 131072, 1, 1), (1, 131072, 1, 1), {}),
    ],
)
def test_what_gains_nothing_or_does_not_fit_stays(shape, weights, args):
    assert both(shape, weights, **args)[1] is None


def test_an_input_of_two_layers_is_interleaved_once():
    x = nn.Variable((1, 4, 6, 6))
    known: dict = {}
    outputs = []
    for kernel in (1, 3):
        w = nn.Variable((2, 4, kernel, kernel))
        made = interleaved_convolution(F.convolution(x, w).parent, [x, w], known)
        outputs.append(made[-1])
    types = [f.info.type_name for f in functions(outputs)]
    assert types == ["Transpose", "Reshape", "Convolution", "Convolution"]
