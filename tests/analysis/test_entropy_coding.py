# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.analysis import entropy_coding
from nnabla_compress.analysis.entropy_coding import entropy_coded_bytes, huffman_bits
from nnabla_compress.encodings import Encoding


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ([], 0),
        ([0, 7], 7),  # one symbol takes a bit each time
        ([1, 1], 2),
        ([45, 13, 12, 16, 9, 5], 224),  # the example of Cormen et al., Introduction to Algorithms
        ([1, 1, 2, 3, 5, 8], 45),  # Fibonacci numbers make the deepest tree: 5, 5, 4, 3, 2, 1
        ([4, 4, 4, 4], 32),
    ],
)
def test_a_huffman_code_takes_as_many_bits_as_its_tree(counts, bits):
    assert huffman_bits(np.array(counts, np.int64)) == bits


def test_a_huffman_code_lies_between_the_entropy_and_a_bit_a_symbol_more():
    rng = np.random.RandomState(0)
    for _ in range(50):
        counts = rng.randint(1, 1000, rng.randint(2, 40))
        share = counts / counts.sum()
        entropy = -np.sum(counts * np.log2(share))
        assert entropy - 1e-6 <= huffman_bits(counts) <= entropy + counts.sum()


def test_codes_that_occur_alike_stay_packed():
    codes = np.repeat(np.arange(4), 100)
    encoding = Encoding(codes, bits=2, dictionary=np.float32([1, 2, 3, 4]))
    # Huffman codes of 2 bits as well, and their lengths beside them
    assert entropy_coded_bytes(encoding) == encoding.nbytes == 100 + 16


def test_codes_that_occur_unlike_take_less_than_their_bits():
    codes = np.array([0] * 900 + [1] * 60 + [2] * 20 + [3] * 20)
    encoding = Encoding(codes, bits=2, dictionary=np.float32([1, 2, 3, 4]))
    # codes of 1, 2, 3 and 3 bits
    assert entropy_coded_bytes(encoding) == (900 + 120 + 60 + 60 + 7) // 8 + 16 + 4


def test_a_pruned_tensor_takes_distances_between_its_weights_and_their_codes():
    codes = np.zeros(1600, int)
    codes[15::16] = 1  # each distance is 16, the longest of 4 bits
    encoding = Encoding(codes, bits=1, kept=np.ones(100, np.float32))
    # a bit for each distance and one for each code; the kept values are floats
    assert entropy_coded_bytes(encoding) == (100 + 100) // 8 + 400


def test_longer_distances_are_cut_by_zeros_that_are_stored(monkeypatch):
    monkeypatch.setattr(entropy_coding, "_GAP_BITS", (2,))
    codes = np.zeros(22, int)
    codes[[0, 10, 21]] = 1  # distances 1, 10 = 4 + 4 + 2, 11 = 4 + 4 + 3
    encoding = Encoding(codes, bits=1, dictionary=np.float32([0, 1]))
    gaps, symbols = entropy_coding._sparse_counts(encoding, 0, 0, 2, 2)
    assert gaps.tolist() == [0, 1, 1, 1, 4]
    assert symbols.tolist() == [4, 3]


def test_pieces_of_a_tensor_count_as_the_whole(monkeypatch):
    rng = np.random.RandomState(1)
    codes = np.where(rng.rand(40, 50) < 0.9, 3, rng.randint(0, 8, (40, 50)))
    encoding = Encoding(codes, bits=3, dictionary=np.float32([-3, -2, -1, 0, 1, 2, 3, 4]))
    whole = entropy_coded_bytes(encoding)
    monkeypatch.setattr(entropy_coding, "_PIECE", 7)
    assert entropy_coded_bytes(encoding) == whole < encoding.nbytes


def test_negative_codes_and_their_zero_are_found():
    codes = np.array([-2, 1] + [-1] * 1000)
    encoding = Encoding(codes, bits=2, scale=np.float32(0.5), zero_point=-1)
    # zeros stand at code -1: two codes, and 1,000 zeros behind them
    assert entropy_coded_bytes(encoding) <= int(encoding.table().size) + 8


def test_a_zero_for_each_channel_is_no_zero_code():
    encoding = Encoding(
        np.zeros((2, 9), int), 1, scale=np.float32([1, 2]), zero_point=np.array([0, 1]), axis=0
    )
    assert entropy_coding._zero_code(encoding) is None


def test_levels_beside_zero_have_no_zero_code():
    encoding = Encoding(np.zeros(9, int), 1, scale=np.float32(1), zero_point=1, spacing=2)
    assert entropy_coding._zero_code(encoding) is None


def test_an_empty_tensor_takes_its_table():
    assert entropy_coded_bytes(Encoding(np.zeros(0, int), 1, dictionary=np.float32([0, 1]))) == 8
