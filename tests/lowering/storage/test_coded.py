# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Levels of a tensor: those that occur, and which of them each element takes."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.storage.coded import coded_tensor


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int64])
def test_only_levels_that_occur_are_numbered_whatever_codes_are_stored_as(kind):
    codes = np.array([[7, 0, 3], [3, 7, 120]], kind) - (0 if kind == np.uint8 else kind(9))
    tensor = coded_tensor(Encoding(codes, 8, scale=np.float32(0.5)))
    assert tensor.levels.tolist() == np.unique(codes).tolist() and tensor.bits == 2
    assert np.asarray(tensor.index).tolist() == [[2, 0, 1], [1, 2, 3]]
    np.testing.assert_array_equal(tensor.decode(), codes * np.float32(0.5))
    turned = tensor.transposed((1, 0), (3, 1, 2))
    np.testing.assert_array_equal(turned.decode(), tensor.decode().T.reshape(3, 1, 2))
    np.testing.assert_array_equal(tensor.rows(1, 2).decode(), tensor.decode()[1:])
    assert np.concatenate([*tensor.pieces(2, 5)]).tolist() == [1, 1, 2]


def test_codes_that_are_bytes_are_not_copied():
    codes = np.int8([[7, 0, 3], [3, 7, -128]])
    tensor = coded_tensor(Encoding(codes, 8, scale=np.float32(0.5)))
    assert tensor.index.codes is codes
    assert np.asarray(tensor.index).tolist() == [[3, 1, 2], [2, 3, 0]]
