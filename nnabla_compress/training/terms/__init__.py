# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a training has beside its loss: one file a term."""

from __future__ import annotations

from typing import Sequence

from nnabla_compress.training.terms.attention_transfer import (
    AttentionTransfer,
    AttentionTransferOptions,
)
from nnabla_compress.training.terms.distillation import Distillation, DistillOptions
from nnabla_compress.training.terms.exit_losses import ExitLosses, ExitLossesOptions
from nnabla_compress.training.terms.gradual import Gradual, GradualOptions
from nnabla_compress.training.terms.group_lasso import GroupLasso, GroupLassoOptions
from nnabla_compress.training.terms.hints import Hints, HintsOptions
from nnabla_compress.training.terms.learned_bits import LearnedBits
from nnabla_compress.training.terms.map_pairs import MapPair
from nnabla_compress.training.terms.memory_budget import Budget, BudgetOptions, WithinBudget
from nnabla_compress.training.terms.quantized_gradients import (
    QuantizedGradients,
    QuantizedGradientsOptions,
)
from nnabla_compress.training.terms.running_statistics import RunningStatistics
from nnabla_compress.training.terms.shrinkage import Shrinkage, ShrinkageOptions
from nnabla_compress.training.terms.sinreq import SinReQ, SinReQOptions
from nnabla_compress.training.terms.slimming import Slimming, SlimmingOptions
from nnabla_compress.training.terms.term import (
    Term,
    TermOptions,
    Terms,
    Training,
    register_term,
    term_of,
    terms,
)
from nnabla_compress.training.terms.unit_norm import UnitNorm, UnitNormOptions
from nnabla_compress.training.terms.waveq import WaveQ, WaveQOptions


def with_usual_terms(given: Sequence[Term]) -> Terms:
    """Returns terms with those that every training has; they rest where they have nothing to do.

    Args:
        given: Those that are asked for.
    """
    asked = {type(term) for term in given}
    usual = (ExitLosses(), LearnedBits(), RunningStatistics())
    found = [*given, *(term for term in usual if type(term) not in asked)]
    return tuple(sorted(found, key=lambda term: not term.leads))


__all__ = [
    "AttentionTransfer",
    "AttentionTransferOptions",
    "BudgetOptions",
    "DistillOptions",
    "ExitLosses",
    "ExitLossesOptions",
    "Hints",
    "HintsOptions",
    "MapPair",
    "Gradual",
    "GradualOptions",
    "GroupLasso",
    "GroupLassoOptions",
    "Slimming",
    "SlimmingOptions",
    "TermOptions",
    "register_term",
    "term_of",
    "terms",
    "Budget",
    "Distillation",
    "LearnedBits",
    "QuantizedGradients",
    "QuantizedGradientsOptions",
    "RunningStatistics",
    "Shrinkage",
    "ShrinkageOptions",
    "SinReQ",
    "SinReQOptions",
    "Term",
    "Terms",
    "Training",
    "UnitNorm",
    "UnitNormOptions",
    "WaveQ",
    "WaveQOptions",
    "WithinBudget",
    "with_usual_terms",
]
