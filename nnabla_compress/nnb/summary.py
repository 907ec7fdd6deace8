# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an ``.nnb`` file takes on the device, and what goes in and out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Tuple, Union

from nnabla_compress.nnb.memory_plan import MemoryPlan, memory_plan
from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.nnb.reader import read_nnb
from nnabla_compress.nnb.sizes import sizes


@dataclass(frozen=True)
class Port:
    """An input or an output.

    Args:
        shape: Its shape, with the batch size of the file.
        type: How its numbers are stored.
        fp_pos: Fraction bits of integers: value = number * 2**-fp_pos.
    """

    shape: Tuple[int, ...]
    type: str
    fp_pos: int


@dataclass(frozen=True)
class NnbSummary:
    """An ``.nnb`` file.

    Args:
        path: The file.
        bytes: Its size: flash of the device.
        parameter_bytes: Bytes of it that are values of parameters.
        buffers: Bytes of the runtime's buffers, the RAM that it takes for variables.
        api_level: API level of its functions.
        inputs: Its inputs in order.
        outputs: Its outputs in order.
        functions: Number of functions of each type.
        callbacks: Number of functions of the user's own, such as those of packed weights.
        memory: What the buffers hold, function by function.
    """

    path: Path
    bytes: int
    parameter_bytes: int
    buffers: Tuple[int, ...]
    api_level: int
    inputs: Tuple[Port, ...]
    outputs: Tuple[Port, ...]
    functions: Dict[str, int]
    callbacks: int
    memory: MemoryPlan

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers."""
        return sum(self.buffers)


def nnb_summary(path: Union[str, Path]) -> NnbSummary:
    """Reads what an ``.nnb`` file takes on the device.

    Args:
        path: The file.

    Raises:
        DataError: If it is missing or damaged.

    Example:
        >>> import tempfile, nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnb, export_nnp
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export_nnp(f"{folder}/net.nnp", PF.affine(x, 3, name="fc"), x)
        ...     found = nnb_summary(export_nnb(f"{folder}/net.nnb", f"{folder}/net.nnp"))
        >>> found.parameter_bytes, found.buffers, found.functions
        (60, (16, 12), {'Affine': 1})
    """
    network, path = read_nnb(path), Path(path)
    return NnbSummary(
        path,
        path.stat().st_size,
        sizes(network).parameter_bytes,
        network.buffer_sizes,
        network.api_level,
        _ports(network, network.inputs),
        _ports(network, network.outputs),
        dict(Counter(function.type_name for function in network.functions)),
        sum(function.implement != 0 for function in network.functions),
        memory_plan(network),
    )


def _ports(network: NnbFile, numbers: Tuple[int, ...]) -> Tuple[Port, ...]:
    variables = [network.variables[number] for number in numbers]
    return tuple(Port(v.shape, v.type, v.fp_pos) for v in variables)
