# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters as integers take no more bytes than they need."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.graph.constants import constant
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key
from nnabla_compress.lowering.fixed_point.rounding import parameter_codes, values_of


@pytest.mark.parametrize(("bits", "kind"), [(8, np.int8), (16, np.int16)])
def test_weights_are_integers_of_their_bits_and_biases_of_more(bits, kind):
    x = nn.Variable((1, 3))
    w, b = constant(np.float32([[0.5, -9], [0.25, 9], [0, 1]]), "W"), constant([0.5, -0.5], "b")
    graph = FixedPointGraph([F.affine(x, w, b)], {key(w), key(b)})
    codes = parameter_codes(graph, [x], {key(w): 4, key(b): 4}, bits)
    assert codes[key(w)].dtype == kind and codes[key(b)].dtype == np.int32
    most = 2 ** (bits - 1) - 1
    expected = np.clip([[8, -144], [4, 144], [0, 16]], -most, most)
    assert codes[key(w)].tolist() == expected.tolist()


@pytest.mark.parametrize("position", [0, 7, 15])
def test_values_of_integers_are_exact(position):
    codes = np.arange(-(2**15) + 1, 2**15, dtype=np.int16)
    expected = codes.astype(np.float64) * 2.0**-position
    assert (values_of(codes, position) == expected).all()
