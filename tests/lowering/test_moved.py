# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Encodings of moved tensors decode to the moved values."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.moved import moved

CODES = np.arange(24).reshape(2, 3, 4) % 7
SCALES = np.float32([1, 10, 100])
MOVES = {
    "transpose": lambda x: F.transpose(x, (2, 0, 1)),
    "reshape": lambda x: F.reshape(x, (2, 3, 2, 2), inplace=False),
    "slice": lambda x: F.slice(x, start=(0, 1, 0), stop=(2, 3, 4), step=(1, 1, 2)),
    "flip": lambda x: F.flip(x, axes=(1,)),
    "split": lambda x: F.split(x, axis=1),
}
ENCODINGS = {
    "dictionary": Encoding(CODES, 3, dictionary=np.float32([-3, -1, 0, 1, 2, 4, 8])),
    "scale": Encoding(CODES, 3, scale=np.float32(0.5), zero_point=2),
    "scales": Encoding(CODES, 3, scale=SCALES, zero_point=np.array([1, 0, 2]), axis=1),
    "pruned": Encoding((CODES > 3).astype(int), 1, kept=np.float32(np.arange((CODES > 3).sum()))),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_what_is_moved_decodes_to_the_moved_values(encoding, move):
    x = nn.Variable.from_numpy_array(encoding.decode())
    made = move(x)
    outputs = made if isinstance(made, (list, tuple)) else [made]
    nn.forward_all(outputs)
    found = moved(encoding, outputs[0].parent)
    assert len(found) == len(outputs)
    for part, output in zip(found, outputs):
        np.testing.assert_array_equal(part.decode(), output.d)
        assert part.bits == encoding.bits


def test_scales_that_would_vary_along_two_axes_are_left():
    x = nn.Variable(CODES.shape)
    assert moved(ENCODINGS["scales"], F.reshape(x, (4, 6), inplace=False).parent) is None
    merged = moved(ENCODINGS["scales"], F.reshape(x, (6, 4), inplace=False).parent)
    np.testing.assert_array_equal(merged[0].decode(), ENCODINGS["scales"].decode().reshape(6, 4))


def test_what_computes_is_no_move():
    assert moved(ENCODINGS["scale"], F.tanh(nn.Variable(CODES.shape)).parent) is None


@pytest.mark.slow
def test_more_values_than_float32_can_number():
    codes = np.zeros((2, (1 << 23) + 3), np.uint8)
    codes[1, -1] = 1
    (turned,) = moved(
        Encoding(codes, 1, scale=np.float32(1)), F.flip(nn.Variable(codes.shape), axes=(1,)).parent
    )
    assert turned.codes[1, 0] == 1 and turned.codes.sum() == 1
