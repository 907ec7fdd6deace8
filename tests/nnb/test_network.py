# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.nnb import NnbFile, NnbVariable, real, values


def test_values_come_in_the_type_they_are_stored_in():
    stored = np.int16([[1, -2], [300, -400]])
    variable = NnbVariable(0, (2, 2), "FIXED16", 4, data=stored.tobytes())
    assert values(variable).dtype == np.int16
    np.testing.assert_array_equal(values(variable), stored)
    np.testing.assert_array_equal(real(variable), np.float32(stored / 16))
    assert real(variable).dtype == np.float32


def test_sign_bits_are_read_low_bit_first():
    variable = NnbVariable(0, (2, 8), "SIGN", data=bytes([0b00000110, 0b10000000]))
    expected = -np.ones((2, 8), np.int8)
    expected[0, 1] = expected[0, 2] = expected[1, 7] = 1
    np.testing.assert_array_equal(values(variable), expected)
    np.testing.assert_array_equal(real(variable), expected)


def test_a_scalar_has_one_value():
    assert values(NnbVariable(0, (), "FLOAT32", data=np.float32(2.5).tobytes())) == 2.5


def test_there_are_no_values_of_buffers_and_of_cut_parameters():
    with pytest.raises(DataError, match="variable 3 lies in buffer 1"):
        values(NnbVariable(3, (2,), "FLOAT32", buffer=1))
    with pytest.raises(DataError, match="takes 400 bytes, but the file holds 4"):
        values(NnbVariable(3, (100,), "FLOAT32", data=bytes(4)))


def test_buffers_of_version_2_are_counted_in_elements():
    assert NnbFile(2, 44, (10, 5), (), (), (), ()).buffer_bytes == 60
    assert NnbFile(3, 44, (10, 5), (), (), (), ()).buffer_bytes == 15
