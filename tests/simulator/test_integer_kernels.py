# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Integer kernels against a slow oracle in Python's own integers, over random formats."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.simulator import Machine
from tests.simulator import integer_oracle as oracle

DTYPES = {8: np.int8, 16: np.int16}


def numbers(rng, shape, bits):
    """Random integers, at times extreme ones or small ones only."""
    info = np.iinfo(DTYPES[bits])
    kind = rng.randint(3)
    if kind == 0:
        return rng.randint(info.min, info.max + 1, shape).astype(DTYPES[bits])
    if kind == 1:
        return rng.choice([info.min, info.max, -1, 0, 1], shape).astype(DTYPES[bits])
    return rng.randint(-20, 21, shape).astype(DTYPES[bits])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("seed", range(12))
def test_convolution(new_builder, bits, seed):
    rng = np.random.RandomState(seed)
    group, kind = rng.randint(1, 3), f"FIXED{bits}"
    channels, maps = group * rng.randint(1, 4), group * rng.randint(1, 3)
    kernel, pad, stride, dilation = (rng.randint(low, 3, 2).tolist() for low in (1, 0, 1, 1))
    image = [(k - 1) * d + rng.randint(1, 4) for k, d in zip(kernel, dilation)]
    fp = rng.randint(0, 8, 2)
    out_fp = rng.randint(0, min(fp.sum(), 15) + 1)
    x, w = (
        numbers(rng, (channels, *image), bits),
        numbers(rng, (maps, channels // group, *kernel), bits),
    )
    b = numbers(rng, (maps,), bits)
    n = int(fp.sum() - out_fp)
    expected = oracle.convolution(
        x.tolist(), w.tolist(), b.tolist(), n, bits, pad, stride, dilation, group
    )
    net = new_builder()
    operands = [
        net.input((1, *x.shape), kind, int(fp[0])),
        net.variable(w.shape, kind, int(fp[1]), w),
        net.variable(b.shape, kind, int(out_fp), b),
    ]
    y = net.variable(np.shape([expected]), kind, int(out_fp))
    net.function(
        "Convolution",
        operands,
        [y],
        base_axis=1,
        pad=tuple(pad),
        stride=tuple(stride),
        dilation=tuple(dilation),
        group=group,
        channel_last=False,
    )
    np.testing.assert_array_equal(Machine(net.file(y)).forward([x[None]])[0][0], expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("seed", range(6))
def test_affine(new_builder, bits, seed):
    rng = np.random.RandomState(seed)
    kind, inputs, outputs = f"FIXED{bits}", rng.randint(1, 40), rng.randint(1, 5)
    x, w = numbers(rng, (2, inputs), bits), numbers(rng, (outputs, inputs), bits)
    b, fp = numbers(rng, (outputs,), bits), rng.randint(0, 8, 2)
    out_fp = int(rng.randint(0, fp.sum() + 1))
    net = new_builder()
    operands = [
        net.input(x.shape, kind, int(fp[0])),
        net.variable((inputs, outputs), kind, int(fp[1]), w),
        net.variable(b.shape, kind, out_fp, b),
    ]
    y = net.variable((2, outputs), kind, out_fp)
    net.function("Affine", operands, [y], base_axis=1)
    n = int(fp.sum() - out_fp)
    expected = [oracle.affine(row, w.tolist(), b.tolist(), n, bits) for row in x.tolist()]
    np.testing.assert_array_equal(Machine(net.file(y)).forward([x])[0], expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["MaxPooling", "AveragePooling", "SumPooling"])
@pytest.mark.parametrize("seed", range(5))
def test_pooling(new_builder, bits, name, seed):
    rng = np.random.RandomState(seed)
    kernel = rng.randint(1, 4, 2)
    stride, pad = rng.randint(1, 4, 2), [int(rng.randint(0, k // 2 + 1)) for k in kernel]
    image, p, q = [k + rng.randint(0, 4) for k in kernel], *rng.randint(0, 7, 2).tolist()
    including = bool(rng.randint(2))
    x = numbers(rng, (2, *image), bits)
    shape = [(n + 2 * a - k) // s + 1 for n, a, k, s in zip(image, pad, kernel, stride)]
    expected = np.empty((2, *shape), np.int64)
    for m, i, j in np.ndindex(*expected.shape):
        start = [position * s - a for position, s, a in zip((i, j), stride, pad)]
        end = [min(a + k, n + e) for a, k, n, e in zip(start, kernel, image, pad)]
        inside = [range(max(a, 0), min(e, n)) for a, e, n in zip(start, end, image)]
        window = [int(x[m, r, c]) for r, c in itertools.product(*inside)]
        taps = np.prod([e - a for a, e in zip(start, end)]) if including else len(window)
        expected[m, i, j] = oracle.pool(name, window, int(taps), p, q, bits)
    net = new_builder()
    number, y = (
        net.input(x.shape, f"FIXED{bits}", p),
        net.variable(expected.shape, f"FIXED{bits}", q),
    )
    arguments = {"including_pad": including} if name == "AveragePooling" else {}
    net.function(
        name,
        [number],
        [y],
        kernel=tuple(kernel.tolist()),
        stride=tuple(stride.tolist()),
        ignore_border=True,
        pad=tuple(pad),
        channel_last=False,
        **arguments,
    )
    np.testing.assert_array_equal(Machine(net.file(y)).forward([x])[0], expected)


PAIRS = {
    "Add2": lambda a, b, p, q, r, bits: oracle.rescale(
        oracle.satadd(
            oracle.rescale(a, p, min(p, q), bits), oracle.rescale(b, q, min(p, q), bits), bits
        ),
        min(p, q),
        r,
        bits,
    ),
    "Sub2": lambda a, b, p, q, r, bits: oracle.rescale(
        oracle.satsub(
            oracle.rescale(a, p, min(p, q), bits), oracle.rescale(b, q, min(p, q), bits), bits
        ),
        min(p, q),
        r,
        bits,
    ),
    "Mul2": lambda a, b, p, q, r, bits: oracle.clip(oracle.quotient(a * b, 1 << p + q - r), bits),
    "Div2": lambda a, b, p, q, r, bits: oracle.clip(
        oracle.wrap(oracle.quotient(a * (1 << r + q - p), b), 2 * bits), bits
    ),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", list(PAIRS))
@pytest.mark.parametrize("seed", range(5))
def test_functions_of_two_tensors(new_builder, bits, name, seed):
    rng = np.random.RandomState(seed)
    p, q, r = rng.randint(0, 7, 3).tolist()
    if name == "Mul2":
        r = min(r, p + q)
    if name == "Div2":
        r = max(r, p - q)
    a, b = numbers(rng, (3, 40), bits), numbers(rng, (3, 1), bits)
    b = np.where(b == 0, 1, b).astype(b.dtype) if name == "Div2" else b
    kind, net = f"FIXED{bits}", new_builder()
    operands = [net.input(a.shape, kind, p), net.input(b.shape, kind, q)]
    y = net.variable(a.shape, kind, r)
    net.function(name, operands, [y], inplace=False)
    expected = [
        [PAIRS[name](v, rows[0], p, q, r, bits) for v in row]
        for row, rows in zip(a.tolist(), b.tolist())
    ]
    np.testing.assert_array_equal(Machine(net.file(y)).forward([a, b])[0], expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("value", [0.7, -0.3, 1.0, 4.25, 8.0, -9.5, 100.0, 0.0])
def test_functions_of_a_tensor_and_a_number(new_builder, bits, value):
    rng = np.random.RandomState(bits)
    value = float(np.float32(value))
    x = numbers(rng, (100,), bits)
    for name, p, q in itertools.product(("AddScalar", "MulScalar"), (0, 3, 6), (1, 3, 5)):
        kind, net = f"FIXED{bits}", new_builder()
        number, y = net.input(x.shape, kind, p), net.variable(x.shape, kind, q)
        net.function(name, [number], [y], val=value, inplace=False)
        if name == "AddScalar":
            c = oracle.constant(value, p, bits)
            expected = [oracle.rescale(oracle.satadd(v, c, bits), p, q, bits) for v in x.tolist()]
        else:
            k = oracle.scalar_bits(value, bits)
            c, shift = oracle.constant(value, k, bits), p + k - q
            if shift < 0:
                with pytest.raises(UnsupportedFunctionError, match="trap 8"):
                    Machine(net.file(y)).forward([x])
                continue
            expected = [oracle.clip(oracle.quotient(v * c, 1 << shift), bits) for v in x.tolist()]
        np.testing.assert_array_equal(Machine(net.file(y)).forward([x])[0], expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["ReLU", "Reshape", "Transpose"])
def test_copies_between_all_formats(new_builder, bits, name):
    rng = np.random.RandomState(bits)
    info = np.iinfo(DTYPES[bits])
    arguments = {"ReLU": {"inplace": False}, "Reshape": {"shape": (-1,), "inplace": False}}
    x = np.concatenate([[info.min, info.max, -1, 0, 1], rng.randint(info.min, info.max, 30)])
    x = x.astype(DTYPES[bits])
    for p, q in itertools.product(range(16), repeat=2):
        net = new_builder()
        number, y = net.input(x.shape, f"FIXED{bits}", p), net.variable(x.shape, f"FIXED{bits}", q)
        net.function(name, [number], [y], **arguments.get(name, {"axes": (0,)}))
        machine = Machine(net.file(y))
        if p - q >= bits:
            assert "trap 7" in machine.warnings[0]
            with pytest.raises(UnsupportedFunctionError, match="divides by zero"):
                machine.forward([x])
            continue
        start = [max(v, 0) for v in x.tolist()] if name == "ReLU" else x.tolist()
        expected = [oracle.rescale(v, p, q, bits) for v in start]
        np.testing.assert_array_equal(machine.forward([x])[0], expected)
        wrong = p - q >= bits - 1 or (bits == 8 and q - p >= 9)
        assert bool(machine.warnings) == wrong


def test_windows_of_three_dimensions_rescale_int8_twice(builder):
    x = builder.input((1, 1, 1, 2), "FIXED8", 3)
    y = builder.variable((1, 1, 1, 2), "FIXED8", 5)
    builder.function(
        "MaxPooling",
        [x],
        [y],
        kernel=(1, 1, 1),
        stride=(1, 1, 1),
        ignore_border=True,
        pad=(0, 0, 0),
        channel_last=False,
    )
    machine = Machine(builder.file(y))
    assert machine.forward([np.int8([[[[3, -9]]]])])[0].ravel().tolist() == [48, -128]
    assert "rescales twice" in machine.warnings[0]


def test_the_one_quotient_that_ends_the_process_is_refused(builder):
    a, b = builder.input((2,), "FIXED8", 0), builder.input((2,), "FIXED8", 12)
    y = builder.variable((2,), "FIXED8", 12)
    builder.function("Div2", [a, b], [y], inplace=False)
    machine = Machine(builder.file(y))
    with pytest.raises(UnsupportedFunctionError, match="-2..31 by -1"):
        machine.forward([np.int8([-128, 1]), np.int8([-1, 1])])
    # 128 * 2**24 wraps; cut to 16 bits nothing is left of it.
    assert machine.forward([np.int8([-128, 1]), np.int8([1, 1])])[0].tolist() == [0, 0]
