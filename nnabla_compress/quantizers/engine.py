# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What makes NNabla's engine quick enough for the many small tensors of a quantized network."""

from __future__ import annotations

from typing import Sequence

import nnabla as nn
import numpy as np
from nnabla.parameter import get_parameter, get_parameter_or_create, parameter_scope, set_parameter

from nnabla_compress.absent import end_searches

end_searches()  # arrays are handed out by the thousand
_HOST = nn.Context(["cpu:float"], "CpuCachedArray", "0")


def array(variable: nn.Variable, dtype: type) -> np.ndarray:
    """Returns the values of a parameter as a writable array of the given type, in place.

    Parameters that were read from a ``.protobuf`` file come back as float64; this turns them back.
    """
    return host_array(variable.data, dtype)


class _HostMemory:
    """An array's memory as NumPy takes it; keeps the array alive as long as a view of it is."""

    def __init__(self, values: nn.NdArray, dtype: np.dtype, overwrite: bool) -> None:
        self.values = values
        self.__array_interface__ = {
            "version": 3,
            "shape": values.shape,
            "typestr": dtype.str,
            "data": (values.data_ptr(dtype, _HOST, overwrite), False),
        }


def host_array(values: nn.NdArray, dtype: type, overwrite: bool = False) -> np.ndarray:
    """Returns an array's values in host memory, of the given type, without a copy.

    NNabla's own ``NdArray.data`` looks for modules on the disk at every call (0.15 ms) and fills
    new memory with zeros, which for the small arrays of quantized layers costs more than looking up
    the weights. The view is valid until the array is cast, moved or cleared: use it at once.

    Args:
        values: The array; what is of another type is turned into this one in place.
        dtype: The type.
        overwrite: The caller writes every element, so that old ones need not be kept.
    """
    return np.asarray(_HostMemory(values, np.dtype(dtype), overwrite))


def byte_parameter(scope: str, name: str, shape: Sequence[int], value: int) -> nn.Variable:
    """Returns a parameter of whole numbers from 0 to 255, of a byte each from the start.

    NNabla makes a parameter of any initial values as floats, four bytes each, and keeps the initial
    values beside it.

    Args:
        scope: Scope of the parameter, within the current one.
        name: Its name.
        shape: Its shape, which one that exists must have.
        value: What a new one is filled with.
    """
    with parameter_scope(scope):
        if get_parameter(name) is None:
            created = nn.Variable(shape)
            host_array(created.data, np.uint8, overwrite=True)[...] = value
            set_parameter(name, created)
        return get_parameter_or_create(name, shape, None, False)


def add_gradient(gradient: np.ndarray, variable: nn.Variable, accumulate: bool) -> None:
    """Writes the gradient of a variable in host memory, or adds it to the one that is there.

    Args:
        gradient: Of as many elements as the variable.
        variable: An input of a function in its backward pass.
        accumulate: Whether to add.
    """
    target = host_array(variable.grad, np.float32, overwrite=not accumulate)
    gradient = gradient.reshape(target.shape)
    target[...] = target + gradient if accumulate else gradient
