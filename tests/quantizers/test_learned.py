# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What learned quantizers share: host arrays, limits of the bits, copies of their nodes."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import clone_node
from nnabla_compress.quantizers.learned import require_bits, sample
from nnabla_compress.quantizers.uniform import Uniform


def test_limits_of_the_bits_default_to_all_that_mean_something_up_to_8():
    assert require_bits("Q", 4, 2, 16, None, None) == (2, 8)
    assert require_bits("Q", 12, 2, 16, None, None) == (2, 12)
    assert require_bits("Q", 4, 1, 6, 3, None) == (3, 6)
    with pytest.raises(ConfigError, match="Q: max_bits is 20, the range is 2 to 16"):
        require_bits("Q", 4, 2, 16, None, 20)


def test_a_sample_has_at_most_65536_values_of_each_row():
    x = np.arange(400_000, dtype=np.float32).reshape(2, -1)
    assert sample(x).shape[1] <= 65_536 < 2 * sample(x).shape[1]
    np.testing.assert_array_equal(sample(x[:, :10]), x[:, :10])


def test_a_copy_of_a_node_shares_its_parameters():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.float32([0.1, 0.6, 1.3]))
    y = Uniform(bits=3)(x)
    y.forward()
    copy = clone_node("nnabla_compress.Uniform", y.parent.info.args, [x, *y.parent.inputs[1:]])
    nn.get_parameters()["uniform/d"].d = 0.5
    copy.forward()
    np.testing.assert_array_equal(copy.d, [0, 0.5, 1.5])
    nn.clear_parameters()
