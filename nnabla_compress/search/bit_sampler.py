# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What samplers of bits are: each walks through the bits of all layers, whatever evaluates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from pydantic import Field, field_validator

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.rules import Candidate
from nnabla_compress.search.choices import recipe_rules
from nnabla_compress.search.explore import explore
from nnabla_compress.search.memo import Memo
from nnabla_compress.search.reward import Reward
from nnabla_compress.search.sampler import Judged, Proposal, Sampler, Trial, Trials
from nnabla_compress.search.scoring import rule_of
from nnabla_compress.search.sensitivity import WEIGHTS
from nnabla_compress.search.space import Bits, Space
from nnabla_compress.search.walk import Walk
from nnabla_compress.sizes import size_text
from nnabla_compress.spelling import did_you_mean


class BitSampler(Sampler):
    """Chooses a bit width for each layer by its reward; a subclass is one way to walk.

    Args:
        bits: Bit widths to choose from.
        quantizer: The quantizer without bits, such as ``lut`` or ``uniform``.
        fixed: Layers that keep the largest of the bits.
        reward: What is sought: accuracy, and few bits.
        evaluations: Most different candidates to evaluate; None: as many as it proposes.
    """

    bits: List[int] = Field(default_factory=lambda: [2, 3, 4, 5, 8], min_length=1)
    quantizer: str = "lut"
    fixed: List[str] = Field(default_factory=list)
    reward: Reward = Field(default_factory=Reward)
    evaluations: Optional[int] = Field(default=None, ge=1)

    @field_validator("quantizer")
    @classmethod
    def _has_bits(cls, quantizer: str) -> str:
        rule_of(quantizer, 4)
        return quantizer

    def propose(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> Optional[Proposal]:
        """Returns the most bits, which fit what any others fit."""
        space = self.space(network)
        return None if history else Proposal(self._options(space.most, space))

    def space(self, network: Network) -> Space:
        """Returns the layers that the quantizer is for, with what is known of them.

        Args:
            network: The network.

        Raises:
            ConfigError: If there is none, or a fixed one is unknown.
        """
        found = {x.name: x for x in layers(network.all_outputs) if not x.shared}
        candidates = [Candidate(x.name, x.type, int(x.weight.size)) for x in found.values()]
        names = rule_of(self.quantizer, 4).choose(candidates)
        if not names:
            raise ConfigError(f"{self.quantizer!r} matches no layer.", help="choose other layers")
        for name in self.fixed:
            if name not in names:
                raise ConfigError(
                    f"fixed: there is no layer {name!r}.", help=did_you_mean(name, names)
                )
        chosen = [found[name] for name in names]
        features = [
            (*_sizes(x.shape), float(np.std(np.asarray(x.weight.d, np.float64)))) for x in chosen
        ]
        return Space.of(
            names,
            self.bits,
            self.fixed,
            parameters=tuple(int(x.weight.size) for x in chosen),
            macs=tuple(int(x.macs) for x in chosen),
            features=tuple(features),
        )

    def search(self, trials: Trials) -> None:
        """Walks through the bits, and tries the best in the end.

        Args:
            trials: Where.
        """
        space = self.space(trials.network)
        rest = NetworkMemory.of(trials.network.all_outputs).weight_bytes
        rest -= 4 * sum(space.parameters)

        def refused(bits: Bits) -> Optional[float]:
            """Less than what nothing is worth, the more so the larger it is."""
            size = rest + sum(w * n for w, n in zip(bits, space.parameters)) / 8
            limit = trials.limit
            return None if limit is None or size <= limit else -1 - size / limit

        least = refused(space.least)
        if least is not None:
            assert trials.limit is not None
            raise InfeasibleBudgetError(
                f"search: weights of at most {size_text(trials.limit)} requested, with the fewest "
                f"bits they take at least {size_text((-1 - least) * trials.limit)}.",
                help="raise the budget, or let it choose fewer bits",
            )
        found = explore(
            self.walks(space, trials.seed),
            _Qualities(trials.judge, self.quantizer, space.layers),
            lambda bits, quality: self.reward.of(space, bits, quality),
            trials.crew,
            memo=Memo(trials.notes(), [self.name, self.quantizer, space.layers]),
            most=self.evaluations,
            refused=refused,
            in_turn=self.in_turn,
            tell=trials.tell,
        )
        before = len(found.outcomes) - found.evaluated
        trials.tell(
            f"search: {len(found.outcomes):,} of {space.size:,} candidates evaluated"
            + (f", {before:,} of them before it was interrupted" if before else "")
        )
        trials.attempt([Proposal(self._options(found.best.bits, space))])

    def _options(self, bits: Bits, space: Space) -> Mapping[str, Any]:
        return _rules(self.quantizer, space.layers, bits)

    @property
    def in_turn(self) -> bool:
        """Whether its walks take turns, so that the same seed finds the same."""
        return True

    def walks(self, space: Space, seed: int) -> Sequence[Walk]:
        """Returns its walks, which go on at the same time.

        Args:
            space: What there is to choose from.
            seed: Of all its draws.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class _Qualities:
    """What bits come to; it can be sent to workers."""

    judge: Callable[[Mapping[str, Any]], Judged]
    quantizer: str
    layers: Tuple[str, ...]

    def __call__(self, bits: Bits) -> float:
        return self.judge(_rules(self.quantizer, self.layers, bits)).quality


def _rules(quantizer: str, layers: Sequence[str], bits: Bits) -> Mapping[str, Any]:
    chosen = {(WEIGHTS, name): width for name, width in zip(layers, bits)}
    return recipe_rules({WEIGHTS: quantizer}, chosen)


def _sizes(shape: Tuple[int, ...]) -> Tuple[float, float, float]:
    """Maps that come out and go in, and the width of the kernel."""
    if len(shape) > 2:
        return float(shape[0]), float(shape[1]), float(shape[-1])
    return float(shape[-1]), float(shape[0]), 1.0
