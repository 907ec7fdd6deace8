# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions of two tensors, and of a tensor and a number."""

from __future__ import annotations

from typing import Callable, Tuple

import numpy as np

from nnabla_compress.simulator import c_math, fixed_point
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.tensor import Tensor

Real = Callable[[np.ndarray, np.ndarray], np.ndarray]


def two_inputs(compute: Real) -> Callable[[Call], None]:
    """Returns the kernel of a function that is float, or generic, of two inputs.

    Args:
        compute: The float32 operation.
    """

    def kernel(call: Call) -> None:
        _check(call)
        call.outputs[0].set(compute(call.inputs[0].get(), call.inputs[1].get()))

    return kernel


def with_scalar(compute: Real) -> Callable[[Call], None]:
    """Returns the kernel of a function that is float, or generic, of one input and an argument.

    Args:
        compute: The float32 operation.
    """

    def kernel(call: Call) -> None:
        call.expect((1,))
        call.same_size()
        x, y = call.inputs[0].get(), call.outputs[0]
        y.set(compute(x, np.asarray(call.argument("val"), np.float32)).reshape(*y.shape, -1))

    return kernel


def add2(call: Call) -> None:
    """Integers saturate, after the input with more fraction bits has been rescaled in place."""
    _add_or_subtract(call, np.add, fixed_point.saturating_add)


def sub2(call: Call) -> None:
    """As :func:`add2`."""
    _add_or_subtract(call, np.subtract, fixed_point.saturating_subtract)


def mul2(call: Call) -> None:
    """Integer products are divided by a power of two, cut toward zero and limited."""
    if not call.integer_type:
        return two_inputs(np.multiply)(call)
    _check(call)
    a, b, y = call.inputs[0], call.inputs[1], call.outputs[0]
    divisor = call.shift(a.fp_pos + b.fp_pos - y.fp_pos)
    product = a.array.astype(np.int64) * b.array
    y.array[...] = fixed_point.clip(fixed_point.divide(product, np.int64(divisor)), y.array.dtype)


def div2(call: Call) -> None:
    """Integer quotients are cut to twice the width and limited."""
    if not call.integer_type:
        return two_inputs(np.divide)(call)
    _check(call)
    a, b, y = call.inputs[0], call.inputs[1], call.outputs[0]
    factor = call.shift(y.fp_pos + b.fp_pos - a.fp_pos)
    if not b.array.all():
        raise call.refused("divides by zero, which ends the process (trap 10)", "divide as float")
    scaled = (a.array.astype(np.int64) * factor).astype(np.int32).astype(np.int64)
    if np.any((scaled == -(2**31)) & (b.array == -1)):
        raise call.refused("divides -2**31 by -1, which ends the process", "divide as float")
    quotient = fixed_point.divide(scaled, b.array.astype(np.int64))
    y.array[...] = fixed_point.clip(quotient.astype(fixed_point.WIDE[y.array.dtype]), y.array.dtype)


def add_scalar(call: Call) -> None:
    """The integer kernel adds a constant of the input's format, then rescales."""
    if not call.integer_type:
        return with_scalar(np.add)(call)
    x, y = _one_integer_input(call)
    dtype = y.array.dtype
    if x.fp_pos >= 8 * dtype.itemsize:
        raise call.refused(
            f"has an input with {x.fp_pos} fraction bits, of which the runtime's constant is not "
            "defined (trap 10)",
            "add as float, or choose a smaller fp_pos",
        )
    addend = np.array(fixed_point.constant(call.argument("val"), x.fp_pos, dtype), dtype)
    total = fixed_point.saturating_add(x.array, addend)
    y.array[...] = fixed_point.rescale(total, x.fp_pos, y.fp_pos).reshape(y.array.shape)


def mul_scalar(call: Call) -> None:
    """The integer kernel multiplies by a constant with as many fraction bits as it has room for."""
    if not call.integer_type:
        return with_scalar(np.multiply)(call)
    x, y = _one_integer_input(call)
    value, dtype = call.argument("val"), y.array.dtype
    bits = fixed_point.scalar_fraction_bits(value, dtype)
    factor = fixed_point.constant(value, bits, dtype)
    divisor = np.int64(call.shift(x.fp_pos + bits - y.fp_pos))
    product = fixed_point.divide(x.array.astype(np.int64) * factor, divisor)
    y.array[...] = fixed_point.clip(product, dtype).reshape(y.array.shape)


def smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a < b ? a : b``."""
    return np.where(a < b, a, b)


def larger(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a > b ? a : b``."""
    return np.where(a > b, a, b)


def reverse(compute: Real) -> Real:
    """Returns an operation with its operands exchanged."""
    return lambda a, b: compute(b, a)


KERNELS = {
    "Add2": add2,
    "Sub2": sub2,
    "Mul2": mul2,
    "Div2": div2,
    "Pow2": two_inputs(c_math.power),
    "Minimum2": two_inputs(smaller),
    "Maximum2": two_inputs(larger),
    "AddScalar": add_scalar,
    "MulScalar": mul_scalar,
    "PowScalar": with_scalar(c_math.power),
    "RSubScalar": with_scalar(reverse(np.subtract)),
    "RDivScalar": with_scalar(reverse(np.divide)),
    "RPowScalar": with_scalar(reverse(c_math.power)),
    "MinimumScalar": with_scalar(smaller),
    "MaximumScalar": with_scalar(larger),
}


def _add_or_subtract(call: Call, real: Real, saturating: Real) -> None:
    if not call.integer_type:
        return two_inputs(real)(call)
    _check(call)
    a, b, y = call.inputs[0], call.inputs[1], call.outputs[0]
    if a.fp_pos != b.fp_pos:
        fine, coarse = (a, b) if a.fp_pos > b.fp_pos else (b, a)
        fine.array[...] = fixed_point.rescale(fine.array, fine.fp_pos, coarse.fp_pos)
        fine.fp_pos = coarse.fp_pos
    y.array[...] = fixed_point.rescale(saturating(a.array, b.array), a.fp_pos, y.fp_pos)


def _one_integer_input(call: Call) -> Tuple[Tensor, Tensor]:
    call.expect((1,))
    call.same_size()
    return call.inputs[0], call.outputs[0]


def _check(call: Call) -> None:
    call.expect((2,))
    a, b, y = (tensor.shape for tensor in call.operands)
    if not len(a) == len(b) == len(y):
        raise call.refused("has operands of unequally many dimensions", "reshape them first")
    for sizes in zip(a, b, y):
        if sizes[2] != max(sizes[:2]) or not {*sizes[:2]} <= {1, sizes[2]}:
            raise call.misfit("the shapes do not broadcast")
