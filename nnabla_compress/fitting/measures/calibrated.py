# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization with the same bits for all weights, as many as there is room for."""

from __future__ import annotations

from typing import List, Tuple

from nnabla_compress.fitting.devices import bits_of
from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.record import DONE
from nnabla_compress.fitting.routes import Route
from nnabla_compress.fitting.situation import Situation


def with_bits(situation: Situation) -> List[Tuple[int, Route]]:
    """Returns the routes on which weights of some bits keep to the limits, the best one first.

    That is the one with the most bits; of equal ones that which needs no C kernels, then the one
    with the smaller file.

    Args:
        situation: Where the fit stands.
    """
    found = []
    for route in situation.routes:
        most = route.most_bits(situation.limits) if route.has_bits else None
        if most is not None:
            bits, sizes = most
            found.append(((-bits, sizes.code, sizes.flash), bits, route))
    return [(bits, route) for _, bits, route in sorted(found, key=lambda each: each[0])]


class Calibrated(Measure):
    """Quantizes after training: ranges, biases and roundings from some samples."""

    name = "calibrated"

    def take(self, situation: Situation) -> None:
        """Tries the most bits; fewer would only be worse."""
        found = with_bits(situation)
        if not found:
            situation.tell("calibrated: no bits of the weights alone are small enough")
        for bits, route in found:
            steps = [bits_of([route.rule(bits)])]
            plan = Plan(
                self.name,
                f"ptq-{bits}bit-{route.target}",
                f"weights of {bits} bits, calibrated, for target {route.name}",
                "These are the most bits that there is room for.",
                route.target,
                steps,
                route.prefer,
                situation.seconds_of(steps, route.target),
            )
            if situation.attempt(plan).state == DONE:
                return
