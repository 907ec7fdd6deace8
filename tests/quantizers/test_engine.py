# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.quantizers.engine import byte_parameter, host_array


def test_a_host_array_is_a_writable_view_of_the_array():
    values = nn.NdArray.from_numpy_array(np.arange(6, dtype=np.float32).reshape(2, 3))
    view = host_array(values, np.float32)
    np.testing.assert_array_equal(view, [[0, 1, 2], [3, 4, 5]])
    view[1, 0] = 9
    assert values.data[1, 0] == 9
    np.testing.assert_array_equal(F.mul_scalar(values, 2).data[1], [18, 8, 10])


def test_a_host_array_turns_other_types_into_float32_in_place():
    values = nn.NdArray.from_numpy_array(np.array([1.5, 2.5]))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(host_array(values, np.float32), np.float32([1.5, 2.5]))
    assert values.dtype == np.float32


def test_what_overwrites_a_host_array_is_seen_by_nnabla():
    values = nn.NdArray((2, 2))
    host_array(values, np.float32, overwrite=True)[...] = 7
    np.testing.assert_array_equal(values.data, np.full((2, 2), 7))


def test_a_byte_parameter_takes_a_byte_a_number_and_is_made_once():
    nn.clear_parameters()
    with nn.parameter_scope("fc"):
        made = byte_parameter("prune", "mask", (2, 3), 255)
        assert made.data.dtype == np.uint8 and not made.need_grad and made.name == "mask"
        host_array(made.data, np.uint8)[0, 1] = 7
        again = byte_parameter("prune", "mask", (2, 3), 0)
        with pytest.raises(ValueError, match="mask"):
            byte_parameter("prune", "mask", (3, 2), 0)
    assert again.data.dtype == np.uint8
    assert again.d.tolist() == [[255, 7, 255], [255, 255, 255]]
    assert list(nn.get_parameters(grad_only=False)) == ["fc/prune/mask"]
