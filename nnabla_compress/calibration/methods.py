# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The calibration methods by name; adding one is adding a file and its line here."""

from __future__ import annotations

from typing import Callable, Dict, Tuple

from nnabla_compress.calibration.kl import kl
from nnabla_compress.calibration.min_max import min_max
from nnabla_compress.calibration.moving_average import moving_average
from nnabla_compress.calibration.mse import mse
from nnabla_compress.calibration.percentile import percentile
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine

Method = Callable[[Statistics, Affine], Tuple[float, float]]

METHODS: Dict[str, Method] = {
    "min_max": min_max,
    "moving_average": moving_average,
    "percentile": percentile,
    "mse": mse,
    "kl": kl,
}
"""The ways to find the range of a feature map, by their names."""
