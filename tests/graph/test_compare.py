# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Graphs are run on values of any kind, to be compared."""

from __future__ import annotations

import warnings

import nnabla as nn
import numpy as np

from nnabla_compress.graph.compare import run
from nnabla_compress.quantizers import Uniform


def test_what_quantizers_say_of_values_that_only_compare_is_not_told():
    nn.clear_parameters()
    x = nn.Variable((2, 3))
    y = Uniform(bits=2, signed=False, initial_step=1)(x)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        (found,) = run([x], [y], [np.float32([[-1, 0, 1], [2, 3, -4]])])
    assert not told
    np.testing.assert_array_equal(found, [[0, 0, 1], [2, 3, 0]])
