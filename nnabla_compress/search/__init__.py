# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Choosing how a network is compressed: what each layer bears, and which bits it gets."""

from __future__ import annotations

from nnabla_compress.search.assign_bits import Assignment, Choice, assign_bits, reachable
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity, measure

__all__ = [
    "Assignment",
    "Choice",
    "Sensitivities",
    "Sensitivity",
    "assign_bits",
    "measure",
    "reachable",
]
