# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export says of channels that the network computes for nothing."""

from __future__ import annotations

from typing import List

from nnabla_compress.analysis.couplings import parameters_of
from nnabla_compress.analysis.zero_channels import zero_channels
from nnabla_compress.graph.network import Network

_NAMED = 3


def zero_notes(network: Network) -> List[str]:
    """Returns a note on zero channels, nothing if there are none.

    Args:
        network: The network as it was before it was lowered.

    Example:
        >>> import nnabla as nn, nnabla.functions as F, numpy as np
        >>> x, w = nn.Variable((1, 4)), nn.Variable.from_numpy_array(np.eye(4, 3))
        >>> network = Network({"x": x}, {"y": F.affine(x, w)}, paths={w.data: "fc/W"})
        >>> zero_notes(network)[0][:50]
        'channels are computed for nothing: fc (1 of 4 inpu'
    """
    rows = zero_channels(network.all_outputs, parameters_of(network))
    found = [one for one in rows if one.zero or one.unread]
    if not found:
        return []
    shown = [f"{one.layer} ({one.channels})" for one in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more layers" if len(found) > _NAMED else ""
    weights, macs = (sum(getattr(one, key) for one in rows) for key in ("weights", "macs"))
    what = f"channels are computed for nothing: {', '.join(shown)}{more}"
    if weights:
        return [
            f"{what}; compress --shrink, or the step shrink, takes out {weights:,} weights "
            f"({4 * weights:,} bytes as floats) and {macs:,} operations"
        ]
    why = next((one.stays for one in found if one.stays), "they are the network's own")
    return [f"{what}; they stay: {why}"]
