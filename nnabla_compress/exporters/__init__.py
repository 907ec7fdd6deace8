# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing networks for devices: what leaves is checked, read back and compared."""

from __future__ import annotations

from nnabla_compress.exporters.c_source import export_c
from nnabla_compress.exporters.export_report import ExportReport, LayerRow
from nnabla_compress.exporters.nnb import export_nnb
from nnabla_compress.exporters.nnp import export_nnp
from nnabla_compress.exporters.sizes import FloatSizes, NnbReport, nnb_report

__all__ = [
    "ExportReport",
    "FloatSizes",
    "LayerRow",
    "NnbReport",
    "export_c",
    "export_nnb",
    "export_nnp",
    "nnb_report",
]
