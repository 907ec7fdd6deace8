# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a program stores a sample in an input of an NNB file: the one rule for all that feed one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nnabla_compress.nnb.network import DTYPES


def stored_input(real: ArrayLike, type_name: str, fp_pos: int) -> np.ndarray:
    """Returns a sample as the numbers that an input holds.

    An integer input takes the nearest integer to ``real * 2**fp_pos``, halves away from zero as
    C's ``roundf`` has it, limited to the type. NaN becomes 0.

    Args:
        real: The sample.
        type_name: Type of the input, FLOAT32, FIXED16 or FIXED8.
        fp_pos: Fraction bits of an integer type.

    Example:
        >>> stored_input([0.99, -0.99, 0.0625, -0.0625, 20], "FIXED8", 3).tolist()
        [8, -8, 1, -1, 127]
    """
    values = np.asarray(real, np.float32)
    dtype = np.dtype(DTYPES[type_name]).newbyteorder("=")
    if type_name == "FLOAT32":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    scaled = np.asarray(values.astype(np.float64) * 2.0**fp_pos)
    nearest = np.abs(scaled)
    nearest += 0.5
    np.copysign(np.floor(nearest, out=nearest), scaled, out=nearest)
    np.clip(nearest, limits.min, limits.max, out=nearest)
    return without_nan(nearest).astype(dtype)


def without_nan(values: np.ndarray) -> np.ndarray:
    """Puts 0 where an array holds NaN, and returns it.

    Args:
        values: Floats; they change.

    Example:
        >>> without_nan(np.float32([np.nan, 2])).tolist()
        [0.0, 2.0]
    """
    unknown = np.isnan(values)
    if unknown.any():
        values[unknown] = 0
    return values
