# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Two-class networks whose width and depth come from the data, without validation samples."""

from __future__ import annotations

from nnabla_compress.parsimonious.fit import Parsimonious, fit_parsimonious
from nnabla_compress.parsimonious.gibbs import sample_hyperplanes
from nnabla_compress.parsimonious.hyperplanes import Hyperplanes
from nnabla_compress.parsimonious.posterior_mode import find_hyperplanes
from nnabla_compress.parsimonious.settings import ParsimoniousSettings

__all__ = [
    "Hyperplanes",
    "Parsimonious",
    "ParsimoniousSettings",
    "find_hyperplanes",
    "fit_parsimonious",
    "sample_hyperplanes",
]
