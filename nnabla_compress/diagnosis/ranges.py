# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which values the quantized maps of a network have, and which their quantizers cover."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from nnabla_compress.diagnosis.passes import passed
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.regularizers.memory import NetworkMemory

# Values whose quantized form tells which levels there are.
_LOOKED_AT = 1 << 16


class MapRange(NamedTuple):
    """A quantized map: what it holds, and what of that its quantizer covers.

    Args:
        name: The map.
        bits: Bits of a value.
        low: The smallest value that was seen.
        high: The largest.
        covers_low: The lowest level that was used.
        covers_high: The highest.
        clipped: Share of the values more than half a step beyond, 0 to 1.
        middle: The largest magnitude of the inner 99 % of the values.
    """

    name: str
    bits: float
    low: float
    high: float
    covers_low: float
    covers_high: float
    clipped: float
    middle: float

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as JSON takes it."""
        return self._asdict()


class _Seen:
    """What passes through a quantizer, batch after batch."""

    def __init__(self) -> None:
        self.given: List[np.ndarray] = []
        self.made: List[np.ndarray] = []

    def take_given(self, values: np.ndarray) -> None:
        self.given.append(np.array(values))

    def take_made(self, values: np.ndarray) -> None:
        self.made.append(np.array(values))


def map_ranges(network: Network, arrays: Mapping[str, np.ndarray]) -> List[MapRange]:
    """Returns a row for each quantized map of a network, in the order of execution.

    Args:
        network: The network, for inference, its quantizers initialised.
        arrays: Samples (N, ...) by name of the input.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = Uniform(bits=2, signed=False, initial_step=1)(F.relu(x))
        >>> row, = map_ranges(Network({"x": x}, {"y": y}), {"x": np.float32([[-1, 1, 3, 9]])})
        >>> row.low, row.high, row.covers_high, row.clipped
        (0.0, 9.0, 3.0, 0.25)
    """
    nodes = [
        (tensor.name or f"map {number}", tensor.function)
        for number, tensor in enumerate(NetworkMemory.of(network.all_outputs).activations, 1)
        if tensor.function is not None
    ]
    seen = {node: _Seen() for _, node in nodes}
    read = {node: found.take_given for node, found in seen.items()}
    left = {node.outputs[0]: found.take_made for node, found in seen.items()}
    passed(network, arrays, read, left)
    return [_row(name, node, seen[node]) for name, node in nodes if seen[node].given]


def _row(name: str, node: Any, found: _Seen) -> MapRange:
    given, made = (
        np.concatenate([a.reshape(-1) for a in parts]) for parts in (found.given, found.made)
    )
    args, inputs = node.info.args, node.inputs
    quantizer = quantizer_of(node)
    assert quantizer is not None
    low, high = float(made.min()), float(made.max())
    margin = 0.5 * _step(quantizer.range_of(args, inputs), made)
    outside = (given < low - margin) | (given > high + margin)
    magnitudes = np.abs(given[:: max(1, given.size // _LOOKED_AT)])
    return MapRange(
        name,
        float(quantizer.bits_of(args, inputs)),
        float(given.min()),
        float(given.max()),
        low,
        high,
        float(outside.mean()),
        float(np.quantile(magnitudes, 0.99)),
    )


def _step(known: Optional[Tuple[float, float]], made: np.ndarray) -> float:
    """The distance of two neighbouring levels, as far as it is known or was seen."""
    if known is not None:
        return float(known[0])
    gaps = np.diff(np.unique(made[:_LOOKED_AT]))
    return float(gaps.max()) if gaps.size else 0.0
