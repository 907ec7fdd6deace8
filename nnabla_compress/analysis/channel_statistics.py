# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the channels of a network's variables hold on samples: largest magnitude and energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.kernels.channels import by_channel, extremes


@dataclass
class ChannelStatistics:
    """Values of the channels, axis 1, of one variable.

    Args:
        largest: Largest magnitude of each channel.
        square: Mean square of each channel.
    """

    largest: np.ndarray
    square: np.ndarray


def channel_statistics(
    outputs: Sequence[nn.Variable],
    variables: Iterable[nn.Variable],
    batches: Iterable[Mapping[nn.Variable, np.ndarray]],
) -> Dict[nn.Variable, ChannelStatistics]:
    """Runs a network and collects statistics of the channels of some variables.

    Args:
        outputs: Variables of one graph.
        variables: Which of its variables, inputs too.
        batches: Values (rows, ...) of all inputs.

    Returns:
        Statistics by variable.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 2))
        >>> y = F.relu(x)
        >>> found = channel_statistics([y], [y], [{x: np.float32([[-1, 2], [3, 4]])}])
        >>> found[y].largest.tolist(), found[y].square.tolist()
        ([3.0, 4.0], [4.5, 10.0])
    """
    wanted = set(variables)
    sums: Dict[nn.Variable, List[Any]] = {}

    def take(variable: nn.Variable, values: np.ndarray) -> None:
        largest, square = extremes(by_channel(values, 1))
        before = sums.setdefault(variable, [0.0, 0.0, 0])
        sums[variable] = [
            np.maximum(before[0], largest),
            before[1] + square,
            before[2] + values.size // len(largest),
        ]

    for feed in batches:
        own = {variable: nn.Variable(array.shape) for variable, array in feed.items()}
        with nn.auto_forward(False):
            copies = rebuild(outputs, inputs=own)
        watched: Dict[Any, List[Tuple[int, nn.Variable]]] = {}
        for function, copy in zip(functions(outputs), functions(copies)):
            for number, variable in enumerate(function.outputs):
                if variable in wanted:
                    watched.setdefault(copy, []).append((number, variable))
        for variable, array in feed.items():
            own[variable].d = array
            if variable in wanted:
                take(variable, np.asarray(array, np.float32))

        def after(function: Any, watched: Any = watched) -> None:
            for number, variable in watched.get(function, ()):
                take(variable, function.outputs[number].d)

        nn.forward_all(copies, clear_buffer=True, function_post_hook=after)
        del own, copies, watched
        clear_memory_cache()  # NNabla keeps freed memory, which arrays of other sizes don't take
    return {v: ChannelStatistics(largest, s / count) for v, (largest, s, count) in sums.items()}
