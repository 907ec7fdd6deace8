# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fewer channels and lower ranks where they count least, then as many bits as have room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import nnabla as nn

from nnabla_compress.errors import CompressError
from nnabla_compress.fitting.devices import bits_of
from nnabla_compress.fitting.measures.calibrated import with_bits
from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.routes import Route
from nnabla_compress.fitting.sensitivities import SHARES, ratios_of
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.search.assign import Assigned, assign
from nnabla_compress.search.choices import RESOURCES
from nnabla_compress.search.measure import scored_network
from nnabla_compress.search.problem import Problem
from nnabla_compress.search.sensitivity import Sensitivities
from nnabla_compress.turns import one_at_a_time

# With fewer bits a smaller network has nothing to gain.
_FEWEST_BITS = 4


@dataclass(frozen=True)
class Room:
    """Steps that make a network smaller, and the most bits that have room then.

    Args:
        before: The steps.
        bits: Most bits of the weights.
        route: The target on which they have room.
    """

    before: List[Dict[str, Any]]
    bits: int
    route: Route

    @property
    def after(self) -> List[Dict[str, Any]]:
        """The steps that quantize it, none where the target rounds by itself."""
        return [bits_of([self.route.rule(self.bits)])] if self.route.has_bits else []


def without_channels(share: float) -> Dict[str, Any]:
    """Returns the step that takes a share of all channels out.

    Args:
        share: The share, above 0 and below 1.
    """
    return {"prune_channels": {"filters": share, "residual": True}}


def room_of(situation: Situation, before: List[Dict[str, Any]]) -> Optional[Room]:
    """Returns the most bits for which a smaller network has room; None if these are too few.

    Too few are less than four, and no more than there was room for without.

    Args:
        situation: Where the fit stands.
        before: What makes it smaller.
    """
    bits = max((found for found, _ in with_bits(situation)), default=0)
    found = []
    for number, route in enumerate(situation.routes):
        # Integers that are small enough as they are were tried with all channels.
        if not route.has_bits and situation.limits.hold(route.sizes()):
            continue
        try:
            most = route.most_bits(situation.limits, before)
        except CompressError:
            continue
        if most is not None and most[0] >= max(_FEWEST_BITS, bits + 1):
            found.append((-most[0], most[1].code, number, route))
    if not found:
        return None
    most_bits, _, _, route = min(found, key=lambda each: each[:3])
    return Room(before, -most_bits, route)


@one_at_a_time
def chosen_ratios(found: Sensitivities, share: float) -> Optional[Assigned]:
    """Returns which channels go and which layers are factorized at the least noise in the output.

    Weights and operations are at most those of the network without a share of all channels, which
    is one of the choices.

    Args:
        found: What was measured.
        share: The share, one of those that were measured.

    Returns:
        The choice, None if no channels can go so that the network can be made.
    """
    with nn.parameter_scope("", {}):
        problem = Problem(found, scored_network(found).network)
        alike = tuple(
            next((row for row in rows if row is not None and row.share == share), None)
            for rows in problem.groups.values()
        )
        options = problem.options(alike)
        if options is None:
            return None
        budgets = {}
        for name in ("weights", "macs"):
            place = RESOURCES[name]
            budgets[name] = (
                place,
                sum(max(o.sizes[place] for o in each) for each in options.values()),
            )
        return assign(problem, budgets)


class Ratios(Measure):
    """Removes channels and factorizes layers, each as much as it bears, without a training."""

    name = "ratios"

    def take(self, situation: Situation) -> None:
        """Tries the least of it that leaves room for some bits more."""
        if not any(room_of(situation, [without_channels(share)]) for share in SHARES):
            situation.tell("ratios: no channels and ranks less leave room for more bits")
            return
        found = ratios_of(situation)
        if found is None:
            return
        for share in SHARES:
            chosen = chosen_ratios(found, share)
            room = None if chosen is None else room_of(situation, chosen.smaller.steps())
            if chosen is None or room is None:
                continue
            steps = [*room.before, *room.after]
            held = f", {room.bits} bits" if room.after else ""
            plan = Plan(
                self.name,
                f"ratios-{room.route.target}",
                f"{_words(chosen)}{held}, calibrated, for target {room.route.name}",
                "Layers bear different ratios and ranks; with less of those that bear it best "
                "there is room for more bits.",
                room.route.target,
                steps,
                room.route.prefer,
                situation.seconds_of(steps, room.route.target),
            )
            situation.attempt(plan)
            return
        situation.tell("ratios: no choice of them keeps the limits")


def _words(chosen: Assigned) -> str:
    """What goes, in words."""
    said = []
    if chosen.channels:
        shares = sorted(row.share or 0.0 for row in chosen.channels.values())
        said.append(
            f"{shares[0]:.1%} to {shares[-1]:.1%} of the channels of {len(shares)} groups removed"
        )
    if chosen.ranks:
        said.append(f"{len(chosen.ranks)} layers factorized")
    return ", ".join(said) or "nothing removed"
