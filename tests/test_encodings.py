# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How codes are packed, read back by a reader of the test's own, and decoded."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.encodings import Encoding
from tests.properties import examples

ONE = np.float32(1)


def stream_of(codes, bits):
    """The packed codes alone, without the table."""
    packed = Encoding(np.array(codes), bits, scale=ONE).pack()
    return packed[: -(-bits * len(codes) // 8)]


def read(stream, bits, count):
    """Reads the stream as one large number: an independent description of the format."""
    number = int.from_bytes(stream, "little")
    return [number >> (bits * i) & (2**bits - 1) for i in range(count)]


@pytest.mark.parametrize(
    "codes, bits, stream",
    [
        ([1, 0, 1, 1, 0, 0, 0, 1, 1], 1, "8d01"),
        ([0, 3, 1], 2, "1c"),
        ([1, 2, 3, 4, 5, 6, 7, 0], 3, "d1581f"),
        ([1, 15, 8], 4, "f108"),
        ([31, 1], 5, "3f00"),
        ([63, 0, 1], 6, "3f1000"),
        ([127, 0, 64], 7, "7f0010"),
        ([0, 255, 18], 8, "00ff12"),
        ([0xABC, 0x123], 12, "bc3a12"),
        ([0xFFFFFFFF, 1], 32, "ffffffff01000000"),
        ([], 3, ""),
    ],
)
def test_codes_are_packed_into_these_bytes(codes, bits, stream):
    assert stream_of(codes, bits).hex() == stream


@examples(200)
@given(st.data())
def test_any_codes_of_1_to_16_bits_are_read_back(data):
    bits = data.draw(st.integers(1, 16))
    codes = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=60))
    encoding = Encoding(np.array(codes, np.int64), bits, scale=ONE)
    assert read(encoding.pack(), bits, len(codes)) == codes
    assert len(encoding.pack()) == encoding.nbytes == -(-bits * len(codes) // 8) + 4


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_every_width_takes_ceil_of_its_bits_and_the_table(bits, dtype, rng):
    codes = rng.randint(0, 2**bits, (3, 5, 7)).astype(dtype)
    dictionary = np.sort(rng.randn(2**bits)).astype(np.float32)
    encoding = Encoding(codes, bits, dictionary=dictionary)
    packed = encoding.pack()
    size = -(-bits * 105 // 8)
    assert len(packed) == encoding.nbytes == size + 4 * 2**bits
    assert read(packed[:size], bits, 105) == codes.ravel().tolist()
    assert packed[size:] == dictionary.tobytes()


def test_a_dictionary_decodes_by_indexing_in_float32():
    encoding = Encoding(np.uint8([[2, 0], [1, 2]]), 2, dictionary=np.float64([-1, 0, 0.1]))
    assert encoding.decode().tolist() == [[np.float32(0.1), -1], [0, np.float32(0.1)]]
    assert encoding.decode().dtype == np.float32


def test_a_scale_decodes_to_its_product_with_the_code():
    encoding = Encoding(np.int8([-2, 0, 1]), 2, scale=np.float32(0.1))
    assert encoding.decode().tolist() == (np.float32([-2, 0, 1]) * np.float32(0.1)).tolist()


def test_codes_below_a_zero_point_decode_to_negative_values_whatever_their_type():
    for dtype in (np.uint8, np.uint16, np.int32, np.uint64):
        codes = np.array([0, 128, 255]).astype(dtype)
        encoding = Encoding(codes, 8, scale=np.float32(0.5), zero_point=128)
        assert encoding.decode().tolist() == [-64, 0, 63.5]


def test_a_scale_for_each_index_of_an_axis_decodes_along_it():
    codes = np.array([[1, 2, 3], [4, 5, 6]])
    by_row = Encoding(codes, 3, scale=np.float32([1, 10]), axis=0)
    assert by_row.decode().tolist() == [[1, 2, 3], [40, 50, 60]]
    by_column = Encoding(codes, 3, scale=np.float32([1, 10, 100]), axis=1)
    assert by_column.decode().tolist() == [[1, 20, 300], [4, 50, 600]]
    assert by_column.nbytes == 3 + 3 * 4 == len(by_column.pack())


def test_kept_values_fill_the_places_whose_code_is_one():
    encoding = Encoding(np.uint8([[0, 1], [1, 0]]), 1, kept=np.float32([5, -6]))
    assert encoding.decode().tolist() == [[0, 5], [-6, 0]]
    assert encoding.pack() == b"\x06" + struct.pack("<2f", 5, -6)
    assert encoding.nbytes == 9


def test_negative_codes_are_stored_as_their_distance_from_the_lowest():
    encoding = Encoding(np.array([-2, 1, 0, -2]), 2, scale=np.float32(3))
    # 0, 3, 2, 0 in two bits each; then the scale, the zero point and the lowest code
    assert encoding.pack() == b"\x2c" + struct.pack("<fii", 3, 0, -2)
    assert encoding.nbytes == 13


def test_a_zero_point_is_part_of_the_table():
    encoding = Encoding(np.array([3, 1]), 2, scale=np.float32(2), zero_point=1)
    assert encoding.pack() == b"\x07" + struct.pack("<fii", 2, 1, 0)
    assert encoding.decode().tolist() == [4, 0]


def test_a_spacing_of_two_stores_odd_integers_in_as_few_bits_and_is_part_of_the_table():
    codes = np.array([[0, 1], [2, 3]])
    encoding = Encoding(codes, 2, scale=np.float32(0.5), zero_point=3, spacing=2)
    assert encoding.decode().tolist() == [[-1.5, -0.5], [0.5, 1.5]]
    assert encoding.pack() == b"\xe4" + struct.pack("<fiii", 0.5, 3, 0, 2)
    for axis in (0, 1):
        scales = np.float32([1, 10])
        along = Encoding(codes, 2, scale=scales, zero_point=3, axis=axis, spacing=2)
        odd = np.array([[-3, -1], [1, 3]])
        assert along.decode().tolist() == (odd * np.expand_dims(scales, 1 - axis)).tolist()
    scalar = Encoding(np.array(3), 2, scale=np.float32(0.5), zero_point=3, spacing=2)
    assert scalar.decode() == 1.5


@pytest.mark.parametrize(
    "fields, words",
    [
        (dict(codes=np.array([0])), "exactly one"),
        (dict(codes=np.array([0]), scale=ONE, dictionary=np.ones(2)), "exactly one"),
        (dict(codes=np.array([0]), scale=ONE, bits=0), "bits is 0"),
        (dict(codes=np.array([0]), scale=ONE, bits=33), "bits is 33"),
        (dict(codes=np.array([4]), scale=ONE), "do not fit 2 bits"),
        (dict(codes=np.array([-2, 2]), scale=ONE), "do not fit 2 bits"),
        (dict(codes=np.array([0, 3]), dictionary=np.ones(3)), "from 0 to 3 where there are 3"),
        (dict(codes=np.array([-1, 0]), dictionary=np.ones(3)), "from -1 to 0"),
        (dict(codes=np.array([0, 2]), kept=np.ones(1)), "from 0 to 2 where there are 2"),
        (dict(codes=np.array([0, 1, 1]), kept=np.ones(1)), "2 codes are 1 but 1 values"),
    ],
)
def test_an_encoding_that_could_not_be_decoded_is_not_made(fields, words):
    with pytest.raises(ValueError, match=words):
        Encoding(**{"bits": 2, **fields})
