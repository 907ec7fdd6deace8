# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Choosing how a network is compressed: what each part bears, and what it gets."""

from __future__ import annotations

from nnabla_compress.search.assign import Assigned
from nnabla_compress.search.assign_bits import Assignment, BitWidth, assign_bits, reachable
from nnabla_compress.search.build import Built
from nnabla_compress.search.carry_out import Outcome, carry_out, only_bits
from nnabla_compress.search.choices import budgets_of, choices_of, recipe_rules
from nnabla_compress.search.measure import measure, measure_together
from nnabla_compress.search.recipe_of import recipe_of
from nnabla_compress.search.scoring import Scores
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity
from nnabla_compress.search.shares import Shares
from nnabla_compress.search.smaller import Smaller

__all__ = [
    "Assigned",
    "Built",
    "Outcome",
    "carry_out",
    "only_bits",
    "recipe_of",
    "Assignment",
    "BitWidth",
    "Scores",
    "Sensitivities",
    "Sensitivity",
    "Shares",
    "Smaller",
    "assign_bits",
    "budgets_of",
    "choices_of",
    "measure",
    "measure_together",
    "reachable",
    "recipe_rules",
]
