# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compression runs: from a recipe to a run folder, and what can be done with one."""

from __future__ import annotations

from nnabla_compress.runs.finished import (
    evaluate_file,
    evaluate_network,
    evaluate_run,
    export_file,
    export_run,
)
from nnabla_compress.runs.run import Run

__all__ = ["Run", "evaluate_file", "evaluate_network", "evaluate_run", "export_file", "export_run"]
