# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much a network needs its channels, and its single weights: one importance a file."""

from __future__ import annotations

from nnabla_compress.importances.apoz import APoZ
from nnabla_compress.importances.bn_gamma import BNGamma
from nnabla_compress.importances.chip import CHIP
from nnabla_compress.importances.evidence import Evidence, Examples
from nnabla_compress.importances.fpgm import FPGM
from nnabla_compress.importances.hessian import Hessian
from nnabla_compress.importances.hrank import HRank
from nnabla_compress.importances.importance import (
    Importance,
    importance_of,
    importances,
    rank_channels,
    rank_weights,
    register_importance,
)
from nnabla_compress.importances.l1 import L1
from nnabla_compress.importances.l1_times_next import L1TimesNext
from nnabla_compress.importances.l2 import L2
from nnabla_compress.importances.mean_activation import MeanActivation
from nnabla_compress.importances.random import Random
from nnabla_compress.importances.reconstruction import Reconstruction
from nnabla_compress.importances.snip import SNIP
from nnabla_compress.importances.taylor import Taylor

__all__ = [
    "APoZ",
    "BNGamma",
    "CHIP",
    "Evidence",
    "Examples",
    "FPGM",
    "HRank",
    "Hessian",
    "Importance",
    "L1",
    "L1TimesNext",
    "L2",
    "MeanActivation",
    "Random",
    "Reconstruction",
    "SNIP",
    "Taylor",
    "importance_of",
    "importances",
    "rank_channels",
    "rank_weights",
    "register_importance",
]
