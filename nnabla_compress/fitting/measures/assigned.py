# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization with the bits that each layer needs, measured one at a time."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional, Tuple

from nnabla_compress.errors import CompressError, InfeasibleBudgetError
from nnabla_compress.fitting.devices import bits_of
from nnabla_compress.fitting.measures.calibrated import with_bits
from nnabla_compress.fitting.measures.measure import Measure
from nnabla_compress.fitting.plan import Plan
from nnabla_compress.fitting.routes import WIDTHS, Route
from nnabla_compress.fitting.sensitivities import sensitivities_of
from nnabla_compress.fitting.situation import Situation
from nnabla_compress.search.assign_bits import BitWidth, assign_bits
from nnabla_compress.search.choices import cost_of
from nnabla_compress.search.sensitivity import Sensitivities

_TRIES = 8
_ODD = re.compile(r"[^\w./-]")


def chosen_rules(
    found: Sensitivities, route: Route, budget: int
) -> Tuple[Dict[str, int], List[str]]:
    """Returns bits for each layer, and the rules that say them.

    Args:
        found: What was measured.
        route: What they are for.
        budget: Most bits of all codes together.

    Raises:
        InfeasibleBudgetError: If nothing meets the budget.
    """
    choices: Dict[str, List[BitWidth]] = {}
    for row in found.rows:
        option = BitWidth(row.bits, cost_of(row, "snr"), (row.bits * row.elements,))
        choices.setdefault(row.layer, []).append(option)
    bits = assign_bits(choices, {"weights": (0, budget)}).bits
    rules = [f"{_pattern(name)}={route.rule(width)}" for name, width in bits.items()]
    # A pattern of an odd name may match another layer, whose own rule comes behind it.
    rules.sort(key=lambda rule: "?" not in rule.partition("=")[0])
    return bits, [route.rule(WIDTHS[0]), *rules]


def _pattern(name: str) -> str:
    """A pattern that text of a rule may hold."""
    return _ODD.sub("?", name)


class Assigned(Measure):
    """Spends the bits where they count: at the least noise of the output within the flash."""

    name = "assigned"

    def take(self, situation: Situation) -> None:
        """Chooses bits for each layer on the route with the most room, corrected by real files."""
        found = with_bits(situation)
        if not found or found[0][0] == WIDTHS[0]:
            return
        bits, route = found[0]
        made = self._rules(situation, route, bits)
        if made is None:
            return
        chosen, rules = made
        steps = [bits_of(rules)]
        counts = {
            width: list(chosen.values()).count(width) for width in sorted(set(chosen.values()))
        }
        words = ", ".join(f"{width} bits for {count}" for width, count in counts.items())
        plan = Plan(
            self.name,
            f"bits-{route.target}",
            f"bits by sensitivity ({words} layers), calibrated, for target {route.name}",
            f"{bits} bits for all leave flash unused, and layers bear different bits.",
            route.target,
            steps,
            route.prefer,
            situation.seconds_of(steps, route.target),
        )
        situation.attempt(plan)

    def _rules(
        self, situation: Situation, route: Route, bits: int
    ) -> Optional[Tuple[Mapping[str, int], List[str]]]:
        """The rules whose file has room; None where these are no better than equal bits."""
        found = sensitivities_of(situation)
        if found is None:
            return None
        elements = sum(row.elements for row in found.rows if row.bits == WIDTHS[0])
        overhead = route.of_bits(bits).flash - bits * elements // 8
        budget = 8 * (situation.limits.flash - overhead)
        for _ in range(_TRIES):
            try:
                chosen, rules = chosen_rules(found, route, budget)
                sizes = route.sizes([bits_of(rules)])
            except InfeasibleBudgetError:
                break
            except CompressError as error:
                situation.tell(f"assigned: {error.message}")
                return None
            if situation.limits.hold(sizes):
                if set(chosen.values()) == {bits}:
                    break
                return chosen, rules
            over = sizes.flash - situation.limits.flash
            budget -= 8 * max(over, 1) if over > 0 else elements // 4
        situation.tell(f"assigned: nothing better than {bits} bits for all has room")
        return None
