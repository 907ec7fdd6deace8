# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a file holds, and what a device needs for it."""

from __future__ import annotations

from nnabla_compress.inspection.summary import FileSummary, LayerSummary, NetworkSummary, summary

__all__ = [
    "FileSummary",
    "LayerSummary",
    "NetworkSummary",
    "summary",
]
