# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_compress.quantizers as Q


@pytest.mark.parametrize("rate, zeros", [(0.5, 4), (0.9, 8), (0.0, 0), (1.0, 10)])
def test_of_ten_weights_as_many_are_zero_as_nnabla_makes(rate, zeros):
    weights = nn.Variable.from_numpy_array(np.arange(1, 11, dtype=np.float32))
    y = Q.PruneRate(rate)(weights)
    y.forward()
    assert int((y.d == 0).sum()) == zeros
    encoding = Q.PruneRate.encode(y.parent)
    np.testing.assert_array_equal(encoding.decode(), y.d)
    bits = Q.PruneRate.bits_of(y.parent.info.args, y.parent.inputs)
    assert bits == pytest.approx(1 + 32 * (10 - zeros) / 10)


def test_all_ties_at_the_limit_stay_where_our_pruning_takes_as_many_as_asked():
    w = nn.parameter.get_parameter_or_create("W", (4,), np.float32([1, 1, 1, 2]))
    theirs, ours = Q.PruneRate(0.5)(w), Q.Prune(0.5)(w)
    nn.forward_all([theirs, ours])
    assert theirs.d.tolist() == [1, 1, 1, 2]
    assert ours.d.tolist() == [0, 0, 1, 2]
