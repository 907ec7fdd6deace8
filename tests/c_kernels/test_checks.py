# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What packed_check and packed_read_description refuse."""

from __future__ import annotations

import ctypes as ct
import struct

import numpy as np
import pytest

OK, DESCRIPTION, BITS, SHAPE, SIZE, NOT_INTEGER, OVERFLOW, _POWER, UNSUPPORTED = range(9)


@pytest.fixture(scope="module")
def library(build):
    return build("-O2", "-std=c99", "-pedantic")


@pytest.fixture
def layer(types):
    return types.layer(types.convolution, 3, 4, in_size=(5, 6), kernel=(3, 3), pad=(1, 1))


@pytest.fixture
def weights(types, layer, rng):
    return types.weights(
        rng.randint(0, 8, layer.weight_shape), 3, rng.normal(size=8).astype(np.float32)
    )


def status(library, layer, weights, of_layer=(), of_weights=(), dtype="float32"):
    c_layer = layer.to_c(dtype)
    c_weights, _alive = weights.to_c(layer)
    for name, value in dict(of_layer).items():
        setattr(c_layer, name, value)
    for name, value in dict(of_weights).items():
        setattr(c_weights, name, value)
    return library.c.packed_check(ct.byref(c_layer), ct.byref(c_weights))


def test_a_good_layer_passes(library, layer, weights):
    assert status(library, layer, weights) == OK


@pytest.mark.parametrize("bits", [0, 9, 31, 33, 255])
def test_other_bits_are_refused(library, layer, weights, bits):
    assert status(library, layer, weights, of_weights={"bits": bits}) == BITS


def test_fewer_code_bytes_than_weights_are_refused(library, layer, weights):
    needed = -(-3 * 4 * 9 * 3 // 8)
    assert status(library, layer, weights, of_weights={"code_bytes": needed}) == OK
    assert status(library, layer, weights, of_weights={"code_bytes": needed - 1}) == SIZE


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("batch", 0, SHAPE),
        ("groups", -1, SHAPE),
        ("in_maps", 2**30, SHAPE),
        ("out_maps", 2**30, SHAPE),
        ("kind", 3, UNSUPPORTED),
        ("type", 3, UNSUPPORTED),
        ("out_size", (ct.c_int32 * 2)(5, 7), SHAPE),
        ("kernel", (ct.c_int32 * 2)(9, 3), SHAPE),
        ("kernel", (ct.c_int32 * 2)(0, 3), SHAPE),
        ("stride", (ct.c_int32 * 2)(1, 0), SHAPE),
        ("dilation", (ct.c_int32 * 2)(40000, 1), UNSUPPORTED),
        ("pad", (ct.c_int32 * 2)(-1, 1), SHAPE),
    ],
)
def test_sizes_that_do_not_fit_are_refused(library, layer, weights, name, value, expected):
    assert status(library, layer, weights, of_layer={name: value}) == expected


def test_padding_beyond_all_memory_is_refused(library, types):
    wide = {"pad": (16000, 16000), "kernel": (2, 2), "dilation": (32000, 32000)}
    layer = types.layer(types.convolution, 256, 1, in_size=(1, 1), **wide)
    weights = types.weights(np.zeros(layer.weight_shape, int), 1, np.float32([0, 1]))
    assert layer.out_size == (1, 1)
    assert status(library, layer, weights) == UNSUPPORTED


def test_integer_activations_want_integer_levels(library, types, layer, weights):
    assert status(library, layer, weights, dtype="int8") == NOT_INTEGER
    whole = types.change(weights, dictionary=np.arange(8, dtype=np.float32))
    assert status(library, layer, whole, dtype="int8") == OK


def test_a_sum_that_may_leave_32_bits_is_refused(library, types):
    layer = types.layer(types.affine, 4, 1)
    codes = np.zeros(layer.weight_shape, int)
    large = types.weights(codes, 1, np.float32([16384, 0]))
    assert status(library, layer, large, dtype="int16") == OVERFLOW
    assert status(library, layer, large, dtype="int8") == OK
    codes[0, 0, 0] = 1
    assert status(library, layer, types.change(large, codes=codes), dtype="int16") == OK


def test_float_weights_run_in_the_same_kernels(library, layer, types, oracle, rng):
    w = rng.normal(size=layer.weight_shape).astype(np.float32)
    x = rng.normal(size=layer.x_shape).astype(np.float32)

    class Float:
        def to_c(self, layer):
            structure, _ = types.weights(np.zeros(w.shape, int), 1).to_c(layer)
            structure.codes, structure.code_bytes, structure.bits = w.ctypes.data, w.nbytes, 32
            return structure, w

    expected = oracle(layer, w, x, None, np.float32)
    np.testing.assert_array_equal(library.run(layer, Float(), x), expected)
    np.testing.assert_allclose(library.run(layer, Float(), x, mode="_fast"), expected, 1e-4, 1e-5)


def describe(version=1, bits=3, flags=1, reserved=0, zero_point=0, codes=108, count=8, floats=8):
    head = struct.pack("<BBBBiII", version, bits, flags, reserved, zero_point, codes, count)
    return head + np.arange(floats, dtype="<f4").tobytes()


def read(library, data, maps=4, size=None):
    memory = np.frombuffer(data, np.uint8).copy()
    _, alive = None, memory
    from_c = (ct.c_uint8 * 64)()
    codes = ct.c_uint32()
    return library.c.packed_read_description(
        ct.c_void_p(alive.ctypes.data),
        ct.c_size_t(len(data) if size is None else size),
        ct.c_int32(maps),
        ct.byref(from_c),
        ct.byref(codes),
    )


@pytest.mark.parametrize(
    "description, expected",
    [
        (describe(), OK),
        (describe(flags=3, count=32, floats=32), OK),
        (describe(flags=12, count=4, floats=4), OK),
        (describe(flags=15, count=36, floats=36), OK),
        (describe(bits=32, flags=0, count=0, floats=0), OK),
        (describe(version=2), DESCRIPTION),
        (describe(reserved=1), DESCRIPTION),
        (describe(flags=32), DESCRIPTION),
        (describe(flags=2), DESCRIPTION),
        (describe(flags=9), DESCRIPTION),
        (describe(bits=32), DESCRIPTION),
        (describe(bits=0), BITS),
        (describe(bits=9), BITS),
        (describe(floats=7), SIZE),
        (describe(count=7), SIZE),
        (describe(flags=3), SIZE),
        (describe(bits=8), SIZE),
        (describe()[:12], DESCRIPTION),
    ],
)
def test_a_description_is_read_or_refused(library, description, expected):
    assert read(library, description) == expected


def test_every_status_has_a_message(library):
    messages = {library.c.packed_message(number) for number in range(13)}
    assert len(messages) == 13
    assert library.c.packed_message(13) == b"unknown error"
