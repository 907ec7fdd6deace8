# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Samples passed through a network once, and looked at where functions read and leave them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.calibration.samples import batches
from nnabla_compress.errors import unwrapped
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.memory import give_back
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.turns import one_at_a_time

See = Callable[[np.ndarray], None]
"""Called with values (rows, ...), which are another's memory: they are copied, or summed up."""

_NOBODY: Mapping[Any, See] = {}
_ROWS = 64


@one_at_a_time
def passed(
    network: Network,
    arrays: Mapping[str, np.ndarray],
    read: Mapping[Any, See] = _NOBODY,
    left: Mapping[nn.Variable, See] = _NOBODY,
) -> None:
    """Passes samples through a network and shows values on the way.

    Args:
        network: The network, for inference.
        arrays: Samples (N, ...) by name of the input.
        read: By function: what sees the values of its first input before it runs.
        left: By variable: what sees its values after its function ran; inputs are never computed.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 2))
        >>> y = F.relu(x)
        >>> seen = []
        >>> see = lambda values: seen.append(values.tolist())
        >>> network, arrays = Network({"x": x}, {"y": y}), {"x": np.float32([[-1, 2]])}
        >>> passed(network, arrays, {y.parent: see}, {y: see})
        >>> seen
        [[[-1.0, 2.0]], [[0.0, 2.0]]]
    """
    samples = [np.asarray(values, np.float32) for values in network.in_order(arrays)]
    outputs, inputs = network.all_outputs, network.all_inputs
    size = rows_of(outputs, inputs, min(_ROWS, len(samples[0])))
    own = [nn.Variable((size, *variable.shape[1:])) for variable in inputs]
    with nn.auto_forward(False):
        copies = rebuild(outputs, inputs=dict(zip(inputs, own)))
    first: Dict[Any, See] = {}
    then: Dict[Any, List[Tuple[int, See]]] = {}
    for function, copy in zip(functions(outputs), functions(copies)):
        if function in read:
            first[copy] = read[function]
        for number, variable in enumerate(function.outputs):
            if variable in left:
                then.setdefault(copy, []).append((number, left[variable]))
    count = size

    def values_of(variable: nn.Variable) -> np.ndarray:
        values = host_array(variable.data, np.float32).reshape(variable.shape)
        return values[:count] if variable.shape[:1] == (size,) else values

    def before(function: Any) -> None:
        if function in first:
            first[function](values_of(function.inputs[0]))

    def after(function: Any) -> None:
        for number, see in then.get(function, ()):
            see(values_of(function.outputs[number]))

    for rows, taken in batches(samples, size):
        count = taken
        for mine, values in zip(own, rows):
            mine.d = values
        with unwrapped():
            nn.forward_all(
                copies, clear_buffer=True, function_pre_hook=before, function_post_hook=after
            )
    give_back()


def fitting(network: Network, arrays: Mapping[str, np.ndarray], most: int) -> Dict[str, Any]:
    """Returns the first of some samples: as many as their maps may take together, at least one.

    Args:
        network: The network.
        arrays: Samples (N, ...) by name of the input.
        most: Most numbers in all variables of the network.
    """
    inputs = network.all_inputs
    rows = max(1, inputs[0].shape[0] if inputs[0].ndim else 1)
    each = sum(int(v.size) for f in functions(network.all_outputs) for v in f.outputs) // rows
    count = max(1, most // max(each, 1))
    return {name: values[:count] for name, values in arrays.items()}
