# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Training: one deterministic, resumable loop for float and for compressed networks."""

from __future__ import annotations

from nnabla_compress.training.evaluate import Score, evaluate
from nnabla_compress.training.losses import LOSSES, Loss, make_loss
from nnabla_compress.training.settings import TrainingSettings
from nnabla_compress.training.terms import (
    Budget,
    BudgetOptions,
    Distillation,
    DistillOptions,
    Term,
    TermOptions,
    WithinBudget,
)
from nnabla_compress.training.trainer import Outcome, Trainer, set_seed

__all__ = [
    "BudgetOptions",
    "DistillOptions",
    "TermOptions",
    "LOSSES",
    "Budget",
    "Distillation",
    "Loss",
    "Outcome",
    "Score",
    "Term",
    "Trainer",
    "TrainingSettings",
    "WithinBudget",
    "evaluate",
    "make_loss",
    "set_seed",
]
