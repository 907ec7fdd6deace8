# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a diagnosis looks for, one check a file."""

from __future__ import annotations

from nnabla_compress.diagnosis.checks import (  # noqa: F401 - they make themselves known
    coarse,
    dead_channels,
    equalization,
    map_outliers,
    preprocessing,
    saturation,
    weight_outliers,
)
