# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What checks look at: a compressed network, samples, and what was measured of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from nnabla_compress.analysis.layers import layers
from nnabla_compress.diagnosis.commands import Commands
from nnabla_compress.diagnosis.errors import (
    Quantized,
    TensorError,
    keeping,
    quantized_tensors,
    restored,
    tensor_errors,
)
from nnabla_compress.diagnosis.maps import kept_maps
from nnabla_compress.diagnosis.named_samples import NamedSamples
from nnabla_compress.diagnosis.passes import fitting
from nnabla_compress.diagnosis.ranges import MapRange, map_ranges
from nnabla_compress.graph.network import Network

_MOST = 2**23


@dataclass
class Case:
    """A compressed network on samples.

    Args:
        network: The compressed network.
        float_network: The network before its compression.
        arrays: Samples (N, ...) as the network takes them, by name of the input.
        place: The run folder, as a word of a command.
        file: Path of the float network.
        known_inputs: What the run saw of its inputs: rows with "mean", "std", "low", "high".
        samples_named: How the samples are named in a command.
        before: Values that weights and biases had before their quantization set them, by path.
        again: How it would be quantized again, if that is known; else it is made up from its
            quantizers.
    """

    network: Network
    float_network: Network
    arrays: Mapping[str, np.ndarray]
    place: str = "RUN"
    file: str = "float.nnp"
    known_inputs: Sequence[Mapping[str, Any]] = ()
    samples_named: NamedSamples = field(default_factory=NamedSamples)
    before: Mapping[str, np.ndarray] = field(default_factory=dict)
    again: Optional[Commands] = None
    errors: List[TensorError] = field(init=False)
    ranges: Dict[str, MapRange] = field(init=False)
    tensors: List[Quantized] = field(init=False)
    commands: Commands = field(init=False)
    plain: Network = field(init=False)
    maps: Dict[str, np.ndarray] = field(init=False)
    plain_maps: Dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        outputs = self.network.all_outputs
        self.tensors = quantized_tensors(outputs)
        before = restored(self.network, self.before)
        self.errors = tensor_errors(self.network, self.arrays, before)
        self.ranges = {row.name: row for row in map_ranges(self.network, self.arrays)}
        self.commands = self._commands()
        self.plain = self.network.giving(keeping(outputs, set(), before))
        few = fitting(self.network, self.arrays, _MOST)
        self.maps = kept_maps(self.network, few)
        self.plain_maps = kept_maps(self.plain, few)

    def _commands(self) -> Commands:
        if self.again is not None:
            return self.again
        found = layers(self.network.all_outputs, self.network.parameters)
        floats = [layer.name for layer in found if layer.quantizer is None]
        return Commands.of(self.file, self.samples_named, self.tensors, floats)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.arrays.values())))

    def share(self, name: str, kind: str) -> float:
        """Returns the part of the noise that a tensor is to blame for, 0 if it is not quantized.

        Args:
            name: The tensor.
            kind: "weights" or "maps".
        """
        return next((e.share for e in self.errors if (e.name, e.kind) == (name, kind)), 0.0)

    def tensor(self, name: str, kind: str) -> Optional[Quantized]:
        """Returns a quantized tensor, None if there is no such one.

        Args:
            name: The tensor.
            kind: "weights" or "maps".
        """
        return next((t for t in self.tensors if (t.name, t.kind) == (name, kind)), None)

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio of the outputs with everything quantized, in dB."""
        return self.errors[-1].together if self.errors else 300.0
