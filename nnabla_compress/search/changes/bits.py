# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One tensor at fewer bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from nnabla_compress.analysis import layers
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.search.changes.change import Change, Effect, Found
from nnabla_compress.search.scoring import ScoredNetwork, rule_of, signal_to_noise
from nnabla_compress.search.sensitivity import ACTIVATIONS, WEIGHTS, Sensitivity


@dataclass(frozen=True)
class QuantizedWeights(Change):
    """The weights of a layer at fewer bits, its bias with them where a recipe's rule would do so.

    Args:
        name: Name of the layer.
        quantizer: Rule without bits.
        bits: The bits.
    """

    name: str
    quantizer: str
    bits: int

    def measure(self, scored: ScoredNetwork) -> Sensitivity:
        """Returns what it does to a network."""
        scores, made, _ = scored.score({self.name: rule_of(self.quantizer, self.bits)}, {})
        layer = scored.layers[self.name]
        node: Any = next(x.quantizer for x in layers(made.all_outputs) if x.name == self.name)
        quantizer = quantizer_of(node)
        assert quantizer is not None
        encoding = quantizer.encode(node)
        ratio = signal_to_noise(node.inputs[0].d, encoding.decode())
        size = int(layer.weight.size), layer.macs, self.bits, 8 * int(encoding.nbytes)
        effect = Effect.of(scored, scores)
        return Sensitivity(WEIGHTS, self.name, layer.type, *size, *effect, ratio, scores.output_snr)


@dataclass(frozen=True)
class QuantizedActivation(Change):
    """An activation at fewer bits; its range comes from one batch of training samples, if any.

    Args:
        name: Name of the activation.
        quantizer: Rule without bits.
        bits: The bits.
    """

    name: str
    quantizer: str
    bits: int

    def measure(self, scored: ScoredNetwork) -> Sensitivity:
        """Returns what it does to a network."""
        scores, _, ratio = scored.score({}, {self.name: rule_of(self.quantizer, self.bits)})
        found = scored.activations[self.name]
        elements = int(np.prod(found.shape, dtype=np.int64))
        size = elements, 0, self.bits, self.bits * elements
        effect = Effect.of(scored, scores)
        return Sensitivity(
            ACTIVATIONS, self.name, found.type, *size, *effect, ratio, scores.output_snr
        )


_KINDS = {WEIGHTS: QuantizedWeights, ACTIVATIONS: QuantizedActivation}


def bit_changes(scored: ScoredNetwork, quantizers: Mapping[str, str], bits: Sequence[int]) -> Found:
    """Returns every tensor that rules choose at every width.

    Args:
        scored: The network.
        quantizers: Rules without bits by kind of tensor.
        bits: The widths.

    Raises:
        ConfigError: If a rule is for nothing.
    """
    return Found(
        [
            _KINDS[kind](name, rule, width)
            for kind, rule in quantizers.items()
            for name in scored.chosen(rule, kind == ACTIVATIONS)
            for width in bits
        ]
    )
