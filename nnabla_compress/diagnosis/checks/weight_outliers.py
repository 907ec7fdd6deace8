# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A weight whose steps are coarse because of a few large values."""

from __future__ import annotations

from typing import List

import numpy as np

from nnabla_compress.analysis.layers import layers
from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.commands import lut_rule, pattern
from nnabla_compress.diagnosis.errors import WEIGHTS
from nnabla_compress.diagnosis.finding import Finding, register_check
from nnabla_compress.quantizers.base import quantizer_of

_BEYOND = 5.0  # times the largest magnitude of 99 % of the weights
_SHARE = 0.1


@register_check("weight outliers")
def weight_outliers(case: Case) -> List[Finding]:
    """Returns the layers whose levels, all at one distance, reach far beyond almost all weights.

    Args:
        case: What is looked at.
    """
    found = []
    for layer in layers(case.network.all_outputs, case.network.parameters):
        share = case.share(layer.name, WEIGHTS)
        quantizer = None if layer.quantizer is None else quantizer_of(layer.quantizer)
        if share < _SHARE or layer.quantizer is None or quantizer is None or layer.shared:
            continue
        grid = quantizer.grid_of(layer.quantizer.info.args, layer.quantizer.inputs)
        magnitudes = np.abs(np.asarray(layer.weight.d)).reshape(-1)
        middle, most = float(np.quantile(magnitudes, 0.99)), float(magnitudes.max())
        if grid is None or len(grid.step) > 1 or not middle:
            continue
        covered = float(np.abs(grid.values()).max())
        if min(covered, most) < _BEYOND * middle:
            continue
        tensor = case.tensor(layer.name, WEIGHTS)
        bits = 4 if tensor is None else int(tensor.bits)
        rule = pattern(layer.name, lut_rule(bits))
        found.append(
            Finding(
                "weight outliers",
                f"outliers in the weights of {layer.name}",
                f"99 % of the weights are within {middle:.4g}, the levels reach to "
                f"{covered:.4g} for a few of up to {most:.4g}: {100 * share:.0f} % of the noise of "
                "all tensors. A dictionary has its levels where the weights are.",
                case.commands.quantize(weights=[rule]),
                share,
            )
        )
    return found
