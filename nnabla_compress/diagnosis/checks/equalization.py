# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers between which channels have very different ranges, though one scale serves them all."""

from __future__ import annotations

from typing import Any, List

import numpy as np

from nnabla_compress.analysis.channel_pairs import Pair, by_input, by_output, pairs
from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.errors import MAPS, WEIGHTS
from nnabla_compress.diagnosis.finding import Finding, register_check
from nnabla_compress.quantizers.base import quantizer_of

_SPREAD, _BETTER = 8.0, 2.0
_SHARE = 0.1


@register_check("equalization")
def equalization(case: Case) -> List[Finding]:
    """Returns the pairs of layers that equalization would help.

    Args:
        case: What is looked at.
    """
    found = []
    with case.plain.within():
        every = pairs(case.plain.all_outputs)
    for pair in every:
        before, after = _spreads(pair)
        share = max(
            case.share(pair.first.name, WEIGHTS) if _one_scale(case, pair.first.name) else 0,
            case.share(pair.second.name, WEIGHTS) if _one_scale(case, pair.second.name) else 0,
            max(
                (case.share(n, MAPS) for n in case.ranges if n.startswith(pair.first.name)),
                default=0,
            ),
        )
        if before < _SPREAD or before < _BETTER * after or share < _SHARE:
            continue
        found.append(
            Finding(
                "equalization",
                f"channels between {pair.first.name} and {pair.second.name}",
                f"Ranges of the {pair.channels} channels are up to {before:.0f} times apart, where "
                f"one scale serves all; equalized they would be {after:.1f} times apart, and the "
                f"network would compute the same. {100 * share:.0f} % of the noise of all tensors.",
                case.commands.quantize(options=["--equalization"]),
                share,
            )
        )
    return found


def _spreads(pair: Pair) -> Any:
    """How far apart the ranges of the channels are, as they are and equalized."""
    first = by_output(pair.first, np.asarray(pair.first.weight.d))
    second = by_input(pair.second, np.asarray(pair.second.weight.d), pair.channels)
    r1 = np.abs(first).max(axis=1)
    r2 = np.abs(second).max(axis=(1, 3)).reshape(-1)
    live = (r1 > 0) & (r2 > 0) if r1.shape == r2.shape else np.zeros(len(r1), bool)
    if live.sum() < 2:
        return 1.0, 1.0
    r1, r2 = r1[live], r2[live]
    middle = np.sqrt(r1 * r2)
    return max(_spread(r1), _spread(r2)), _spread(middle)


def _spread(ranges: np.ndarray) -> float:
    """How far apart ranges are; one channel alone is an outlier, no matter of equalization."""
    low, high = np.quantile(ranges, (0.1, 0.9))
    return float(high / low)


def _one_scale(case: Case, name: str) -> bool:
    """Whether all channels of a weight share its levels."""
    tensor = case.tensor(name, WEIGHTS)
    if tensor is None:
        return False
    node = tensor.nodes[0]
    quantizer = quantizer_of(node)
    grid = None if quantizer is None else quantizer.grid_of(node.info.args, node.inputs)
    return grid is None or len(grid.step) == 1
