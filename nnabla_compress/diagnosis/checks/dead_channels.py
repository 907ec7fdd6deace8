# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that are zero on all samples: in the float network, or by the quantization."""

from __future__ import annotations

from typing import List

import numpy as np

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.commands import pattern, rule_of
from nnabla_compress.diagnosis.errors import MAPS, WEIGHTS
from nnabla_compress.diagnosis.finding import Finding, register_check

_FEWEST, _PART = 4, 0.05  # channels of a map; part of them
# Channels that nobody needs cost bytes, no accuracy.
_ONLY_BYTES = 0.01
# Outliers and saturation kill channels, too.
_BY_OTHER_FAULTS, _HEARD = 0.8, 0.1


@register_check("dead channels")
def dead_channels(case: Case) -> List[Finding]:
    """Returns the maps with channels that are always zero.

    Args:
        case: What is looked at.
    """
    found = []
    for name, values in case.maps.items():
        plain = case.plain_maps.get(name)
        if plain is None or plain.shape != values.shape or values.ndim < 2 or name == "output":
            continue
        axes = (0, *range(2, values.ndim))
        dead, dead_before = (~np.any(each, axis=axes) for each in (values, plain))
        channels = len(dead)
        killed = int((dead & ~dead_before).sum())
        if channels < _FEWEST or max(killed, int(dead_before.sum())) < _PART * channels:
            continue
        samples = f"on {len(values)} samples"
        if killed >= _PART * channels:
            layer = name.rsplit("/", 1)[0]
            of_map, of_weights = case.share(name, MAPS), case.share(layer, WEIGHTS)
            tensor = case.tensor(*((name, MAPS) if of_map >= of_weights else (layer, WEIGHTS)))
            if tensor is None or max(of_map, of_weights) < _HEARD:
                continue
            more = [pattern(tensor.name, rule_of(tensor, 8))]
            rules = {"maps": more} if tensor.kind == MAPS else {"weights": more}
            found.append(
                Finding(
                    "dead channels",
                    f"channels of {name} die by the quantization",
                    f"{killed} of {channels} channels are zero {samples}, and are not in the float "
                    f"network: what {tensor.name} stores is smaller than half a step there.",
                    case.commands.quantize(options=["--equalization"], **rules),
                    _BY_OTHER_FAULTS * max(of_map, of_weights),
                )
            )
        else:
            number, layer = int(dead_before.sum()), name.rsplit("/", 1)[0]
            part = f"{layer}={number / channels:.3f}"
            found.append(
                Finding(
                    "dead channels",
                    f"dead channels in {name}",
                    f"{number} of {channels} channels are zero {samples}, in the float network, "
                    "too: they take memory and operations for nothing.",
                    case.commands.prune("--importance", "apoz", "--filters", part),
                    _ONLY_BYTES * number / channels,
                )
            )
    return found
