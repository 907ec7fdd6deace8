# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks with exits: what each exit is worth, and where samples leave for a budget."""

from __future__ import annotations

from nnabla_compress.anytime.curve import BudgetPoint, ExitPoint, within_budget
from nnabla_compress.anytime.measured import Anytime, anytime_of_network, anytime_of_run
from nnabla_compress.anytime.thresholds import confidences, find_thresholds, leave

__all__ = [
    "Anytime",
    "BudgetPoint",
    "ExitPoint",
    "anytime_of_network",
    "anytime_of_run",
    "confidences",
    "find_thresholds",
    "leave",
    "within_budget",
]
