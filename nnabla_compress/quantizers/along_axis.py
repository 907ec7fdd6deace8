# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One number for a tensor, or one for each slice along an axis, in NNabla's native functions."""

from __future__ import annotations

from typing import Any, Optional

import nnabla as nn
import nnabla.functions as F
import numpy as np


def scaled_along(x: Any, factors: np.ndarray, axis: Optional[int]) -> Any:
    """Returns ``x`` times its factors.

    Args:
        x: Variable or NdArray.
        factors: One number, or one for each slice along ``axis``.
        axis: The axis; None: one number for all.

    Returns:
        The product, a Variable or NdArray as ``x`` is.

    Example:
        >>> x = nn.NdArray.from_numpy_array(np.ones((2, 2), np.float32))
        >>> scaled_along(x, np.float32([2, 3]), axis=0).data.tolist()
        [[2.0, 2.0], [3.0, 3.0]]
    """
    if axis is None:
        return F.mul_scalar(x, float(factors[0]))
    return F.mul2(x, constant_along(factors, x, axis))


def constant_along(values: np.ndarray, x: Any, axis: Optional[int]) -> Any:
    """Returns numbers in a shape that broadcasts against ``x``.

    Args:
        values: One number, or one for each slice along ``axis``.
        x: Variable or NdArray.
        axis: The axis; None: one number for all.

    Returns:
        A Variable or NdArray as ``x`` is.

    Example:
        >>> constant_along(np.float32([2, 3]), nn.Variable((4, 2, 5)), axis=1).shape
        (1, 2, 1)
    """
    shape = [1] * len(x.shape)
    if axis is not None:
        shape[axis] = -1
    if isinstance(x, nn.NdArray):
        return nn.NdArray.from_numpy_array(values.reshape(shape))
    constant = nn.Variable.from_numpy_array(values.reshape(shape))
    constant.persistent = True
    return constant
