# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The float network as it is, in floats or in the integers of a target."""

from __future__ import annotations

from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.situation import Situation


class AsItIs(Measure):
    """Exports the network: its batch normalizations folded, its numbers as the target has them."""

    name = "as it is"

    def take(self, situation: Situation) -> None:
        """Tries what is small enough: floats once, since all compute the same; then integers."""
        small = [each for each in situation.routes if situation.limits.hold(each.sizes())]
        floats = [each for each in small if each.has_bits][:1]
        # The larger the integers, the nearer to the floats.
        integers = sorted(
            (each for each in small if not each.has_bits), key=lambda each: -each.sizes().flash
        )
        if not small:
            situation.tell("as it is: too large for every target")
        for route in (*floats, *integers):
            plan = Plan(
                self.name,
                f"as-it-is-{route.target}",
                f"the network as it is, for target {route.name}",
                "Nothing is cheaper.",
                route.target,
                prefer=route.prefer,
                seconds=situation.seconds_of([], route.target),
            )
            if situation.attempt(plan).fits:
                return
