# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A map whose quantizer covers rare large values, so that its steps are coarse for all others."""

from __future__ import annotations

from typing import List

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.errors import MAPS
from nnabla_compress.diagnosis.finding import Finding, register_check

_BEYOND = 6.0  # times the largest magnitude of 99 % of the values
_SHARE = 0.1


@register_check("map outliers")
def map_outliers(case: Case) -> List[Finding]:
    """Returns the maps with levels far beyond almost all values.

    Args:
        case: What is looked at.
    """
    found = []
    for row in case.ranges.values():
        share = case.share(row.name, MAPS)
        reach = max(abs(row.low), abs(row.high))
        covered = max(abs(row.covers_low), abs(row.covers_high))
        if not row.middle or min(reach, covered) < _BEYOND * row.middle or share < _SHARE:
            continue
        found.append(
            Finding(
                "map outliers",
                f"outliers in the map {row.name}",
                f"99 % of its values are within {row.middle:.4g}, its levels reach to "
                f"{covered:.4g} for a few of up to {reach:.4g}, so that the steps are coarse for "
                f"the others: {100 * share:.0f} % of the noise of all tensors.",
                case.commands.quantize(options=["--calibration", "mse"]),
                share,
            )
        )
    return found
