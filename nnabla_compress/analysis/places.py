# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a function stands in its network, in words: graphs of NNabla do not name functions."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.analysis.layers import layers
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def places(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> Dict[Any, str]:
    """Returns a description of each function: the layer that it is, or the last one before it.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path, as of :func:`~nnabla_compress.analysis.layers.layers`.

    Returns:
        Descriptions by function, in the order of execution.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = F.relu(PF.affine(nn.Variable((1, 8)) / 255, 4, name="fc"))
        >>> list(places([y]).values())
        ['MulScalar before the first layer', 'Affine fc/affine', 'ReLU behind fc/affine']
    """
    names = {layer.function: layer.name for layer in layers(outputs, parameters)}
    # When the last layer that a variable was computed with was executed, and its name.
    behind: Dict[nn.Variable, Tuple[int, str]] = {}
    found: Dict[Any, str] = {}
    for number, function in enumerate(functions(outputs)):
        last = max((behind.get(v, (-1, "")) for v in function.inputs), default=(-1, ""))
        type_name = shown_type(function)
        if function in names:
            last = (number, names[function])
            found[function] = f"{type_name} {last[1]}"
        elif last[1]:
            found[function] = f"{type_name} behind {last[1]}"
        else:
            found[function] = f"{type_name} before the first layer"
        behind.update((output, last) for output in function.outputs)
    return found
