# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers from int8 to int8 in the simulator, against loops over Python's integers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nnabla_compress.c_kernels.layout import IMPLEMENT, Int8Results, PackedWeights
from nnabla_compress.errors import CompressError
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, to_bytes
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

_WINDOW = {"pad": (1, 0), "stride": (2, 1), "dilation": (1, 2)}
_ARGUMENTS = {
    "Affine": {"base_axis": 1},
    "Convolution": {"base_axis": 1, **_WINDOW, "group": 2, "channel_last": False},
    "DepthwiseConvolution": {"base_axis": 1, **_WINDOW, "multiplier": 1},
    "Deconvolution": {
        "base_axis": 1,
        **_WINDOW,
        "group": 2,
        "channel_last": False,
        "output_padding": (0, 0),
    },
}


def number_of(name):
    return max(number for number, known in FUNCTIONS.items() if known.type_name == name)


def layer(rng, name, shape, weight_shape, maps, y_shape, low=-128):
    """A file of one layer, and its packed weights."""
    count = int(np.prod(weight_shape))
    dictionary = rng.randint(-128, 128, 16).astype(np.float32)
    scales = rng.uniform(-0.02, 0.02, maps).astype(np.float32)
    results = Int8Results.of(rng.uniform(-3, 3, maps), fp_pos=4, low=low)
    packed = PackedWeights(rng.randint(0, 16, count), 4, dictionary, scales, 0, results)
    content = packed.description()
    x, y = np.prod(shape), np.prod(y_shape)
    variables = (
        NnbVariable(0, shape, "FIXED8", 5, buffer=0),
        NnbVariable(1, weight_shape, "FIXED8", data=packed.code_bytes()),
        NnbVariable(2, (len(content),), "FIXED8", data=content),
        NnbVariable(3, y_shape, "FIXED8", 4, buffer=1),
    )
    arguments = _ARGUMENTS[name]
    function = NnbFunction(name, number_of(name), IMPLEMENT, (0, 1, 2, 2), (3,), arguments)
    return NnbFile(3, 44, (int(x), int(y)), variables, (function,), (0,), (3,)), packed


def rounded(packed, level_sums, fraction):
    """Results of sums (maps, ...), each in exact fractions."""
    found = []
    for sums, scale, bias in zip(level_sums, packed.scales, packed.results.biases):
        exact = Fraction(float(scale)) * Fraction(2) ** fraction
        real = [exact * int(s) + Fraction(int(bias), 2**16) for s in sums.ravel()]
        row = [max(packed.results.low, min(127, value.__floor__())) for value in real]
        found.append(np.array(row).reshape(sums.shape))
    return np.stack(found)


def run(file, x):
    machine = Machine(to_bytes(file), callbacks=PACKED_CALLBACKS)
    assert machine.warnings == []
    return machine.forward([x])[0]


def test_an_affine_layer_is_exact(rng):
    file, packed = layer(rng, "Affine", (3, 20), (20, 5), 5, (3, 5))
    x = rng.randint(-128, 128, (3, 20)).astype(np.int8)
    weight = packed.dictionary[packed.codes].reshape(5, 20).astype(int)
    expected = rounded(packed, weight @ x.astype(int).T, 4 - 5).T
    np.testing.assert_array_equal(run(file, x), expected)
    x2 = rng.randint(-128, 128, (3, 20)).astype(np.int8)
    machine = Machine(to_bytes(file), callbacks=PACKED_CALLBACKS)
    many = machine.forward_many([np.stack([x, x2])])[0]
    np.testing.assert_array_equal(many, np.stack([run(file, x), run(file, x2)]))


def test_a_convolution_with_groups_is_exact(rng):
    file, packed = layer(rng, "Convolution", (1, 4, 5, 8), (6, 2, 3, 2), 6, (1, 6, 3, 6), low=0)
    x = rng.randint(-128, 128, (1, 4, 5, 8)).astype(np.int8)
    weight = packed.dictionary[packed.codes].reshape(2, 3, 2, 3, 2).astype(int)
    padded = np.pad(x[0].astype(int), ((0, 0), (1, 1), (0, 0)))
    sums = np.zeros((2, 3, 3, 6), int)
    for row in range(3):
        for column in range(6):
            window = padded[:, 2 * row : 2 * row + 3, column : column + 3 : 2].reshape(2, 2, 3, 2)
            sums[..., row, column] = np.einsum("gchw,gochw->go", window, weight)
    expected = rounded(packed, sums.reshape(6, 3, 6), 4 - 5)
    np.testing.assert_array_equal(run(file, x)[0], expected)


def test_depthwise_and_transposed_layers_are_exact(rng):
    shape = (1, 2, 3, 4)
    x = rng.randint(-128, 128, shape).astype(np.int8)
    file, packed = layer(rng, "DepthwiseConvolution", shape, (2, 3, 2), 2, (1, 2, 2, 2))
    weight = packed.dictionary[packed.codes].reshape(2, 3, 2).astype(int)
    padded = np.pad(x[0].astype(int), ((0, 0), (1, 1), (0, 0)))
    sums = np.zeros((2, 2, 2), int)
    for row in range(2):
        for column in range(2):
            window = padded[:, 2 * row : 2 * row + 3, column : column + 3 : 2]
            sums[:, row, column] = (window * weight).sum((1, 2))
    np.testing.assert_array_equal(run(file, x)[0], rounded(packed, sums, -1))
    # Height 2 * (3 - 1) + 3 - 2 = 5, width 4 - 1 + 2 * (2 - 1) + 1 = 6.
    file, packed = layer(rng, "Deconvolution", shape, (2, 2, 3, 2), 4, (1, 4, 5, 6))
    weight = packed.dictionary[packed.codes].reshape(2, 2, 3, 2).astype(int)
    whole = np.zeros((2, 2, 7, 6), int)
    for row in range(3):
        for column in range(4):
            part = x[0, :, row, column].astype(int)[:, None, None, None] * weight
            whole[:, :, 2 * row : 2 * row + 3, column : column + 3 : 2] += part
    sums = whole[:, :, 1:6].reshape(4, 5, 6)
    np.testing.assert_array_equal(run(file, x)[0], rounded(packed, sums, -1))


def test_what_the_c_kernels_refuse_is_refused(rng):
    file, packed = layer(rng, "Affine", (3, 20), (20, 5), 5, (3, 5))

    def described(**changes):
        content = replace(packed, **changes).description()
        variables = list(file.variables)
        variables[2] = replace(variables[2], shape=(len(content),), data=content)
        return replace(file, variables=tuple(variables))

    def typed(number, kind):
        variables = list(file.variables)
        variables[number] = replace(variables[number], type=kind)
        return replace(file, buffers=(240, 60), variables=tuple(variables))

    results = packed.results
    cases = [
        (described(dictionary=packed.dictionary + np.float32(0.5)), "no integers of 8 bits"),
        (described(dictionary=packed.dictionary * 2), "no integers of 8 bits"),
        (described(scales=np.full(5, 1e6, np.float32)), "far more than they hold"),
        (described(results=replace(results, low=5, high=-5)), "want an int8 input"),
        (described(results=replace(results, biases=results.biases[:4])), "bytes for 5 biases"),
        (typed(0, "FIXED16"), "want an int8 input"),
        (typed(3, "FLOAT32"), "want an int8 input"),
    ]
    for bad, match in cases:
        machine = Machine(bad, callbacks=PACKED_CALLBACKS)
        with pytest.raises(CompressError, match=match):
            machine.forward([np.zeros((3, 20), machine.inputs[0].dtype)])
