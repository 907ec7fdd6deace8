# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where the bytes of an NNB file go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict

from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.nnb.reader import HEADER
from nnabla_compress.nnb.writer import layout, padded


@dataclass(frozen=True)
class NnbSizes:
    """Bytes of a file by what they are for; they add up to the file.

    Args:
        total: Bytes of the file.
        parameters: Bytes of each parameter's values with their padding, by number of the variable.
        functions: Bytes that each function takes: record, arguments, and its lists.
        overhead: Everything but parameters, by kind: header, records, lists. Each entry of the
            table of offsets counts with what it points to.

    Example:
        >>> from nnabla_compress.nnb import NnbVariable
        >>> weight = NnbVariable(0, (2, 5), "FIXED8", data=bytes(10))
        >>> found = sizes(NnbFile(3, 44, (), (weight,), (), (), ()))
        >>> found.total, found.parameter_bytes, found.overhead_bytes
        (132, 12, 120)
    """

    total: int
    parameters: Dict[int, int]
    functions: Dict[int, int]
    overhead: Dict[str, int]

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(self.parameters.values())

    @property
    def overhead_bytes(self) -> int:
        """Bytes of everything else."""
        return sum(self.overhead.values())


def sizes(network: NnbFile, share_lists: bool = False) -> NnbSizes:
    """Returns where the bytes of a file go, as it is written.

    Args:
        network: What the file holds.
        share_lists: As for :func:`~nnabla_compress.nnb.writer.to_bytes`; a shared list counts for
            the first who has it.

    Example:
        >>> import tempfile, nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnb, export_nnp
        >>> from nnabla_compress.nnb import read_nnb
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.affine(x, 3, name="fc")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export_nnp(f"{folder}/net.nnp", y, x)
        ...     found = sizes(read_nnb(export_nnb(f"{folder}/net.nnb", f"{folder}/net.nnp")))
        >>> found.parameter_bytes                       # 4 x 3 weights, 3 biases
        60
    """
    parameters: Dict[int, int] = {}
    functions: Dict[int, int] = {}
    overhead = {"header": HEADER.size}
    for kind, owner, content in layout(network, share_lists)[0]:
        length = padded(len(content))
        if kind == "parameter" and owner is not None:
            parameters[owner] = length
            length = 0
        length += 4
        overhead[kind] = overhead.get(kind, 0) + length
        if owner is not None and kind in _OF_FUNCTIONS:
            functions[owner] = functions.get(owner, 0) + length
    total = sum(parameters.values()) + sum(overhead.values())
    return NnbSizes(total, parameters, functions, overhead)


_OF_FUNCTIONS = ("function", "argument list", "inputs and outputs of functions")
