# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Made-up patches and outputs of a layer."""

from __future__ import annotations

import numpy as np

from nnabla_compress.analysis.patches import Patches


def as_patches(x: np.ndarray, y: np.ndarray) -> Patches:
    """Patches (P, groups, row) and outputs (P, groups, outputs of a group) of all positions."""
    return Patches(np.arange(len(x)), y[0].size, x.__getitem__, y.__getitem__)
