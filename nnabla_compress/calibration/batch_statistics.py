# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running statistics of batch normalizations, estimated anew for the weights of now.

What weights or channels are removed from a network, its maps have other means and variances than
those that were collected in training. For each normalization, over all samples::

    mean = E[x]        variance = E[x^2] - E[x]^2

where the normalizations before it use the statistics of each batch, as in training.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import statistics_of
from nnabla_compress.calibration.samples import batches
from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.graph.clone import Made, clone
from nnabla_compress.graph.passes import run
from nnabla_compress.graph.rewrite import functions, rebuild, with_batch_statistics
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time

_NORMALIZATIONS = (*NORMALIZATIONS, Pow2BatchNormalization.graph_type())


@one_at_a_time
def estimate_statistics(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    batch_size: int = 100,
) -> int:
    """Sets means and variances of the batch normalizations of a network from samples.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: Its inputs.
        samples: Samples (N, ...) for each input; those that fill no batch are left out.
        batch_size: Samples of a batch, fewer if there are fewer.

    Returns:
        Number of normalizations.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 1))
        >>> y = PF.batch_normalization(x, batch_stat=False, name="n")
        >>> estimate_statistics([y], [x], [np.float32([[1], [2], [3], [6]])], batch_size=2)
        1
        >>> [nn.get_parameters(grad_only=False)[f"n/bn/{key}"].d.item() for key in ("mean", "var")]
        [3.0, 3.5]
    """
    size = min(batch_size, len(samples[0]))
    own = [nn.Variable((size, *variable.shape[1:])) for variable in inputs]

    def replace(function: Any, arguments: List[nn.Variable]) -> Made:
        if function.info.type_name not in _NORMALIZATIONS:
            return clone(function, arguments)
        return clone(function, arguments, {"batch_stat": True, "decay_rate": 0.0})

    with nn.auto_forward(False):
        made = rebuild(with_batch_statistics(outputs, False), replace, dict(zip(inputs, own)))
    pairs = {
        mean.data: (mean, variance, elements / (elements - 1) if elements > 1 else 1.0)
        for function in functions(made)
        if function.info.type_name in _NORMALIZATIONS
        for mean, variance in [statistics_of(function)]
        for elements in [function.inputs[0].size / mean.size]
    }
    if not pairs:
        return 0
    sums: Dict[Any, List[np.ndarray]] = {}
    whole = [values[: len(values) // size * size] for values in samples]
    count = len(whole[0]) // size
    for rows, _ in tracked("statistics of batches", batches(whole, size), count):
        for variable, values in zip(own, rows):
            variable.d = values
        run(made)
        for key, (mean, variance, unbiased) in pairs.items():
            m, v = (np.asarray(each.d, np.float64) for each in (mean, variance))
            first, second = sums.setdefault(key, [np.zeros(m.shape), np.zeros(m.shape)])
            first += m / count
            second += (v / unbiased + np.square(m)) / count
    for key, (mean, variance, _) in pairs.items():
        first, second = sums[key]
        mean.d = first
        variance.d = np.maximum(second - np.square(first), 0)
    give_back()
    return len(pairs)
