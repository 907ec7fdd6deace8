# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A map whose values lie beyond what its quantizer covers."""

from __future__ import annotations

from typing import List

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.errors import MAPS
from nnabla_compress.diagnosis.finding import Finding, register_check

_CLIPPED = 0.005  # of the values
_SHARE = 0.1  # of the noise


@register_check("saturation")
def saturation(case: Case) -> List[Finding]:
    """Returns the maps that are clipped where that is heard in the outputs.

    Args:
        case: What is looked at.
    """
    found = []
    for row in case.ranges.values():
        share = case.share(row.name, MAPS)
        if row.clipped < _CLIPPED or share < _SHARE:
            continue
        found.append(
            Finding(
                "saturation",
                f"the map {row.name} saturates",
                f"{100 * row.clipped:.1f} % of its values are clipped: they go from {row.low:.4g} "
                f"to {row.high:.4g}, its levels from {row.covers_low:.4g} to "
                f"{row.covers_high:.4g}. That is {100 * share:.0f} % of the noise of all tensors.",
                case.commands.quantize(options=["--calibration", "min_max"]),
                share,
            )
        )
    return found
