# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with fewer channels, trained, then quantized with more bits than it had room for."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from nnabla_compress.errors import CompressError
from nnabla_compress.fitting.devices import bits_of
from nnabla_compress.fitting.measures.calibrated import with_bits
from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.measures.trained import training_step
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.routes import Route
from nnabla_compress.fitting.situation import Situation

SHARES = (0.125, 0.25, 0.375, 0.5)
"""Shares of each layer's channels that go."""
# With fewer bits a smaller network has nothing to gain.
_FEWEST_BITS = 4


def without_channels(share: float) -> Dict[str, Any]:
    """Returns the step that takes a share of all channels out.

    Args:
        share: The share, above 0 and below 1.
    """
    return {"prune_channels": {"filters": share, "residual": True}}


class SmallerNetwork(Measure):
    """Removes the least important channels, as few as make room, and trains what is left."""

    name = "smaller"

    def take(self, situation: Situation) -> None:
        """Tries the smallest share of channels that leaves room for some bits more."""
        bits = max((found for found, _ in with_bits(situation)), default=0)
        found = self._found(situation, max(_FEWEST_BITS, bits + 1))
        if found is None:
            situation.tell("smaller: no share of the channels leaves room for more bits")
            return
        share, width, route = found
        before = [without_channels(share)]
        after = [bits_of([route.rule(width)])] if route.has_bits else []
        train = training_step(situation, [*before, *after], route.target)
        if train is None:
            return
        steps: List[Dict[str, Any]] = [*before, train, *after]
        held = f", then {width} bits, calibrated" if after else ""
        plan = Plan(
            self.name,
            f"smaller-{route.target}",
            f"{share:.1%} of the channels removed, trained for {train['train']['epochs']:g} "
            f"epochs{held}, for target {route.name}",
            "Fewer channels take less of both flash and RAM, and need a training.",
            route.target,
            steps,
            route.prefer,
            situation.seconds_of(steps, route.target),
        )
        situation.attempt(plan)

    def _found(self, situation: Situation, fewest: int) -> Optional[Tuple[float, int, Route]]:
        # Integers that are small enough as they are were tried with all channels.
        routes = [
            route
            for route in situation.routes
            if route.has_bits or not situation.limits.hold(route.sizes())
        ]
        for share in SHARES:
            candidates = []
            for number, route in enumerate(routes):
                try:
                    most = route.most_bits(situation.limits, [without_channels(share)])
                except CompressError:
                    continue
                if most is not None and most[0] >= fewest:
                    candidates.append((-most[0], most[1].code, number, route))
            if candidates:
                bits, _, _, route = min(candidates, key=lambda each: each[:3])
                return share, -bits, route
        return None
