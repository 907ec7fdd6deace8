# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Float functions against NNabla's own forward, over random shapes and arguments."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.agreement import same_values
from nnabla_compress.simulator import Machine


def floats(rng, *shape):
    return rng.randn(*shape).astype(np.float32)


def numbers(rng, low, high, count):
    return tuple(rng.randint(low, high + 1, count).tolist())


def check(new_builder, name, inputs, parameters, outputs, arguments, order=None, swap=None):
    """Runs one function in both and compares; `order` says where parameters stand.

    `swap` replaces what the file holds of parameters, where that is arranged otherwise.
    """
    net = new_builder()
    operands = [net.input(array.shape) for array in inputs]
    stored = parameters if swap is None else swap
    operands += [net.variable(p.shape, values=s) for p, s in zip(parameters, stored)]
    if order is not None:
        operands = [operands[i] for i in order]
    results = [net.variable(y.shape) for y in outputs]
    net.function(name, operands, results, **arguments)
    machine = Machine(net.file(*results))
    nn.forward_all(outputs)
    samples = [np.stack([array, array]) for array in inputs]
    many = machine.forward_many(samples)
    for got, both, y in zip(machine.forward(inputs), many, outputs):
        scale = np.abs(y.d).max() if y.d.size else 0
        np.testing.assert_allclose(got, y.d, rtol=2e-5, atol=2e-6 * max(scale, 1))
        assert got.tobytes() == both[0].tobytes() == both[1].tobytes()


def variables(*arrays):
    return [nn.Variable.from_numpy_array(array) for array in arrays]


def window(rng, dimensions):
    kernel, pad, stride, dilation = (numbers(rng, low, 3, dimensions) for low in (1, 0, 1, 1))
    image = tuple((k - 1) * d + int(rng.randint(1, 5)) for k, d in zip(kernel, dilation))
    return kernel, pad, stride, dilation, image


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_convolution(new_builder, dimensions, seed):
    rng = np.random.RandomState(seed)
    kernel, pad, stride, dilation, image = window(rng, dimensions)
    group, axis = rng.randint(1, 4), rng.randint(0, 3)
    channels, maps = group * rng.randint(1, 4), group * rng.randint(1, 3)
    x = floats(rng, *numbers(rng, 1, 2, axis), channels, *image)
    parameters = [floats(rng, maps, channels // group, *kernel), floats(rng, maps)]
    parameters = parameters[: 1 + seed % 2]
    arguments = {"base_axis": int(axis), "pad": pad, "stride": stride, "dilation": dilation}
    arguments["group"] = int(group)
    y = F.convolution(*variables(x, *parameters), **arguments)
    check(new_builder, "Convolution", [x], parameters, [y], {**arguments, "channel_last": False})


@pytest.mark.parametrize("seed", range(6))
def test_depthwise_convolution(new_builder, seed):
    rng = np.random.RandomState(seed)
    kernel, pad, stride, dilation, image = window(rng, 2)
    channels, multiplier = rng.randint(1, 5), int(rng.randint(1, 3))
    x = floats(rng, 2, channels, *image)
    parameters = [floats(rng, channels * multiplier, *kernel), floats(rng, channels * multiplier)]
    arguments = {"base_axis": 1, "pad": pad, "stride": stride, "dilation": dilation}
    arguments["multiplier"] = multiplier
    y = F.depthwise_convolution(*variables(x, *parameters), **arguments)
    check(new_builder, "DepthwiseConvolution", [x], parameters, [y], arguments)


@pytest.mark.parametrize("seed", range(8))
def test_deconvolution(new_builder, seed):
    rng = np.random.RandomState(seed)
    kernel, _, stride, dilation, _ = window(rng, 2)
    pad = tuple(min(1, d * (k - 1) // 2) for k, d in zip(kernel, dilation))
    group = int(rng.randint(1, 3))
    channels, maps = group * rng.randint(1, 4), rng.randint(1, 4)
    x = floats(rng, 2, channels, *numbers(rng, 1, 4, 2))
    parameters = [floats(rng, channels, maps, *kernel), floats(rng, maps * group)]
    arguments = {"base_axis": 1, "pad": pad, "stride": stride, "dilation": dilation}
    arguments["group"] = group
    padding = tuple(int(rng.randint(0, s)) for s in stride)
    y = F.deconvolution(*variables(x, *parameters), **arguments, output_padding=padding)
    stored = {**arguments, "channel_last": False, "output_padding": padding}
    check(new_builder, "Deconvolution", [x], parameters, [y], stored)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_affine(new_builder, rng, axis):
    x, w, b = floats(rng, 2, 3, 4), floats(rng, 24 // (1, 2, 6)[axis], 2, 3), floats(rng, 2, 3)
    y = F.affine(*variables(x, w, b), base_axis=axis)
    swap = [np.ascontiguousarray(w.reshape(len(w), -1).T), b]
    check(new_builder, "Affine", [x], [w, b], [y], {"base_axis": axis}, swap=swap)


def test_binary_functions_read_the_second_weight(new_builder, rng):
    w, alpha, b = floats(rng, 4, 3, 3, 3), np.abs(floats(rng, 4)), floats(rng, 4)
    signs = np.where(w < 0, -1, 1).astype(np.float32)
    x = floats(rng, 2, 3, 6, 6)
    arguments = {"base_axis": 1, "pad": (1, 0), "stride": (1, 2), "dilation": (1, 1), "group": 1}
    stored = {**arguments, "quantize_zero_to": 1.0}
    y = F.convolution(*variables(x, signs, b), **arguments)
    check(new_builder, "BinaryConnectConvolution", [x], [w, signs, b], [y], stored)
    scaled = signs * alpha[:, None, None, None]
    y = F.convolution(*variables(x, scaled, b), **arguments)
    check(new_builder, "BinaryWeightConvolution", [x], [w, signs, alpha, b], [y], stored)
    x, m = floats(rng, 2, 7), np.where(floats(rng, 7, 4) < 0, -1, 1).astype(np.float32)
    turned, stored = np.ascontiguousarray(m.T), {"base_axis": 1, "quantize_zero_to": 1.0}
    y = F.affine(*variables(x, m, b))
    check(new_builder, "BinaryConnectAffine", [x], [m, turned, b], [y], stored)
    y = F.affine(*variables(x, m * alpha, b))
    check(new_builder, "BinaryWeightAffine", [x], [m, turned, alpha, b], [y], stored)


@pytest.mark.parametrize("name", ["MaxPooling", "AveragePooling", "SumPooling"])
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_pooling(new_builder, name, dimensions, seed):
    rng = np.random.RandomState(seed)
    kernel, stride = numbers(rng, 1, 3, dimensions), numbers(rng, 1, 3, dimensions)
    pad = tuple(int(rng.randint(0, k // 2 + 1)) for k in kernel)
    image = [k + int(rng.randint(0, 5)) for k in kernel]
    x = floats(rng, *numbers(rng, 1, 3, 2), *image)
    arguments = {"kernel": kernel, "stride": stride, "pad": pad, "ignore_border": True}
    if name == "AveragePooling":
        arguments["including_pad"] = bool(seed % 2)
    if not any(pad):
        arguments["ignore_border"] = bool(rng.randint(2))
    function = getattr(F, name[:-7].lower() + "_pooling")
    y = function(*variables(x), **arguments)
    check(new_builder, name, [x], [], [y], {**arguments, "channel_last": False})


@pytest.mark.parametrize("kernel", [(5, 2), (6, 3)])
@pytest.mark.parametrize("pad", [(0, 0), (1, 0)])
@pytest.mark.parametrize("name", ["Convolution", "Depthwise", "Max", "Average", "Sum"])
def test_windows_larger_than_the_image(new_builder, rng, name, kernel, pad):
    x = floats(rng, 1, 2, 2, 3)
    stride = (kernel[0] - 2 * pad[0] - 1, 1)  # one more than what is lacking
    arguments = {"pad": pad, "stride": stride}
    if name in ("Convolution", "Depthwise"):
        arguments.update(base_axis=1, dilation=(1, 1))
        shape = (4, 2, *kernel) if name == "Convolution" else (2, *kernel)
        w, b = floats(rng, *shape), floats(rng, shape[0])
        if name == "Convolution":
            y = F.convolution(*variables(x, w, b), **arguments)
            arguments.update(group=1, channel_last=False)
        else:
            y = F.depthwise_convolution(*variables(x, w, b), **arguments)
            name, arguments["multiplier"] = "DepthwiseConvolution", 1
        parameters = [w, b]
    else:
        arguments.update(kernel=kernel, ignore_border=True)
        y = getattr(F, f"{name.lower()}_pooling")(*variables(x), **arguments)
        if name == "Average":
            arguments["including_pad"] = True
        arguments["channel_last"] = False
        name, parameters = f"{name}Pooling", []
    assert y.shape[2] == 1
    check(new_builder, name, [x], parameters, [y], arguments)


def test_unpooling(new_builder, rng):
    x = floats(rng, 2, 3, 4, 2)
    y = F.unpooling(*variables(x), (2, 3))
    check(new_builder, "Unpooling", [x], [], [y], {"kernel": (2, 3), "channel_last": False})


PAIRS = {
    "Add2": F.add2,
    "Sub2": F.sub2,
    "Mul2": F.mul2,
    "Div2": F.div2,
    "Pow2": F.pow2,
    "Minimum2": F.minimum2,
    "Maximum2": F.maximum2,
}


@pytest.mark.parametrize("name", list(PAIRS))
@pytest.mark.parametrize(
    "shapes", [((2, 3, 4), (2, 3, 4)), ((2, 1, 4), (1, 3, 1)), ((1, 1), (5, 2)), ((4,), (4,))]
)
def test_functions_of_two_tensors(new_builder, rng, name, shapes):
    a, b = floats(rng, *shapes[0]), floats(rng, *shapes[1])
    if name == "Pow2":
        a = np.abs(a) + np.float32(0.1)
    arguments = {} if name in ("Minimum2", "Maximum2") else {"inplace": False}
    check(new_builder, name, [a, b], [], [PAIRS[name](*variables(a, b))], arguments)


SCALARS = {
    "AddScalar": F.add_scalar,
    "MulScalar": F.mul_scalar,
    "PowScalar": F.pow_scalar,
    "RSubScalar": F.r_sub_scalar,
    "RDivScalar": F.r_div_scalar,
    "RPowScalar": F.r_pow_scalar,
    "MinimumScalar": F.minimum_scalar,
    "MaximumScalar": F.maximum_scalar,
}


@pytest.mark.parametrize("name", list(SCALARS))
@pytest.mark.parametrize("value", [0.3, 2.0, 1.7])
def test_functions_of_a_tensor_and_a_number(new_builder, rng, name, value):
    x = np.abs(floats(rng, 3, 5)) + np.float32(0.1)
    arguments = {"val": value}
    if name in ("AddScalar", "MulScalar", "PowScalar"):
        arguments["inplace"] = False
    check(new_builder, name, [x], [], [SCALARS[name](*variables(x), value)], arguments)


SINGLE = {
    "ReLU": (F.relu, {"inplace": False}),
    "LeakyReLU": (lambda x: F.leaky_relu(x, 0.2), {"alpha": 0.2, "inplace": False}),
    "Sigmoid": (F.sigmoid, {}),
    "Tanh": (F.tanh, {}),
    "Swish": (F.swish, {}),
    "ELU": (lambda x: F.elu(x, 0.7), {"alpha": 0.7}),
    "SELU": (lambda x: F.selu(x, 1.1, 1.6), {"scale": 1.1, "alpha": 1.6}),
    "Sign": (lambda x: F.sign(x, 0.5), {"alpha": 0.5}),
    "Abs": (F.abs, {}),
    "Exp": (F.exp, {}),
    "Identity": (F.identity, {}),
    "Round": (F.round, {}),
    "BinarySigmoid": (F.binary_sigmoid, {}),
    "BinaryTanh": (F.binary_tanh, {}),
    "Reshape": (lambda x: F.reshape(x, (-1, 5)), {"shape": (-1, 5), "inplace": False}),
    "MatrixDiag": (F.matrix_diag, {}),
}


@pytest.mark.parametrize("name", list(SINGLE))
def test_functions_of_one_tensor(new_builder, rng, name):
    compute, arguments = SINGLE[name]
    x = floats(rng, 3, 4, 5)
    x[0, 0] = [1.5, -0.5, 2.5, 0.49999997, -3.5]
    if not name.startswith("Binary"):
        x[0, 1, 0] = 0
    check(new_builder, name, [x], [], [compute(*variables(x))], arguments)


def test_logarithm(new_builder, rng):
    x = np.abs(floats(rng, 4, 5))
    check(new_builder, "Log", [x], [], [F.log(*variables(x))], {})


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_functions_along_an_axis(new_builder, rng, axis):
    x = floats(rng, 3, 4, 2)
    (v,) = variables(x)
    check(new_builder, "Softmax", [x], [], [F.softmax(v, axis)], {"axis": axis})
    check(new_builder, "CReLU", [x], [], [F.crelu(v, axis)], {"axis": axis})
    check(new_builder, "CELU", [x], [], [F.celu(v, 0.6, axis)], {"alpha": 0.6, "axis": axis})
    check(new_builder, "Flip", [x], [], [F.flip(v, (axis,))], {"axes": (axis,)})
    check(
        new_builder,
        "Stack",
        [x, x + 1],
        [],
        [F.stack(*variables(x, x + 1), axis=axis)],
        {"axis": axis},
    )
    parts = F.split(v, axis)
    check(new_builder, "Split", [x], [], list(parts), {"axis": axis})
    other = floats(rng, *[5 if i == axis else n for i, n in enumerate(x.shape)])
    y = F.concatenate(*variables(x, other), axis=axis)
    check(new_builder, "Concatenate", [x, other], [], [y], {"axis": axis})
    for slope in (floats(rng, 1), floats(rng, x.shape[axis])):
        y = F.prelu(v, *variables(slope), base_axis=axis)
        check(new_builder, "PReLU", [x], [slope], [y], {"base_axis": axis})


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keep", [False, True])
def test_sum(new_builder, rng, axes, keep):
    x = floats(rng, 3, 4, 2)
    y = F.sum(*variables(x), axis=axes, keepdims=keep)
    check(new_builder, "Sum", [x], [], [y], {"axes": axes, "keep_dims": keep})


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_batch_normalization(new_builder, rng, axis):
    x = floats(rng, 3, 4, 5)
    shape = [n if i == axis else 1 for i, n in enumerate(x.shape)]
    parameters = [floats(rng, *shape) for _ in range(3)] + [np.abs(floats(rng, *shape)) + 0.5]
    y = F.batch_normalization(*variables(x, *parameters), (axis,), 0.9, 1e-5, False)
    arguments = {"axes": (axis,), "decay_rate": 0.9, "eps": 1e-5, "batch_stat": False}
    stored = {**arguments, "no_scale": False, "no_bias": False}
    check(new_builder, "BatchNormalization", [x], parameters, [y], stored)


def test_mean_subtraction(new_builder, rng):
    x, mean, t = floats(rng, 3, 4, 2), floats(rng, 4, 2), np.zeros(1, np.int32)
    y = F.mean_subtraction(*variables(x, mean, t), base_axis=1, update_running_mean=False)
    arguments = {"base_axis": 1, "update_running_mean": False}
    check(new_builder, "MeanSubtraction", [x], [mean, t.astype(np.float32)], [y], arguments)


@pytest.mark.parametrize("seed", range(6))
def test_moving_values(new_builder, seed):
    rng = np.random.RandomState(seed)
    x = floats(rng, *numbers(rng, 2, 5, 3))
    (v,) = variables(x)
    axes = tuple(rng.permutation(3).tolist())
    check(new_builder, "Transpose", [x], [], [F.transpose(v, axes)], {"axes": axes})
    start = tuple(int(rng.randint(0, n)) for n in x.shape)
    stop = tuple(int(rng.randint(a + 1, n + 1)) for a, n in zip(start, x.shape))
    step = numbers(rng, 1, 2, 3)
    y = F.slice(v, start, stop, step)
    check(new_builder, "Slice", [x], [], [y], {"start": start, "stop": stop, "step": step})
    widths = tuple(int(rng.randint(0, n)) for n in x.shape[1:] for _ in range(2))
    for number, mode in enumerate(("constant", "reflect")):
        y = F.pad(v, widths, mode, 0.25 if number == 0 else 0)
        arguments = {"pad_width": widths, "mode": number, "constant_value": 0.25}
        check(new_builder, "Pad", [x], [], [y], arguments)
    shifts = tuple(int(rng.randint(-n, n)) for n in x.shape)
    for number, mode in enumerate(("nearest", "reflect")):
        y = F.shift(v, shifts, mode)
        check(new_builder, "Shift", [x], [], [y], {"shifts": shifts, "border_mode": number})
    square = floats(rng, 2, 4, 4)
    y = F.matrix_diag_part(*variables(square))
    check(new_builder, "MatrixDiagPart", [square], [], [y], {})


# With zeros of both signs, infinities and NaN, each beside each.
SPECIAL = np.float32([0, -0.0, 1, -1, 0.4, -0.4, 2.5, -2.5, np.inf, -np.inf, np.nan, 3e38, -1e-45])
A, B = (np.ascontiguousarray(array) for array in np.meshgrid(SPECIAL, SPECIAL))
POOLING = {"kernel": (1, 2), "stride": (1, 2), "pad": (0, 0), "ignore_border": True}


def bits(array):
    """The bits of each number, of NaN always the same."""
    return np.where(np.isnan(array), np.int32(-1), np.ascontiguousarray(array).view(np.int32))


def same_bits(new_builder, name, inputs, y, arguments):
    net = new_builder()
    result = net.variable(y.shape)
    net.function(name, [net.input(array.shape) for array in inputs], [result], **arguments)
    y.forward()
    (got,) = Machine(net.file(result)).forward(inputs)
    np.testing.assert_array_equal(bits(got), bits(y.d))


@pytest.mark.parametrize("name", ["Add2", "Sub2", "Mul2", "Div2", "Minimum2", "Maximum2"])
def test_two_special_numbers_make_the_same_bits(new_builder, name):
    arguments = {} if name in ("Minimum2", "Maximum2") else {"inplace": False}
    same_bits(new_builder, name, [A, B], PAIRS[name](*variables(A, B)), arguments)


@pytest.mark.parametrize(
    "name",
    ["AddScalar", "MulScalar", "RSubScalar", "RDivScalar", "MinimumScalar", "MaximumScalar"],
)
@pytest.mark.parametrize("value", [0.0, -0.0, -2.0, 0.3])
def test_a_special_and_a_fixed_number_make_the_same_bits(new_builder, name, value):
    arguments = {"val": value, **({"inplace": False} if name in ("AddScalar", "MulScalar") else {})}
    same_bits(new_builder, name, [A], SCALARS[name](*variables(A), value), arguments)


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "Sign", "Abs", "Identity", "Round"])
def test_a_special_number_makes_the_same_bits(new_builder, name):
    compute, arguments = SINGLE[name]
    same_bits(new_builder, name, [A], compute(*variables(A)), arguments)


@pytest.mark.parametrize("name", ["MaxPooling", "SumPooling", "AveragePooling"])
def test_a_window_of_special_numbers_makes_the_same_bits(new_builder, name):
    x = np.stack([A, B], axis=-1).reshape(1, 1, len(SPECIAL), -1)
    y = getattr(F, name[:-7].lower() + "_pooling")(*variables(x), **POOLING)
    more = {"including_pad": True} if name == "AveragePooling" else {}
    same_bits(new_builder, name, [x], y, {**POOLING, **more, "channel_last": False})


def test_a_sum_of_negative_zeros_is_a_zero_of_another_sign_in_nnabla(new_builder):
    x, w = np.zeros((1, 2), np.float32), np.float32([[-1, 1], [-1, 1]])
    y = F.affine(*variables(x, w))
    y.forward()
    net = new_builder()
    weight, result = net.variable(w.shape, values=w.T), net.variable(y.shape)
    net.function("Affine", [net.input(x.shape), weight], [result], base_axis=1)
    (got,) = Machine(net.file(result)).forward([x])
    assert np.signbit(y.d).tolist() == [[True, False]]
    assert np.signbit(got).tolist() == [[False, False]]
    assert same_values(y.d, got).all()
