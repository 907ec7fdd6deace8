# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.functions.relu import ReLU


def test_it_computes_what_nnabla_does_to_the_bit():
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(3, 4, 5), need_grad=True)
    theirs = F.relu(x)
    ours = ReLU(dict(theirs.parent.info.args))(x)
    found = []
    for y in (theirs, ours):
        x.g = 0.5
        y.forward()
        y.backward(np.arange(60).reshape(3, 4, 5))
        found.append((y.d.copy(), x.g.copy()))
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


def test_one_that_writes_over_its_input_is_left_to_nnabla():
    x = nn.Variable((2, 3))
    assert ReLU.can_compute(F.relu(x).parent)
    assert not ReLU.can_compute(F.relu(x, inplace=True).parent)
