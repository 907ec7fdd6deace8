# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Variables whose values are so small that all of them become the integer 0."""

from __future__ import annotations

from typing import Any, List, Mapping

from nnabla_compress.analysis.places import places
from nnabla_compress.lowering.fixed_point.calibration import Spread
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key

_SHOWN = 3


def vanishing(
    graph: FixedPointGraph,
    spreads: Mapping[Any, Spread],
    positions: Mapping[Any, int],
    names: Mapping[Any, str],
) -> List[str]:
    """Returns a note that names the variables that vanish, nothing if there are none.

    Args:
        graph: The network.
        spreads: What its variables hold, by key.
        positions: Their fraction bits, by key.
        names: Paths of parameters by their array.
    """
    found: List[str] = []
    for function, where in places(graph.outputs).items():
        known = {
            key(v): names.get(key(v)) or v.name or "an input"
            for v in function.inputs
            if v.parent is None
        }
        known.update(dict.fromkeys(function.outputs, f"what {where} gives"))
        for name, what in known.items():
            spread = spreads.get(name)
            if name not in positions or spread is None or not spread.largest > 0:
                continue
            if spread.largest * 2.0 ** positions[name] < 0.5:
                found.append(f"{what} reaches {spread.largest:.3g} (step 2^-{positions[name]})")
    found = list(dict.fromkeys(found))
    if not found:
        return []
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    listed = ", ".join(found[:_SHOWN]) + more
    return [f"too small for the integers (of int16, too), so that all values become 0: {listed}"]
