# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A variable of a running network: its memory, its format, and how numbers get in and out.

Several samples run side by side: the last axis of every array is the sample (*lane*). Parameters,
and what is computed from parameters only, have one lane for all samples.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.nnb.inputs import without_nan
from nnabla_compress.nnb.network import DTYPES, NnbVariable, values
from nnabla_compress.nnb.reader import description

COEFFICIENTS = np.float32(2.0) ** -np.arange(16, dtype=np.float32)


class Tensor:
    """A variable with its memory.

    Args:
        number: Of the variable.
        variable: As the file describes it.
        memory: The bytes of its buffer, as many times as there are lanes; None for parameters.
        lanes: Samples that run side by side.
    """

    def __init__(
        self, number: int, variable: NnbVariable, memory: Optional[np.ndarray], lanes: int
    ) -> None:
        self.number = number
        self.variable = variable
        self.type = variable.type
        self.shape = variable.shape
        self.fp_pos = variable.fp_pos
        # The runtime keeps this factor even if a trap changes fp_pos.
        self.coefficient = COEFFICIENTS[variable.fp_pos]
        self._memory = memory
        self._lanes = lanes
        self._array: Optional[np.ndarray] = None

    def __str__(self) -> str:
        return description(self.variable, self.number)

    @property
    def is_float(self) -> bool:
        """Whether it is FLOAT32."""
        return self.type == "FLOAT32"

    @property
    def array(self) -> np.ndarray:
        """Stored numbers, shape (*shape, lanes); SIGN as int8 of +1 and -1."""
        if self._array is None:
            self._array = self._parameter() if self._memory is None else self._view(self._memory)
        return self._array

    @property
    def lanes(self) -> int:
        """Lanes of the array."""
        return self.array.shape[-1]

    def as_constant(self) -> Tensor:
        """Returns a tensor for the same variable with memory of its own and one lane for all."""
        constant = Tensor(self.number, self.variable, None, 1)
        _ = self.array  # a shape beyond its buffer is refused before memory is taken for it
        constant._array = np.zeros((*self.shape, 1), self.array.dtype)
        return constant

    def _dtype(self) -> np.dtype:
        if self.type == "SIGN":
            raise DataError(f"{self} lies in a buffer.", help="SIGN is for parameters only")
        return np.dtype(DTYPES[self.type])

    def _parameter(self) -> np.ndarray:
        stored = values(self.variable)
        return np.array(stored, dtype=stored.dtype.newbyteorder("=")).reshape((*self.shape, 1))

    def _view(self, memory: np.ndarray) -> np.ndarray:
        dtype = self._dtype()
        length = self.variable.nbytes * self._lanes
        if length > memory.size:
            raise DataError(
                f"{self} takes {self.variable.nbytes:,} bytes, but its buffer has "
                f"{memory.size // self._lanes:,}.",
                help="convert the network again",
            )
        return memory[:length].view(dtype).reshape((*self.shape, self._lanes))

    def get(self) -> np.ndarray:
        """Returns the values as float32: stored number times 2**-fp_pos."""
        if self.is_float:
            return self.array
        if self.type == "SIGN":
            return self.array.astype(np.float32)
        return self.array.astype(np.float32) * self.coefficient

    def set(self, real: np.ndarray) -> None:
        """Stores float32 values: divided by 2**-fp_pos, limited, cut toward zero."""
        self.array[...] = store(real, self.type, self.coefficient)


def store(real: np.ndarray, type_name: str, coefficient: np.float32) -> np.ndarray:
    """Returns float32 values as numbers of a type.

    Args:
        real: float32.
        type_name: FLOAT32, FIXED16 or FIXED8.
        coefficient: 2**-fp_pos, of the fixed-point types.

    Example:
        >>> store(np.float32([0.99, -0.99, 20]), "FIXED8", np.float32(0.125)).tolist()
        [7, -7, 127]
    """
    if type_name == "FLOAT32":
        return real
    dtype = np.dtype(DTYPES[type_name])
    info = np.iinfo(dtype)
    quotient = np.asarray(real / coefficient)
    np.clip(np.trunc(quotient, out=quotient), info.min, info.max, out=quotient)
    return without_nan(quotient).astype(dtype)


def reload(real: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Returns what is read back after values were stored in a tensor's format.

    Args:
        real: float32.
        tensor: Where they pass through.
    """
    if tensor.is_float:
        return real
    return store(real, tensor.type, tensor.coefficient).astype(np.float32) * tensor.coefficient
