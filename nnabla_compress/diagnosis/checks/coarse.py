# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A tensor that alone makes much of the noise: its bits are too few."""

from __future__ import annotations

from typing import List

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.commands import pattern, rule_of
from nnabla_compress.diagnosis.errors import WEIGHTS
from nnabla_compress.diagnosis.finding import Finding, register_check

# One tensor of several, far more than its part of the noise, which a classifier may feel.
_FEWEST, _HEARD = 3, 30.0
_TIMES_ITS_PART, _LEAST, _ENOUGH = 2.5, 0.2, 0.5
# Its own fault, if it has one, is mended first.
_AFTER_OTHERS = 0.9


@register_check("coarse")
def coarse(case: Case) -> List[Finding]:
    """Returns the tensors that make far more than their part of the noise.

    Args:
        case: What is looked at.
    """
    if len(case.errors) < _FEWEST:
        return []
    limit = min(max(_TIMES_ITS_PART / len(case.errors), _LEAST), _ENOUGH)
    found = []
    for error in case.errors:
        tensor = case.tensor(error.name, error.kind)
        if error.share <= limit or error.alone >= _HEARD or tensor is None:
            continue
        bits = min(8.0, max(error.bits + 2, 2 * error.bits))
        if error.kind == WEIGHTS:
            rule = pattern(error.name, rule_of(tensor, bits))
            command = case.commands.quantize(weights=[rule])
            what = f"the weights of {error.name}"
        else:
            more = pattern(error.name, rule_of(tensor, bits) if error.bits < 8 else "none")
            command = case.commands.quantize(maps=[more])
            what = f"the map {error.name}"
        found.append(
            Finding(
                "coarse",
                f"{what} at {error.bits:g} bits",
                f"Quantized alone, all else float, this leaves {error.alone:.1f} dB of signal over "
                f"noise in the outputs: {100 * error.share:.0f} % of the noise of all tensors. "
                f"With everything quantized it is {case.snr:.1f} dB.",
                command,
                _AFTER_OTHERS * error.share,
            )
        )
    return found
