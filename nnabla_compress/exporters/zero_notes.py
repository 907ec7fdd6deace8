# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export says of channels that the network computes for nothing."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

import nnabla as nn

from nnabla_compress.analysis.zero_channels import zero_channels
from nnabla_compress.graph.rewrite import leaves

_NAMED = 3


def zero_notes(outputs: Sequence[nn.Variable], names: Mapping[Any, str]) -> List[str]:
    """Returns a note on zero channels, nothing if there are none.

    Args:
        outputs: Variables of one graph, with each weight as one parameter.
        names: Paths of its parameters by their array.

    Example:
        >>> import nnabla.functions as F, numpy as np
        >>> x, w = nn.Variable((1, 4)), nn.Variable.from_numpy_array(np.eye(4, 3))
        >>> zero_notes([F.affine(x, w)], {w.data: "fc/W"})[0][:50]
        'channels are computed for nothing: fc (1 of 4 inpu'
    """
    parameters = {names[leaf.data]: leaf for leaf in leaves(outputs) if leaf.data in names}
    rows = zero_channels(outputs, parameters)
    found = [one for one in rows if one.zero or one.unread]
    if not found:
        return []
    shown = [f"{one.layer} ({one.channels})" for one in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more layers" if len(found) > _NAMED else ""
    weights, macs = (sum(getattr(one, key) for one in rows) for key in ("weights", "macs"))
    what = f"channels are computed for nothing: {', '.join(shown)}{more}"
    if weights:
        return [
            f"{what}; compress --shrink takes out {weights:,} weights ({4 * weights:,} bytes as "
            f"floats) and {macs:,} operations"
        ]
    why = next((one.stays for one in found if one.stays), "they are the network's own")
    return [f"{what}; they stay: {why}"]
