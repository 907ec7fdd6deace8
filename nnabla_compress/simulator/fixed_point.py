# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic as the runtime does it: truncating, saturating, wrapping.

Numbers are held in 8 or 16 bits; all functions take and return NumPy integers of that width.
"""

from __future__ import annotations

import math
from typing import Dict, Tuple, Union

import numpy as np

from nnabla_compress.errors import UnsupportedFunctionError

WIDE: Dict[np.dtype, np.dtype] = {
    np.dtype(np.int8): np.dtype(np.int16),
    np.dtype(np.int16): np.dtype(np.int32),
}
"""The type of twice the width, in which the runtime computes."""


def limits(dtype: np.dtype) -> Tuple[int, int]:
    """Returns the least and the largest number of an integer type.

    Example:
        >>> limits(np.dtype(np.int8))
        (-128, 127)
    """
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def divide(numerator: np.ndarray, denominator: Union[int, np.ndarray, np.integer]) -> np.ndarray:
    """Returns the quotient cut toward zero, as C divides.

    Example:
        >>> divide(np.array([-7, 7]), np.array(2)).tolist()
        [-3, 3]
    """
    quotient = np.abs(numerator) // np.abs(denominator)
    return np.where((numerator < 0) == (denominator < 0), quotient, -quotient)


def clip(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Returns numbers limited to the range of a type, in that type.

    Example:
        >>> clip(np.array([300, -5]), np.dtype(np.int8)).tolist()
        [127, -5]
    """
    return np.clip(values, *limits(dtype)).astype(dtype)


def saturating_add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns sums that saturate, but for the least number added to itself, which gives 0.

    Example:
        >>> saturating_add(np.int8([100, -128]), np.int8([100, -128])).tolist()
        [127, 0]
    """
    low, high = limits(a.dtype)
    total = a.astype(WIDE[a.dtype]) + b
    least = total == 2 * low
    np.clip(total, low, high, out=total)
    if least.any():
        total[least] = 0
    return total.astype(a.dtype)


def saturating_subtract(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns differences that saturate, but for 0 minus the least number, which gives that number.

    Example:
        >>> saturating_subtract(np.int8([100, 0]), np.int8([-100, -128])).tolist()
        [127, -128]
    """
    low, high = limits(a.dtype)
    wrapped = (a.astype(np.int32) - b).astype(a.dtype)
    over = (a > 0) & (b < 0) & (wrapped < 0)
    under = (a < 0) & (b > 0) & (wrapped > 0)
    return np.where(over, high, np.where(under, low, wrapped)).astype(a.dtype)


def rescale(values: np.ndarray, from_fp: int, to_fp: int) -> np.ndarray:
    """Returns the numbers with another number of fraction bits.

    To the right they are divided by 2**s held in their own width (so that INT8 by 7 bits divides by
    -128); to the left they are multiplied by 2**s and clipped, INT8 passing through 16 bits.

    Args:
        values: int8 or int16.
        from_fp: Their fraction bits.
        to_fp: Fraction bits wanted.

    Raises:
        UnsupportedFunctionError: If the runtime would divide by zero, which ends the process.

    Example:
        >>> rescale(np.int8([-5, 127]), 4, 3).tolist(), rescale(np.int8([127]), 0, 9).tolist()
        ([-2, 63], [-128])
    """
    dtype, shift = values.dtype, from_fp - to_fp
    if shift == 0:
        return values
    wide = WIDE[dtype]
    if shift < 0:
        # The factor has 16 bits for INT8, and what is clipped has been cut to 16 bits.
        factor = np.array(1 << -shift).astype(wide).astype(np.int64)
        return clip((values.astype(np.int64) * factor).astype(wide), dtype)
    divisor = np.array(1 << shift).astype(dtype).astype(np.int64)
    if divisor == 0:
        raise UnsupportedFunctionError(
            f"INT{8 * dtype.itemsize} numbers can't go from {from_fp} to {to_fp} fraction bits: "
            "the runtime divides by zero (trap 7).",
            help=f"shift by at most {8 * dtype.itemsize - 2} bits to the right",
        )
    return divide(values.astype(np.int64), divisor).astype(dtype)


def constant(value: float, fraction_bits: int, dtype: np.dtype) -> int:
    """Returns what the runtime makes of a scalar argument of an integer function.

    Beyond the range of the type it takes the integer bound without shifting it: far too small.

    Args:
        value: The argument.
        fraction_bits: Less than the bits of the type.
        dtype: int8 or int16.

    Example:
        >>> constant(0.7, 4, np.dtype(np.int8)), constant(8.0, 4, np.dtype(np.int8))
        (11, 8)
    """
    bits = 8 * dtype.itemsize
    bound = 1 << (bits - 1 - fraction_bits)
    if value >= bound - (fraction_bits == 0):
        return bound - (fraction_bits == 0)
    if value <= -bound:
        return -bound
    scaled = float(np.float32(value) * np.float32(1 << fraction_bits))
    return int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))


def scalar_fraction_bits(value: float, dtype: np.dtype) -> int:
    """Returns how many fraction bits the runtime gives to the constant of an integer MulScalar.

    Example:
        >>> scalar_fraction_bits(0.25, np.dtype(np.int8))
        7
    """
    bits = 8 * dtype.itemsize
    logarithm = np.float32(math.log2(np.float32(1) + np.float32(abs(value))))
    exact = np.float32(max(0.0, bits - (1.0 + float(logarithm))))
    return int(math.floor(exact + 0.5))
