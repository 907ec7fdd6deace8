# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The network that was chosen, made and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping

import numpy as np

from nnabla_compress.analysis import activations, layers
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.search.assign import Assigned, Sizes
from nnabla_compress.search.choices import Key
from nnabla_compress.search.scoring import ScoredNetwork, Scores, rule_of
from nnabla_compress.search.sensitivity import (
    ACTIVATIONS,
    FLOAT_BITS,
    WEIGHTS,
    Sensitivities,
)
from nnabla_compress.search.smaller import parameters_aside
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class Built:
    """A network that was made as was chosen.

    Args:
        bits: Bits by kind and name of its tensors: layers that took the place of others have their
            own names, as have maps behind them.
        sizes: What it takes of each resource.
    """

    bits: Dict[Key, int]
    sizes: Sizes


class Builder:
    """Makes a network as was chosen.

    Args:
        found: What was measured.
        network: The network, its parameters in the current scope.
    """

    def __init__(self, found: Sensitivities, network: ScoredNetwork) -> None:
        self._found, self._network = found, network

    @one_at_a_time
    def build(self, chosen: Assigned) -> Built:
        """Makes the network and returns what it takes; it is not kept.

        Args:
            chosen: What was chosen.
        """
        network = self._network
        with parameters_aside():
            smaller = chosen.smaller.of(network.network)
            maps = activations(smaller.all_outputs)
            behind = dict(zip(network.activations, maps))
            bits: Dict[Key, int] = {}
            for (kind, name), width in chosen.bits.items():
                row = chosen.ranks.get(name)
                names = [name]
                if kind == ACTIVATIONS:
                    names = [behind[name].name]
                elif row is not None:
                    names = row.decided["layers"]
                bits.update(((kind, new), width) for new in names)
            output = network.quantized(
                smaller.output, self._rules(bits, WEIGHTS), self._rules(bits, ACTIVATIONS)
            )
            sizes = dict.fromkeys(("weights", "bops", "activations", "macs"), 0)
            for layer in layers([output]):
                width = bits.get((WEIGHTS, layer.name), FLOAT_BITS)
                if not layer.shared:
                    quantizer = None if layer.quantizer is None else quantizer_of(layer.quantizer)
                    sizes["weights"] += (
                        FLOAT_BITS * int(layer.weight.size)
                        if quantizer is None
                        else 8 * int(quantizer.encode(layer.quantizer).nbytes)
                    )
                sizes["macs"] += layer.macs
                sizes["bops"] += layer.macs * width
            for each in maps:
                width = bits.get((ACTIVATIONS, each.name), 0)
                sizes["activations"] += width * int(np.prod(each.shape, dtype=np.int64))
        return Built(bits, sizes)

    def score(self, chosen: Assigned, made: Built) -> Scores:
        """Scores the network with everything at once.

        Args:
            chosen: What was chosen.
            made: As from :meth:`build`.
        """
        weights, behind = self._rules(made.bits, WEIGHTS), self._rules(made.bits, ACTIVATIONS)
        return self._network.score(weights, behind, chosen.smaller).scores

    def _rules(self, bits: Mapping[Key, int], kind: str) -> Dict[str, Any]:
        quantizer = self._found.quantizers.get(kind)
        if quantizer is None:
            return {}
        return {name: rule_of(quantizer, n) for (of, name), n in bits.items() if of == kind}
