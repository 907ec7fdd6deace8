# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The sizes of an export: of the file that the device loads, and of the memory that it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import nnabla as nn

from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.draft import drafted_sizes
from nnabla_compress.lowering.native import fold_constants, lower_functions
from nnabla_compress.nnb import read_nnb
from nnabla_compress.nnb.sizes import sizes
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.transforms.fold import fold_batch_normalization
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class FloatSizes:
    """What the same network takes on the C runtime in float, batch normalization folded.

    Args:
        nnb_bytes: Bytes of the ``.nnb`` that an export writes.
        buffer_bytes: Bytes of the runtime's buffers.
    """

    nnb_bytes: int
    buffer_bytes: int


# What else can be preferred where decoding takes memory.
_LESS_MEMORY = {
    "ram": "--prefer ram takes no more than float",
    "both": "--prefer both takes the least of flash and RAM together",
}


@dataclass(frozen=True)
class NnbReport:
    """The sizes of an ``.nnb`` file.

    Args:
        nnb_bytes: Bytes of the file.
        parameter_bytes: Bytes of them that are values of parameters.
        overhead_bytes: The others: records of variables and functions, lists, header.
        buffer_bytes: Bytes of memory that the runtime takes for variables.
        float_nnb_bytes: Bytes of the float network's file, None if not known.
        float_buffer_bytes: Bytes of the float network's buffers, None if not known.
    """

    nnb_bytes: int
    parameter_bytes: int
    overhead_bytes: int
    buffer_bytes: int
    float_nnb_bytes: Optional[int] = None
    float_buffer_bytes: Optional[int] = None

    @property
    def ratio(self) -> Optional[float]:
        """Bytes of the file over those of the float network's file."""
        return self.nnb_bytes / self.float_nnb_bytes if self.float_nnb_bytes else None

    @property
    def decoding_bytes(self) -> Optional[int]:
        """Bytes of memory that decoding weights takes beyond what the float network takes."""
        if self.float_buffer_bytes is None:
            return None
        return self.buffer_bytes - self.float_buffer_bytes

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> NnbReport:
        """Makes a report of what :meth:`as_dict` returned, and other numbers."""
        return cls(**{entry.name: numbers[entry.name] for entry in fields(cls)})

    def as_dict(self) -> Dict[str, Any]:
        """Returns all numbers by name, as JSON takes them."""
        return {**asdict(self), "ratio": self.ratio, "decoding_bytes": self.decoding_bytes}

    def lines(self) -> List[str]:
        """Returns the sizes as sentences."""
        share = self.overhead_bytes / max(self.nnb_bytes, 1)
        file = f"flash: {self.nnb_bytes:,} bytes of .nnb, {share:.1%} of them overhead"
        memory = f"RAM: {self.buffer_bytes:,} bytes for variables"
        if self.float_nnb_bytes is not None:
            file += f"; {self.ratio:.4f} of the float .nnb ({self.float_nnb_bytes:,} bytes)"
        extra = self.decoding_bytes
        if extra is not None and extra != 0:
            memory += f", {abs(extra):,} {'more' if extra > 0 else 'less'} than in float"
        return [file, memory]

    def warnings(self, prefer: str = "flash") -> List[str]:
        """Returns what a user should know before these files are shipped, a sentence each.

        Args:
            prefer: What the export was told to prefer; it is not advised again.
        """
        found = []
        if self.decoding_bytes is not None and self.decoding_bytes > 0:
            advice = [words for name, words in _LESS_MEMORY.items() if name != prefer]
            found.append(
                f"the runtime decodes weights into memory: {self.buffer_bytes:,} bytes of RAM where"
                f" the float network takes {self.float_buffer_bytes:,}. {', '.join(advice)}; the C "
                "kernels of --target callback read weights as they are stored"
            )
        if self.float_nnb_bytes is not None and self.nnb_bytes > self.float_nnb_bytes:
            found.append(
                f"the .nnb is larger than that of the float network ({self.nnb_bytes:,} against "
                f"{self.float_nnb_bytes:,} bytes): {self.overhead_bytes:,} bytes of it are "
                "functions and records, such as those that round activations or stand for what a "
                "low API level lacks, and the weights are too few to make up for them. The float "
                ".nnb is the smaller one, or one of quantized weights alone"
            )
        return found


@one_at_a_time
def nnb_report(path: Union[str, Path], float_sizes: Optional[FloatSizes] = None) -> NnbReport:
    """Returns the sizes of an ``.nnb``, read from the file itself.

    Args:
        path: The file.
        float_sizes: Of the same network in float, to compare with.

    Raises:
        DataError: If it is missing or damaged.
    """
    network = read_nnb(path)
    total = Path(path).stat().st_size
    parameters = sizes(network).parameter_bytes
    return NnbReport(
        total,
        parameters,
        total - parameters,
        network.buffer_bytes,
        None if float_sizes is None else float_sizes.nnb_bytes,
        None if float_sizes is None else float_sizes.buffer_bytes,
    )


@one_at_a_time
def float_sizes(network: Network) -> FloatSizes:
    """Returns what a network takes on the C runtime without its quantizers.

    Args:
        network: The network, for inference, of the batch size that the file is for.
    """

    def unquantized(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        return arguments[0] if quantizer_of(function) is not None else None

    inputs, outputs = network.all_inputs, network.all_outputs
    if any(quantizer_of(function) is not None for function in functions(outputs)):
        outputs = rebuild(outputs, unquantized)
    folded = fold_batch_normalization(outputs, network.parameters_in(outputs))
    names: Mapping[Any, str] = network.paths_in(folded)
    lowered: Sequence[nn.Variable] = lower_functions(fold_constants(folded, inputs, names), inputs)
    return FloatSizes(*drafted_sizes(lowered, inputs, {}))
