# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network with fewer channels, trained, then quantized with more bits than it had room for."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.measures.ratios import Ratios, Room, room_of, without_channels
from nnabla_compress.fitting.measures.trained import training_step
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.record import DONE
from nnabla_compress.fitting.sensitivities import SHARES
from nnabla_compress.fitting.situation import Situation


class SmallerNetwork(Measure):
    """Removes the least important channels, as few as make room, and trains what is left."""

    name = "smaller"

    def take(self, situation: Situation) -> None:
        """Trains what ratios were chosen for, else the smallest share that has room."""
        room = self._chosen(situation) or self._of_all(situation)
        if room is None:
            situation.tell("smaller: no share of the channels leaves room for more bits")
            return
        train = training_step(situation, [*room.before, *room.after], room.route.target)
        if train is None:
            return
        steps: List[Dict[str, Any]] = [*room.before, train, *room.after]
        held = f", then {room.bits} bits, calibrated" if room.after else ""
        plan = Plan(
            self.name,
            f"smaller-{room.route.target}",
            f"{_words(room)}, trained for {train['train']['epochs']:g} epochs{held}, for target "
            f"{room.route.name}",
            "Fewer channels take less of both flash and RAM, and need a training.",
            room.route.target,
            steps,
            room.route.prefer,
            situation.seconds_of(steps, room.route.target),
        )
        situation.attempt(plan)

    @staticmethod
    def _chosen(situation: Situation) -> Optional[Room]:
        """The ratios of each layer, where they were tried without a training."""
        tried = [each for each in situation.record.attempts if each.measure == Ratios.name]
        if not tried or tried[0].state != DONE:
            return None
        steps = [dict(step.entry()) for step in situation.recipe_of(tried[0]).steps or ()]
        return room_of(situation, [step for step in steps if "calibrate" not in step])

    @staticmethod
    def _of_all(situation: Situation) -> Optional[Room]:
        """One share of all channels."""
        rooms = (room_of(situation, [without_channels(share)]) for share in SHARES)
        return next((room for room in rooms if room is not None), None)


def _words(room: Room) -> str:
    options = room.before[0].get("prune_channels")
    if options is None:
        return "the channels and ranks of that attempt"
    return f"{options['filters']:.1%} of the channels removed"
