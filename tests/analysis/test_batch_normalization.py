# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import scale_and_shift
from nnabla_compress.parametric_functions import pow2_batch_normalization
from tests.graph.networks import forward, randomize_statistics, values


def test_scale_and_shift_follow_the_definition():
    x = nn.Variable.from_numpy_array(values(2, 3))
    y = pow2_batch_normalization(x, batch_stat=False, name="n")
    randomize_statistics(3)
    scale, shift = scale_and_shift(y.parent)
    assert np.all(np.log2(np.abs(scale)) % 1 == 0)
    np.testing.assert_allclose(scale * x.d + shift, forward(y), rtol=1e-5, atol=1e-6)
