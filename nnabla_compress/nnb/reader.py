# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reading NNB files, of which nothing is believed before it is checked."""

from __future__ import annotations

import bisect
import math
import struct
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.nnb.network import (
    TYPES,
    Argument,
    NnbFile,
    NnbFunction,
    NnbVariable,
    stored_bytes,
)
from nnabla_compress.reading import read_bytes

HEADER = struct.Struct("<IIiIiIiIiIiIII")
VARIABLE = struct.Struct("<IiIB3xi")
FUNCTION = struct.Struct("<HHiIiI")
MOST_BYTES = 1 << 30
MOST_ELEMENTS = 2**31 - 1
_AGAIN = "convert the network again, or copy the file again"


def read_nnb(source: Union[str, Path, bytes]) -> NnbFile:
    """Reads an NNB file of version 2 or 3.

    Args:
        source: Path of the file, or its bytes.

    Returns:
        The network. Writing it gives the same bytes if NNabla's converter wrote the file.

    Raises:
        DataError: If there is no such file, or it is damaged.

    Example:
        >>> from nnabla_compress.nnb import to_bytes
        >>> network = NnbFile(3, 44, (), (), (), (), ())
        >>> read_nnb(to_bytes(network)) == network
        True
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = source if isinstance(source, bytes) else bytes(source)
        return _Reader(content, "the NNB file").network()
    path = Path(source)
    try:
        content = read_bytes(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"can't read {path}: {reason}.", help="name an .nnb file") from error
    return _Reader(content, str(path)).network()


class _Reader:
    """One pass over a file; every position is checked against its length."""

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        if len(content) < HEADER.size:
            raise self.damaged(f"it has {len(content)} bytes, a header alone has {HEADER.size}")
        self.header = HEADER.unpack_from(content)
        count, size = self.header[12:]
        if self.header[0] not in (2, 3):
            raise self.damaged(f"its version is {self.header[0]}, known are 2 and 3")
        expected = HEADER.size + 4 * count + size
        if expected != len(content):
            raise self.damaged(f"it has {len(content):,} bytes and declares {expected:,}")
        offsets = np.frombuffer(content, "<u4", count, HEADER.size)
        if size % 4 or np.any(offsets % 4) or np.any(offsets > size):
            raise self.damaged("its table of offsets is no list of places in the file")
        self.offsets = offsets.tolist()
        self.data = memoryview(content)[HEADER.size + 4 * count :]
        self.limits = sorted({*self.offsets, len(self.data)})
        # Small files may claim the same data again and again; what is handed out is counted.
        self.left = 8 * len(content) + (1 << 20)

    def damaged(self, what: str) -> DataError:
        return DataError(f"{self.name} is no NNB file, or damaged: {what}.", help=_AGAIN)

    def hand_out(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise self.damaged("its parts claim the same data over and over")

    def start(self, datum: int, what: str) -> int:
        if not 0 <= datum < len(self.offsets):
            raise self.damaged(f"{what} is datum {datum} of {len(self.offsets)}")
        return self.offsets[datum]

    def bytes_of(self, datum: int, what: str) -> memoryview:
        """All bytes of a datum: up to where the next one starts."""
        start = self.start(datum, what)
        following = bisect.bisect_right(self.limits, start)
        end = self.limits[following] if following < len(self.limits) else start
        self.hand_out(end - start)
        return self.data[start:end]

    def unpack(self, layout: struct.Struct, datum: int, what: str) -> tuple:
        start = self.start(datum, what)
        if start + layout.size > len(self.data):
            raise self.damaged(f"{what} ends behind the file")
        return layout.unpack_from(self.data, start)

    def numbers(self, count: int, datum: int, what: str) -> Tuple[int, ...]:
        """A list of int32."""
        if count == 0:
            return ()
        start = self.start(datum, what)
        if count < 0 or start + 4 * count > len(self.data):
            raise self.damaged(f"{what} has {count:,} entries, which do not fit into the file")
        self.hand_out(4 * count)
        return tuple(np.frombuffer(self.data, "<i4", count, start).tolist())

    def network(self) -> NnbFile:
        version, api_level, *lists = self.header[:12]
        names = ("buffers", "variables", "functions", "inputs", "outputs")
        buffers, variables, functions, inputs, outputs = (
            self.numbers(count, datum, f"the list of {name}")
            for name, count, datum in zip(names, lists[::2], lists[1::2])
        )
        if any(size < 0 for size in buffers):
            raise self.damaged("a buffer has a negative size")
        for name, numbers in (("input", inputs), ("output", outputs)):
            self.check_numbers(numbers, len(variables), f"{name} of the network")
        read = [self.variable(number, datum) for number, datum in enumerate(variables)]
        for number, variable in enumerate(read):
            if variable.buffer is not None and variable.buffer >= max(len(buffers), 1):
                raise self.damaged(
                    f"variable {number} lies in buffer {variable.buffer} of {len(buffers)}"
                )
        return NnbFile(
            version,
            api_level,
            buffers,
            tuple(read),
            tuple(
                self.function(number, datum, len(variables))
                for number, datum in enumerate(functions)
            ),
            inputs,
            outputs,
        )

    def check_numbers(self, numbers: Sequence[int], count: int, what: str) -> None:
        for number in numbers:
            if not 0 <= number < count:
                raise self.damaged(f"an {what} is variable {number} of {count}")

    def variable(self, number: int, datum: int) -> NnbVariable:
        what = f"variable {number}"
        ident, dimensions, shape_datum, kind, where = self.unpack(VARIABLE, datum, what)
        if kind & 15 >= len(TYPES):
            raise self.damaged(f"{what} has type {kind & 15}, known are 0 to {len(TYPES) - 1}")
        type_name = TYPES[kind & 15]
        if dimensions > 32:
            raise self.damaged(f"{what} has {dimensions} dimensions, the most is 32")
        shape = self.numbers(dimensions, shape_datum, f"the shape of {what}")
        if any(size < 0 for size in shape) or math.prod(shape) > MOST_ELEMENTS:
            raise self.damaged(f"{what} has the shape {shape}")
        if where < 0:
            return NnbVariable(ident, shape, type_name, kind >> 4, buffer=-where - 1)
        content = self.bytes_of(where, f"the data of {what}")
        expected = stored_bytes(math.prod(shape), type_name)
        # Of packed or cut parameters nobody knows where the padding starts: they keep it.
        padding = content[expected:]
        if not expected or (len(content) == (expected + 3) // 4 * 4 and not any(padding)):
            content = content[:expected]
        return NnbVariable(ident, shape, type_name, kind >> 4, data=content)

    def function(self, number: int, datum: int, variables: int) -> NnbFunction:
        what = f"function {number}"
        ident, implement, n_in, datum_in, n_out, datum_out = self.unpack(FUNCTION, datum, what)
        inputs = self.numbers(n_in, datum_in, f"the inputs of {what}")
        outputs = self.numbers(n_out, datum_out, f"the outputs of {what}")
        self.check_numbers(inputs, variables, f"input of {what}")
        self.check_numbers(outputs, variables, f"output of {what}")
        known = FUNCTIONS.get(ident)
        if known is None:
            between = range(datum_out + 1, datum)
            lists = tuple(bytes(self.bytes_of(one, f"a list of {what}")) for one in between)
            raw = bytes(self.bytes_of(datum, what)[FUNCTION.size :])
            return NnbFunction(
                f"function {ident}",
                ident,
                implement,
                inputs,
                outputs,
                raw=raw,
                raw_lists=(datum_out + 1 if lists else 0, lists),
            )
        arguments = self.arguments(known.arguments, self.start(datum, what), f"{what} ({known[0]})")
        return NnbFunction(known.type_name, ident, implement, inputs, outputs, arguments)

    def arguments(
        self, formats: Sequence[Tuple[str, str]], start: int, what: str
    ) -> Dict[str, Argument]:
        position = start + FUNCTION.size
        read: Dict[str, Argument] = {}
        for name, kind in formats:
            if kind != "B":
                position = (position - start + 3) // 4 * 4 + start
            layout = _LAYOUTS[kind]
            if position + layout.size > len(self.data):
                raise self.damaged(f"the arguments of {what} end behind the file")
            found: List[int] = list(layout.unpack_from(self.data, position))
            position += layout.size
            if kind == "I":
                read[name] = self.numbers(found[0], found[1], f"{name} of {what}")
            elif kind == "B" and found[0] < 2:
                read[name] = bool(found[0])
            else:
                read[name] = found[0]
        return read


_LAYOUTS = {
    "i": struct.Struct("<i"),
    "f": struct.Struct("<f"),
    "B": struct.Struct("<B"),
    "I": struct.Struct("<iI"),
}


def description(variable: NnbVariable, number: Optional[int] = None) -> str:
    """Returns how messages call a variable.

    Example:
        >>> description(NnbVariable(3, (8, 1), "FIXED8", 5, buffer=0))
        'variable 3 (FIXED8_5, 8x1)'
    """
    shape = "x".join(map(str, variable.shape)) or "scalar"
    kind = variable.type + (f"_{variable.fp_pos}" if variable.type.startswith("FIXED") else "")
    return f"variable {variable.id if number is None else number} ({kind}, {shape})"
