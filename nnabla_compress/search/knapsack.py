# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that measures each layer by itself and fills the budget with the best bits."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from pydantic import Field, field_validator

from nnabla_compress.analysis import layers
from nnabla_compress.analysis.packed_bytes import packed_weight_bytes
from nnabla_compress.errors import CompressError, ConfigError, InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.rules import Candidate
from nnabla_compress.search.assign_bits import BitWidth, assign_bits, reachable
from nnabla_compress.search.choices import recipe_rules
from nnabla_compress.search.sampler import Proposal, Sampler, Trial, register_sampler
from nnabla_compress.search.scoring import rule_of
from nnabla_compress.sizes import size_text

_WEIGHTS = "weights"


@register_sampler("knapsack")
class Knapsack(Sampler):
    """Chooses bits for each layer: the least sum of what each layer costs by itself.

    Each layer is quantized alone with each of the bits; a multiple-choice knapsack then takes the
    bits whose costs add up to the least within the budget. Needs a budget of weights.

    Args:
        bits: Bit widths to choose from.
        quantizer: The quantizer without bits, such as ``lut`` or ``lut:dictionary=pow2``.
    """

    bits: List[int] = Field(default_factory=lambda: [2, 3, 4, 8], min_length=1)
    quantizer: str = "lut"

    @field_validator("quantizer")
    @classmethod
    def _has_bits(cls, quantizer: str) -> str:
        rule_of(quantizer, 4)
        return quantizer

    def propose(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> Optional[Proposal]:
        """Returns the next layer with the next bits, and in the end the bits of all."""
        if limit is None:
            raise ConfigError(
                "knapsack fills a budget, and there is none.", help="add weights: 20 kB, say"
            )
        tasks = self._tasks(network)
        if not history:
            _check_within(limit, self._at_least(network, tasks))
        if len(history) < len(tasks):
            return self._alone(*tasks[len(history)])
        if len(history) > len(tasks):
            return None
        return Proposal(recipe_rules(self._rules, self._best(network, tasks, history, limit)))

    def together(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> List[Proposal]:
        """Returns each layer alone with each of the bits, and then the bits of all."""
        proposals = super().together(network, history, limit)
        if not proposals or proposals[0].eligible:
            return proposals
        return [self._alone(*task) for task in self._tasks(network)[len(history) :]]

    def _alone(self, name: str, bits: int) -> Proposal:
        return Proposal(recipe_rules(self._rules, {(_WEIGHTS, name): bits}), eligible=False)

    @property
    def _rules(self) -> Dict[str, str]:
        return {_WEIGHTS: self.quantizer}

    def _tasks(self, network: Network) -> List[Tuple[str, int]]:
        found = [x for x in layers(network.all_outputs) if not x.shared]
        candidates = [Candidate(x.name, x.type, int(x.weight.size)) for x in found]
        names = rule_of(self.quantizer, 4).choose(candidates)
        if not names:
            raise ConfigError(f"{self.quantizer!r} matches no layer.", help="choose other layers")
        return [(name, bits) for name in names for bits in sorted(set(self.bits))]

    def _best(
        self,
        network: Network,
        tasks: Sequence[Tuple[str, int]],
        history: Sequence[Trial],
        limit: float,
    ) -> Dict[Tuple[str, str], int]:
        # What a trial saves of the whole is what its layer saves.
        total = packed_weight_bytes(network.all_outputs)
        sizes = {x.name: 4 * int(x.weight.size) for x in layers(network.all_outputs)}
        choices: Dict[Tuple[str, str], List[BitWidth]] = {}
        for (name, bits), trial in zip(tasks, history):
            if trial.failed:
                continue
            size = int(8 * (sizes[name] - (total - trial.weight_bytes)))
            choices.setdefault((_WEIGHTS, name), []).append(BitWidth(bits, trial.cost, (size,)))
        for (name, _), trial in zip(tasks, history):
            if (_WEIGHTS, name) not in choices:
                raise CompressError(f"search: all bits of {name} failed: {trial.failed}")
        rest = total - sum(sizes[name] for _, name in choices)
        _check_within(limit, rest + reachable(choices)[0] / 8)
        return assign_bits(choices, {_WEIGHTS: (0, int(8 * (limit - rest)))}).bits

    def _at_least(self, network: Network, tasks: Sequence[Tuple[str, int]]) -> float:
        """Returns bytes that no choice falls below: codes without tables, and what stays float."""
        fewest = dict(sorted(tasks, key=lambda task: -task[1]))
        memory = NetworkMemory.of(network.all_outputs)
        least = sum(tensor.bytes for tensor in memory.weights if tensor.function is None)
        for layer in layers(network.all_outputs):
            if layer.name in fewest and not layer.shared:
                floats = 4 * layer.weight.size if layer.quantizer is None else 0
                least += fewest[layer.name] * layer.weight.size / 8 - floats
        return least


def _check_within(limit: float, least: float) -> None:
    if least > limit:
        raise InfeasibleBudgetError(
            f"search: weights of at most {size_text(limit)} requested, but with the fewest bits, "
            f"and with biases, they take at least {size_text(least)}.",
            help="raise the budget, or let it choose fewer bits",
        )
