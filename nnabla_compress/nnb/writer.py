# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing NNB files, in the order and with the padding of NNabla's converter."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from nnabla_compress.errors import ExportError
from nnabla_compress.files import atomic_path
from nnabla_compress.nnb.content import Data, pieces
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.nnb.network import TYPES, NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.reader import FUNCTION, HEADER, VARIABLE


class Datum(NamedTuple):
    """A piece of the file."""

    kind: str  # what it is: "parameter", "shape", "function", ...
    owner: Optional[int]  # number of the variable or function
    content: Data


def write_nnb(path: Union[str, Path], network: NnbFile, share_lists: bool = False) -> Path:
    """Writes an NNB file; what stood there stays if that fails.

    Args:
        path: The file to write.
        network: What it shall hold.
        share_lists: Store equal lists of numbers once; see :func:`to_bytes`.

    Returns:
        The path of the file.

    Raises:
        ConfigError: If the file can't be written.
        ExportError: If the network can't be stored.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_nnb(f"{folder}/net.nnb", NnbFile(3, 44, (), (), (), (), ())).name
        'net.nnb'
    """
    path = Path(path)
    written = file_pieces(network, share_lists)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.writelines(written)
    return path


def to_bytes(network: NnbFile, share_lists: bool = False) -> bytes:
    """Returns the bytes of an NNB file.

    Args:
        network: What it shall hold.
        share_lists: Store each list of numbers (shapes, arguments, inputs and outputs of functions)
            once, also where a longer one starts with it. The runtime takes the length of a list
            from its owner, so such a file computes the same and is smaller.

    Raises:
        ExportError: If a number does not fit into its place in the file.

    Example:
        >>> pair = [NnbVariable(i, (1, 4), "FLOAT32", buffer=0) for i in range(2)]
        >>> network = NnbFile(3, 44, (16,), tuple(pair), (), (0,), (1,))
        >>> len(to_bytes(network)), len(to_bytes(network, share_lists=True))
        (168, 156)
    """
    return b"".join(file_pieces(network, share_lists))


def file_pieces(network: NnbFile, share_lists: bool = False) -> Iterator[Union[bytes, memoryview]]:
    """Returns the bytes of an NNB file in pieces; parameters may be made as they are written.

    Args:
        network: What it shall hold.
        share_lists: As in :func:`to_bytes`.

    Raises:
        ExportError: If a number does not fit into its place in the file.
    """
    data, lists = layout(network, share_lists)
    offsets, position = [], 0
    for datum in data:
        offsets.append(position)
        position += padded(len(datum.content))
    counts = (
        network.buffers,
        network.variables,
        network.functions,
        network.inputs,
        network.outputs,
    )
    pairs = [number for entries, datum in zip(counts, lists) for number in (len(entries), datum)]
    head = _pack(
        "the header", HEADER, network.version, network.api_level, *pairs, len(data), position
    )
    table = _pack("the table of offsets", struct.Struct(f"<{len(offsets)}I"), *offsets)
    return _pieces(head + table, data)


def _pieces(head: bytes, data: Sequence[Datum]) -> Iterator[Union[bytes, memoryview]]:
    yield head
    for datum in data:
        yield from pieces(datum.content)
        yield bytes(-len(datum.content) % 4)


def padded(size: int) -> int:
    """Returns a number of bytes rounded up to the 4 that data are aligned to.

    Example:
        >>> padded(5)
        8
    """
    return (size + 3) // 4 * 4


def layout(network: NnbFile, share_lists: bool = False) -> Tuple[List[Datum], List[int]]:
    """Returns the data of a file, and which of them are the network's lists.

    Args:
        network: What the file holds.
        share_lists: As in :func:`to_bytes`.

    Returns:
        The data in order, and the numbers of those that list buffers, variables, functions, inputs
        and outputs.
    """
    data = _Data(network, share_lists)
    inputs = data.numbers("inputs and outputs of the network", None, network.inputs)
    outputs = data.numbers("inputs and outputs of the network", None, network.outputs)
    buffers = data.numbers("list of buffers", None, network.buffers)
    records = [data.variable(number, one) for number, one in enumerate(network.variables)]
    variables = data.numbers("lists of variables and functions", None, records)
    records = [data.function(number, one) for number, one in enumerate(network.functions)]
    functions = data.numbers("lists of variables and functions", None, records)
    return data.data, [buffers, variables, functions, inputs, outputs]


class _Data:
    """The data area while it grows."""

    def __init__(self, network: NnbFile, share_lists: bool) -> None:
        self.data: List[Datum] = []
        self.shared: Optional[Dict[Tuple[int, ...], int]] = {} if share_lists else None
        self.longest: Dict[Tuple[int, ...], Tuple[int, ...]] = {}
        if share_lists:
            following: Tuple[int, ...] = ()
            for numbers in sorted({*_all_lists(network)}, reverse=True):
                # In this order a list comes right after those that start with it.
                starts = following[: len(numbers)] == numbers
                self.longest[numbers] = self.longest[following] if starts else numbers
                following = numbers

    def add(self, kind: str, owner: Optional[int], content: Data) -> int:
        self.data.append(Datum(kind, owner, content))
        return len(self.data) - 1

    def numbers(self, kind: str, owner: Optional[int], numbers: Sequence[int]) -> int:
        if self.shared is None or owner is None:
            return self.add(kind, owner, _list(numbers, kind))
        if not numbers:
            return 0
        whole = self.longest[tuple(numbers)]
        if whole not in self.shared:
            self.shared[whole] = self.add(kind, owner, _list(whole, kind))
        return self.shared[whole]

    def variable(self, number: int, variable: NnbVariable) -> int:
        what = f"variable {number}"
        shape = self.numbers("shape", number, variable.shape)
        if (variable.data is None) == (variable.buffer is None):
            raise ExportError(f"{what} needs either a buffer or data.", help="give one of them")
        if variable.buffer is not None:
            where = -variable.buffer - 1
        else:
            where = self.add("parameter", number, variable.data or b"")
        if variable.type not in TYPES or not 0 <= variable.fp_pos <= 15:
            raise ExportError(
                f"{what} has type {variable.type} with fp_pos {variable.fp_pos}.",
                help=f"types are {', '.join(TYPES)}, fp_pos is 0 to 15",
            )
        kind = variable.fp_pos << 4 | TYPES.index(variable.type)
        record = _pack(what, VARIABLE, variable.id, len(variable.shape), shape, kind, where)
        return self.add("variable", number, record)

    def function(self, number: int, function: NnbFunction) -> int:
        what = f"function {number} ({function.type_name})"
        inputs = self.numbers("inputs and outputs of functions", number, function.inputs)
        outputs = self.numbers("inputs and outputs of functions", number, function.outputs)
        known = FUNCTIONS.get(function.id)
        if known is None:
            first, lists = function.raw_lists
            if lists and (self.shared is not None or first != len(self.data)):
                raise ExportError(
                    f"{what} is not known, so its lists can't be moved in the file.",
                    help="change nothing that comes before it, and share no lists",
                )
            for content in lists:
                self.add("argument list", number, content)
            arguments = function.raw
        else:
            arguments = self.arguments(number, function, known.arguments, what)
        record = _pack(
            what,
            FUNCTION,
            function.id,
            function.implement,
            len(function.inputs),
            inputs,
            len(function.outputs),
            outputs,
        )
        return self.add("function", number, record + arguments)

    def arguments(
        self, number: int, function: NnbFunction, formats: Sequence[Tuple[str, str]], what: str
    ) -> bytes:
        content = b""
        for name, kind in formats:
            if name not in function.arguments:
                raise ExportError(f"{what} lacks its argument {name}.", help="add it")
            value = function.arguments[name]
            if kind != "B":
                content += bytes(-len(content) % 4)
            if kind == "I":
                entries = value if isinstance(value, tuple) else tuple(value)  # type: ignore[arg-type]
                datum = self.numbers("argument list", number, entries)
                content += _pack(what, struct.Struct("<iI"), len(entries), datum)
            else:
                content += _pack(f"{name} of {what}", struct.Struct("<" + kind), value)
        return content


def _all_lists(network: NnbFile) -> List[Tuple[int, ...]]:
    lists = [tuple(variable.shape) for variable in network.variables]
    for function in network.functions:
        lists += [tuple(function.inputs), tuple(function.outputs)]
        for name, kind in FUNCTIONS[function.id].arguments if function.id in FUNCTIONS else ():
            if kind == "I":
                lists.append(tuple(function.arguments[name]))  # type: ignore[arg-type]
    return lists


def _list(numbers: Sequence[int], what: str) -> bytes:
    return _pack(what, struct.Struct(f"<{len(numbers)}i"), *numbers)


def _pack(what: str, record: struct.Struct, *numbers: object) -> bytes:
    try:
        return record.pack(*numbers)
    except (struct.error, OverflowError) as error:
        raise ExportError(
            f"{what} can't be stored: {error}.", help="numbers must fit into 32 bits"
        ) from error
