# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ways to make a network smaller, one a file, the cheapest first."""

from __future__ import annotations

from nnabla_compress.fitting.measures.as_it_is import AsItIs
from nnabla_compress.fitting.measures.assigned import Assigned
from nnabla_compress.fitting.measures.calibrated import Calibrated
from nnabla_compress.fitting.measures.ratios import Ratios
from nnabla_compress.fitting.measures.smaller import SmallerNetwork
from nnabla_compress.fitting.measures.trained import Trained

__all__ = ["MEASURES", "AsItIs", "Assigned", "Calibrated", "Ratios", "SmallerNetwork", "Trained"]

MEASURES = (AsItIs, Calibrated, Assigned, Ratios, Trained, SmallerNetwork)
"""The measures, in the order in which they are taken."""
