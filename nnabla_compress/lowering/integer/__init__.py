# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rebuilding a network so that its layers add whole numbers, exactly."""

from __future__ import annotations

from nnabla_compress.lowering.integer.graph import IntegerGraph
from nnabla_compress.lowering.integer.weights import IntegerWeight, integer_weight

__all__ = ["IntegerGraph", "IntegerWeight", "integer_weight"]
