# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant, value


def test_numbers_become_float32_and_codes_keep_their_type():
    assert constant(np.float64([1.5]), "a").data.dtype == np.float32
    assert constant(np.uint8([3]), "a", need_grad=False).data.dtype == np.uint8


def test_values_of_computed_variables_are_computed():
    w = nn.Variable.from_numpy_array(np.float32([1, 2]))
    assert value(F.mul_scalar(w, 3)).tolist() == [3, 6]
    assert value(w).dtype == np.float64
