# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network made to fit a device's flash and RAM, measure by measure."""

from __future__ import annotations

from nnabla_compress.fitting.clock import parse_time
from nnabla_compress.fitting.fit import fit
from nnabla_compress.fitting.limits import Limits, Sizes
from nnabla_compress.fitting.record import Attempt, FitRecord

__all__ = ["Attempt", "FitRecord", "Limits", "Sizes", "fit", "parse_time"]
