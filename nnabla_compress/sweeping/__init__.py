# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of several sizes, trained alike and compressed in several ways: which is worth it."""

from __future__ import annotations

from nnabla_compress.sweeping.answers import Answer, answers, pareto
from nnabla_compress.sweeping.description import Sweep
from nnabla_compress.sweeping.points import Row
from nnabla_compress.sweeping.sweep import Swept, sweep

__all__ = ["Answer", "Row", "Sweep", "Swept", "answers", "pareto", "sweep"]
