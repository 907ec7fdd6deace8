# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions of single values: activations, rounding, exponentials."""

from __future__ import annotations

from typing import Callable

import numpy as np

from nnabla_compress.simulator import c_math, fixed_point
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.tensor import reload

ONE = np.float32(1)


def of_one(compute: Callable[[np.ndarray], np.ndarray]) -> Callable[[Call], None]:
    """Returns the kernel of a function that is float, or generic, of single values.

    Args:
        compute: The float32 operation.
    """

    def kernel(call: Call) -> None:
        call.expect((1,))
        call.same_size()
        y = call.outputs[0]
        y.set(compute(call.inputs[0].get()).reshape(*y.shape, -1))

    return kernel


def relu(call: Call) -> None:
    """The integer kernel takes the positive part, then rescales."""
    if not call.integer_type:
        return of_one(lambda x: np.where(x > 0, x, np.float32(0)))(call)
    call.expect((1,))
    call.same_size()
    x, y = call.inputs[0], call.outputs[0]
    positive = np.maximum(x.array, 0)
    y.array[...] = fixed_point.rescale(positive, x.fp_pos, y.fp_pos).reshape(y.array.shape)


def leaky_relu(call: Call) -> None:
    """``x > 0 ? x : x * alpha``."""
    alpha = np.float32(call.argument("alpha"))
    of_one(lambda x: np.where(x > 0, x, x * alpha))(call)


def prelu(call: Call) -> None:
    """Slope per tensor or per channel of base_axis."""
    call.expect((2,))
    call.same_size()
    x, slope = call.inputs[0].get(), call.inputs[1].get()
    axis, shape = call.argument("base_axis"), call.inputs[0].shape
    if slope[..., 0].size > 1:
        if not 0 <= axis < len(shape) or slope[..., 0].size != shape[axis]:
            raise call.misfit("the slopes do not fit the axis")
        slope = slope.reshape(shape[axis], *[1] * (len(shape) - axis - 1), -1)
    else:
        slope = slope.reshape(-1)
    call.outputs[0].set(np.where(x >= 0, x, x * slope))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + expf(-x))``."""
    return ONE / (ONE + c_math.exp(-x))


def elu(call: Call) -> None:
    """``x > 0 ? x : alpha * (expf(x) - 1)``."""
    alpha = np.float32(call.argument("alpha"))
    of_one(lambda x: np.where(x > 0, x, alpha * (c_math.exp(x) - ONE)))(call)


def selu(call: Call) -> None:
    """``x > 0 ? scale * x : alpha * scale * (expf(x) - 1)``."""
    scale, alpha = np.float32(call.argument("scale")), np.float32(call.argument("alpha"))
    of_one(lambda x: np.where(x > 0, scale * x, alpha * scale * (c_math.exp(x) - ONE)))(call)


def crelu(call: Call) -> None:
    """Positive parts of x, and of -x after them."""
    zero = np.float32(0)
    _both_signs(call, lambda x: np.where(x > 0, x, zero), lambda x: np.where(x < 0, -x, zero))


def celu(call: Call) -> None:
    """ELU of x, and of -x after it."""
    alpha = np.float32(call.argument("alpha"))
    _both_signs(
        call,
        lambda x: np.where(x > 0, x, alpha * (c_math.exp(x) - ONE)),
        lambda x: np.where(x < 0, -x, alpha * (c_math.exp(-x) - ONE)),
    )


def softmax(call: Call) -> None:
    """Maximum subtracted, expf, a sequential sum, quotients; integers pass through the output."""
    call.expect((1,))
    call.same_size()
    axis, shape = call.argument("axis"), call.inputs[0].shape
    if not 0 <= axis < len(shape):
        raise call.refused(f"has axis {axis}, which reads out of bounds (trap 17)", "use axis >= 0")
    x, y = call.inputs[0].get(), call.outputs[0]
    exponentials = c_math.exp(x - x.max(axis=axis, keepdims=True))
    total = np.zeros_like(np.take(exponentials, [0], axis=axis))
    for index in range(shape[axis]):
        total += np.take(exponentials, [index], axis=axis)
    y.set((reload(exponentials, y) / total).reshape(y.array.shape[:-1] + (-1,)))


def sign(call: Call) -> None:
    """``alpha`` at zero."""
    alpha = np.float32(call.argument("alpha"))
    of_one(lambda x: np.where(x > 0, ONE, np.where(x < 0, -ONE, alpha)))(call)


def dropout(call: Call) -> None:
    """Multiplies by ``1 - p``, though nnabla in inference does not."""
    factor = ONE - np.float32(call.argument("p"))
    of_one(lambda x: x * factor)(call)


def _binary_sigmoid(x: np.ndarray) -> np.ndarray:
    return c_math.round_half_away(np.clip((x + ONE) / np.float32(2), 0, 1))


def _both_signs(
    call: Call,
    positive: Callable[[np.ndarray], np.ndarray],
    negative: Callable[[np.ndarray], np.ndarray],
) -> None:
    call.expect((1,))
    axis, shape, y = call.argument("axis"), call.inputs[0].shape, call.outputs[0]
    if not 0 <= axis < len(shape):
        raise call.refused(f"has axis {axis}, which reads out of bounds (trap 17)", "use axis >= 0")
    x = call.inputs[0].get()
    both = np.concatenate([positive(x), negative(x)], axis=axis)
    if both[..., 0].size != y.array[..., 0].size:
        raise call.misfit("the output is not twice the input")
    y.set(both.reshape(*y.shape, -1))


KERNELS = {
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "Sigmoid": of_one(sigmoid),
    "Tanh": of_one(c_math.tanh),
    "Swish": of_one(lambda x: x * sigmoid(x)),
    "ELU": elu,
    "SELU": selu,
    "CELU": celu,
    "CReLU": crelu,
    "Softmax": softmax,
    "Sign": sign,
    "Abs": of_one(np.abs),
    "Exp": of_one(c_math.exp),
    "Log": of_one(c_math.log),
    "Identity": of_one(lambda x: x),
    "Round": of_one(c_math.round_half_away),
    "Dropout": dropout,
    "BinarySigmoid": of_one(_binary_sigmoid),
    "BinaryTanh": of_one(lambda x: _binary_sigmoid(x) * np.float32(2) - ONE),
}
