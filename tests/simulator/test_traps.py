# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nnabla_compress.errors import CompressError
from nnabla_compress.nnb import to_bytes
from nnabla_compress.simulator import Machine, traps

CONVOLUTION = {"base_axis": 1, "pad": (0, 0), "stride": (1, 1), "dilation": (1, 1), "group": 1}
AVERAGE = {"stride": (1, 1), "ignore_border": True, "pad": (0, 0), "channel_last": False}


def convolution(builder, x, w, b, y, name="Convolution", channels=1):
    """A 1x1 convolution with operands of the given (type, fp_pos)."""
    maps = 2 if name == "Convolution" else channels
    inputs = [builder.input((1, channels, 2, 2), *x)]
    shape = (maps, channels, 1, 1) if name == "Convolution" else (maps, 1, 1)
    inputs.append(builder.variable(shape, *w, np.ones(shape)))
    if b is not None:
        inputs.append(builder.variable((maps,), *b, np.zeros(maps)))
    output = builder.variable((1, maps, 2, 2), *y)
    arguments = {**CONVOLUTION, "channel_last": False}
    if name == "DepthwiseConvolution":
        arguments = {k: v for k, v in CONVOLUTION.items() if k != "group"}
        arguments["multiplier"] = 1
    builder.function(name, inputs, [output], **arguments)
    return builder.file(output)


def of_one(builder, name, x, y, shape=(1, 2, 3, 3), out=None, **arguments):
    number, output = builder.input(shape, *x), builder.variable(out or shape, *y)
    builder.function(name, [number], [output], **arguments)
    return builder.file(output)


def of_two(builder, name, a, b, y, values=None, **arguments):
    inputs = [builder.input((3,), *a), builder.variable((3,), *b, values)]
    if values is None:
        builder.inputs.append(inputs[1])
    output = builder.variable((3,), *y)
    builder.function(name, inputs, [output], **arguments)
    return builder.file(output)


def normalization(builder, inputs=5, **arguments):
    numbers = [builder.input((1, 2))]
    numbers += [builder.variable((1, 2), values=np.ones((1, 2))) for _ in range(inputs - 1)]
    output = builder.variable((1, 2))
    arguments = {"batch_stat": False, "no_scale": False, "no_bias": False, **arguments}
    builder.function(
        "BatchNormalization", numbers, [output], axes=(1,), decay_rate=0.9, eps=1e-5, **arguments
    )
    return builder.file(output)


I8, I16, FLOAT = "FIXED8", "FIXED16", ("FLOAT32", 0)
IN_PLACE = {"inplace": False}
CASES = {
    "float weight in INT8": (1, "error", lambda b: convolution(b, FLOAT, (I8, 5), FLOAT, FLOAT)),
    "INT8 in an INT16 convolution": (
        1,
        "error",
        lambda b: convolution(b, (I16, 5), (I8, 5), (I16, 5), (I16, 5)),
    ),
    "mixed depthwise": (
        1,
        "error",
        lambda b: convolution(b, (I8, 5), (I16, 5), (I8, 5), (I8, 5), "DepthwiseConvolution"),
    ),
    "finer bias": (2, "warning", lambda b: convolution(b, (I8, 5), (I8, 5), (I8, 6), (I8, 5))),
    "coarser bias": (3, "error", lambda b: convolution(b, (I8, 5), (I8, 5), (I8, 4), (I8, 5))),
    "unequal inputs": (
        4,
        "warning",
        lambda b: of_two(b, "Sub2", (I8, 5), (I8, 4), (I8, 4), **IN_PLACE),
    ),
    "no bias": (5, "error", lambda b: convolution(b, (I8, 5), (I8, 5), None, (I8, 5))),
    "channels": (
        6,
        "warning",
        lambda b: convolution(b, (I8, 5), (I8, 5), (I8, 5), (I8, 5), channels=3),
    ),
    "channels of INT16": (
        6,
        "note",
        lambda b: convolution(b, (I16, 5), (I16, 5), (I16, 5), (I16, 5), channels=3),
    ),
    "far to the right": (7, "error", lambda b: of_one(b, "ReLU", (I8, 12), (I8, 3), **IN_PLACE)),
    "wrong sign": (7, "warning", lambda b: of_one(b, "ReLU", (I8, 10), (I8, 3), **IN_PLACE)),
    "far to the left": (
        7,
        "warning",
        lambda b: of_one(b, "Transpose", (I8, 0), (I8, 9), axes=(0, 1, 2, 3)),
    ),
    "three dimensions, far to the right": (
        7,
        "error",
        lambda b: of_one(
            b,
            "SumPooling",
            (I8, 9),
            (I8, 1),
            kernel=(1, 1, 1),
            stride=(1, 1, 1),
            pad=(0, 0, 0),
            ignore_border=True,
            channel_last=False,
        ),
    ),
    "negative shift": (8, "error", lambda b: convolution(b, (I8, 1), (I8, 1), (I8, 5), (I8, 5))),
    "negative shift of a product": (
        8,
        "error",
        lambda b: of_two(b, "Mul2", (I8, 1), (I8, 1), (I8, 5), **IN_PLACE),
    ),
    "finer average": (
        9,
        "warning",
        lambda b: of_one(
            b, "AveragePooling", (I8, 3), (I8, 5), kernel=(1, 1), including_pad=True, **AVERAGE
        ),
    ),
    "large window": (
        9,
        "warning",
        lambda b: of_one(
            b,
            "AveragePooling",
            (I8, 3),
            (I8, 3),
            shape=(1, 1, 17, 17),
            out=(1, 1, 1, 1),
            kernel=(17, 17),
            including_pad=True,
            **AVERAGE,
        ),
    ),
    "large constant": (
        10,
        "warning",
        lambda b: of_one(b, "MulScalar", (I8, 4), (I8, 2), val=4.25, **IN_PLACE),
    ),
    "large addend": (
        10,
        "warning",
        lambda b: of_one(b, "AddScalar", (I8, 4), (I8, 4), val=8.0, **IN_PLACE),
    ),
    "undefined constant": (
        10,
        "error",
        lambda b: of_one(b, "AddScalar", (I8, 8), (I8, 8), val=0.1, **IN_PLACE),
    ),
    "division by zero": (
        10,
        "error",
        lambda b: of_two(b, "Div2", (I8, 3), (I8, 3), (I8, 3), [1, 0, 2], **IN_PLACE),
    ),
    "negative axis": (17, "error", lambda b: of_one(b, "Softmax", FLOAT, FLOAT, axis=-1)),
    "negative axes": (17, "error", lambda b: of_one(b, "Flip", FLOAT, FLOAT, axes=(-1,))),
    "negative start": (
        17,
        "error",
        lambda b: of_one(
            b, "Slice", FLOAT, FLOAT, (4,), out=(1,), start=(-1,), stop=(4,), step=(1,)
        ),
    ),
    "no scale": (18, "error", lambda b: normalization(b, no_scale=True)),
    "few inputs": (18, "error", lambda b: normalization(b, inputs=4)),
    "batch statistics": (0, "warning", lambda b: normalization(b, batch_stat=True)),
    "dropout": (0, "warning", lambda b: of_one(b, "Dropout", FLOAT, FLOAT, p=0.5, seed=-1)),
    "zero of BinaryTanh": (0, "note", lambda b: of_one(b, "BinaryTanh", FLOAT, FLOAT)),
    "repeated border": (
        0,
        "error",
        lambda b: of_one(
            b, "Pad", FLOAT, FLOAT, (3,), out=(5,), pad_width=(1, 1), mode=2, constant_value=0.0
        ),
    ),
}


@pytest.mark.parametrize("what", list(CASES))
def test_each_trap_is_found_and_what_is_an_error_does_not_run(builder, what):
    number, severity, make = CASES[what]
    network = make(builder)
    found = [trap for trap in traps(network) if trap.number == number]
    assert [trap.severity for trap in found][:1] == [severity], traps(network)
    assert str(found[0]).startswith(f"{severity}: function 0 (")
    machine = Machine(network)
    assert str(found[0]) in machine.warnings
    arrays = [np.zeros(port.shape, port.dtype) for port in machine.inputs]
    if severity == "error" and number != 5:
        with pytest.raises(CompressError, match=r"function 0 \(|INT8 numbers can't"):
            machine.forward(arrays)
    else:
        machine.forward(arrays)


def test_one_variable_as_both_weights_of_a_binary_convolution_is_found(builder):
    x, w = builder.input((1, 4, 3, 3)), builder.variable((2, 4, 1, 1), "FIXED8", 0, [1])
    y = builder.variable((1, 2, 3, 3))
    builder.function(
        "BinaryConnectConvolution", [x, w, w], [y], quantize_zero_to=1.0, **CONVOLUTION
    )
    found = traps(builder.file(y))
    assert {trap.number for trap in found} == {14}
    with pytest.raises(CompressError, match="takes 8 bytes, but the file holds 4"):
        Machine(builder.file(y)).forward([np.zeros((1, 4, 3, 3), np.float32)])


def test_an_api_level_that_the_runtime_refuses_is_found(builder):
    x = builder.input((1,))
    (trap,) = traps(builder.file(x, api_level=45))
    assert trap.number == 13 and trap.severity == "error" and "-899" in str(trap)
    (trap,) = traps(builder.file(x, api_level=10**8))
    assert trap.severity == "note"


def test_sign_in_a_buffer_is_found(builder):
    x, y = builder.input((8,)), builder.variable((8,))
    builder.function("Sign", [x], [y], alpha=1.0)
    variables = list(builder.variables)
    variables[y] = dataclasses.replace(variables[y], type="SIGN")
    z = builder.variable((8,))
    builder.function("Identity", [y], [z])
    network = dataclasses.replace(builder.file(z), variables=(*variables, builder.variables[z]))
    assert 16 in {trap.number for trap in traps(network)}
    with pytest.raises(CompressError, match="SIGN is for parameters only"):
        Machine(network).forward([np.zeros(8, np.float32)])


def test_a_clean_network_has_no_traps(builder):
    network = convolution(builder, ("FIXED16", 8), ("FIXED16", 8), ("FIXED16", 8), ("FIXED16", 8))
    assert traps(network) == ()
    assert traps(to_bytes(network)) == ()
