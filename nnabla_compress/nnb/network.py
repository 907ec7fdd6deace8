# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an NNB file holds: variables, functions, buffers, inputs and outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple, Union

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.nnb.content import Content, Data

TYPES = ("FLOAT32", "FIXED16", "FIXED8", "SIGN")
"""Names of the types, in the order of their numbers in a file."""

DTYPES = {"FLOAT32": "<f4", "FIXED16": "<i2", "FIXED8": "i1"}
"""How numbers of a type are stored; SIGN takes one bit each."""

Argument = Union[int, float, bool, Tuple[int, ...]]


@dataclass(frozen=True)
class NnbVariable:
    """A tensor of the file: a parameter with its values, or a place in a buffer.

    Args:
        id: Number that the converter gave it.
        shape: Sizes of its dimensions.
        type: ``FLOAT32``, ``FIXED16``, ``FIXED8`` or ``SIGN``.
        fp_pos: Fraction bits of a fixed-point type: value = stored number * 2**-fp_pos; 0 to 15.
        buffer: Number of the buffer that holds it; None for a parameter.
        data: Bytes of a parameter as stored, without padding, or what makes them; None in a
            buffer. They are not always as many as shape and type say: functions of a user's own
            may pack them, and unused weights of binary convolutions are cut.
    """

    id: int
    shape: Tuple[int, ...]
    type: str
    fp_pos: int = 0
    buffer: Optional[int] = None
    data: Optional[Data] = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that shape and type ask for."""
        return stored_bytes(self.size, self.type)


@dataclass(frozen=True)
class NnbFunction:
    """A function of the file.

    Args:
        type_name: NNabla's name of it; ``function N`` for an id that is not known.
        id: Number of the function with its arguments, which depends on the API level.
        implement: 0 for the runtime's own; 1 to 99 mark functions of the user's own.
        inputs: Numbers of variables.
        outputs: Numbers of variables.
        arguments: By name, lists as tuples. Empty if the id is not known.
        raw: Bytes of the arguments if the id is not known.
        raw_lists: What the lists of unknown arguments hold, and the number of the first of them.
    """

    type_name: str
    id: int
    implement: int
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]
    arguments: Dict[str, Argument] = field(default_factory=dict)
    raw: bytes = b""
    raw_lists: Tuple[int, Tuple[bytes, ...]] = (0, ())


@dataclass(frozen=True)
class NnbFile:
    """A network in the form that the C runtime loads.

    Args:
        version: Of the format: 2 counts buffers in elements of 4 bytes, 3 in bytes.
        api_level: Of the function ids, 1 to 45.
        buffers: Sizes of the buffers.
        variables: In the order of their numbers.
        functions: In the order in which they run.
        inputs: Numbers of variables.
        outputs: Numbers of variables.

    Example:
        >>> x = NnbVariable(0, (1, 4), "FLOAT32", buffer=0)
        >>> y = NnbVariable(1, (1, 4), "FLOAT32", buffer=1)
        >>> relu = NnbFunction("ReLU", 14, 0, (0,), (1,), {"inplace": False})
        >>> file = NnbFile(3, 44, (16, 16), (x, y), (relu,), (0,), (1,))
        >>> file.buffer_bytes
        32
    """

    version: int
    api_level: int
    buffers: Tuple[int, ...]
    variables: Tuple[NnbVariable, ...]
    functions: Tuple[NnbFunction, ...]
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]

    @property
    def buffer_bytes(self) -> int:
        """Bytes of memory that the runtime takes for variables."""
        return sum(self.buffer_sizes)

    @property
    def buffer_sizes(self) -> Tuple[int, ...]:
        """Bytes of each buffer."""
        return tuple(size * (4 if self.version == 2 else 1) for size in self.buffers)


def stored_bytes(count: int, type_name: str) -> int:
    """Returns the bytes that a number of elements of a type take.

    Args:
        count: Number of elements.
        type_name: FLOAT32, FIXED8, FIXED16 or SIGN.

    Example:
        >>> stored_bytes(10, "FIXED16"), stored_bytes(10, "SIGN")
        (20, 2)
    """
    if type_name == "SIGN":
        return (count + 7) // 8
    return count * np.dtype(DTYPES[type_name]).itemsize


def values(variable: NnbVariable) -> np.ndarray:
    """Returns the stored numbers of a parameter.

    Args:
        variable: A parameter.

    Returns:
        float32, int16, int8, or int8 of +1 and -1 for SIGN, of the variable's shape.

    Raises:
        DataError: If it is not a parameter, or holds fewer bytes than its shape asks for.

    Example:
        >>> values(NnbVariable(0, (4,), "SIGN", data=bytes([0b0101]))).tolist()
        [1, -1, 1, -1]
    """
    if variable.data is None:
        raise DataError(
            f"variable {variable.id} lies in buffer {variable.buffer}: the file has no values.",
            help="ask for a parameter, or run the network",
        )
    if len(variable.data) < variable.nbytes:
        raise DataError(
            f"variable {variable.id} has shape {variable.shape} of {variable.type}, which takes "
            f"{variable.nbytes:,} bytes, but the file holds {len(variable.data):,}.",
            help="its function reads packed or cut parameters: use its data as it is",
        )
    data = variable.data.whole() if isinstance(variable.data, Content) else variable.data
    content = np.frombuffer(data, np.uint8)[: variable.nbytes]
    if variable.type == "SIGN":
        bits = np.unpackbits(content, bitorder="little")[: variable.size].view(np.int8)
        return (2 * bits - 1).reshape(variable.shape)
    return content.view(DTYPES[variable.type]).reshape(variable.shape)


def real(variable: NnbVariable) -> np.ndarray:
    r"""Returns the values that a parameter stands for, as float32.

    Args:
        variable: A parameter.

    Returns:
        Stored numbers times ``2**-fp_pos`` if they are integers.

    Raises:
        DataError: As for :func:`values`.

    Example:
        >>> real(NnbVariable(0, (2,), "FIXED8", fp_pos=3, data=b"\x04\xff")).tolist()
        [0.5, -0.125]
    """
    stored = values(variable).astype(np.float32)
    if variable.type in ("FIXED16", "FIXED8"):
        stored *= np.float32(2.0**-variable.fp_pos)
    return stored
