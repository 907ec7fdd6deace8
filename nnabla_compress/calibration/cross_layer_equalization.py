# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalization: channels of consecutive layers scaled so that their weights agree.

Between two layers, ReLU and pooling let a positive factor pass: dividing output channel i of the
first by s_i and multiplying input channel i of the second by it leaves the network's function as it
was. With the ranges r1_i = max|W1_i| and r2_i = max|W2_i|::

    s_i = sqrt(r1_i / r2_i),        r1_i' = r2_i' = sqrt(r1_i r2_i)

so that one scale for a whole weight serves all its channels well.

M. Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019,
arXiv:1906.04721.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.channel_pairs import INPUT_AXES, Pair, by_input, by_output, pairs
from nnabla_compress.analysis.channel_statistics import channel_statistics
from nnabla_compress.calibration.samples import batches
from nnabla_compress.graph.batches import few_rows, rows_of
from nnabla_compress.graph.passes import BATCH
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.transforms.channel_scales import Levels, Loaded, needed, scale_pairs
from nnabla_compress.turns import one_at_a_time

__all__ = ["Pair", "equalize", "equalize_for", "pairs"]

_SWEEPS, _ENOUGH = 50, 1e-4
_MOST = 2.0**12


@one_at_a_time
def equalize(outputs: Sequence[nn.Variable], apart: bool = False) -> int:
    """Scales the weights and biases of all pairs of layers, in place, until nothing changes.

    Args:
        outputs: Variables of one graph, batch normalizations folded. What they compute stays the
            same up to float32 rounding.
        apart: Whether parameters get new arrays, as other networks read those that they have.

    Returns:
        The number of pairs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 1)), 1, name="a"))
        >>> y = PF.affine(h, 1, name="b")
        >>> a, b = (nn.get_parameters()[name] for name in ("a/affine/W", "b/affine/W"))
        >>> a.d, b.d = 8, 2
        >>> equalize([y]), a.d.item(), b.d.item()
        (1, 4.0, 4.0)
    """
    found = pairs(outputs)
    variables = {v.data: v for pair in found for v in pair.parameters()}
    arrays = Loaded(variables)
    for _ in range(_SWEEPS if found else 0):
        if max(_equalize_pair(pair, arrays) for pair in found) < _ENOUGH:
            break
    for data, variable in variables.items():
        _set(variable, arrays[data], apart)
    return len(found)


@one_at_a_time
def equalize_for(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    levels: Levels,
    apart: bool = False,
) -> int:
    """Scales the weights and biases of all pairs for the least noise of the codes to come.

    Unlike :func:`equalize` it looks at what lies between the layers, too: where a map has one
    scale, channels of small values would be stored coarsely.

    Args:
        outputs: Variables of one graph, batch normalizations folded. What they compute stays the
            same up to float32 rounding.
        inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        levels: Largest codes of weights and maps.
        apart: As of :func:`equalize`.

    Returns:
        The number of pairs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 1))
        >>> y = PF.affine(F.relu(PF.affine(x, 2, name="a")), 1, name="b")
        >>> a, b = (nn.get_parameters()[name] for name in ("a/affine/W", "b/affine/W"))
        >>> a.d, b.d = [[8, 0.5]], [[1], [16]]  # channels of 8 and of 0.5
        >>> equalize_for([y], [x], [np.float32([[1]])], Levels(lambda layer: 127, 255))
        1
        >>> a.d.tolist(), b.d.ravel().tolist()
        ([[8.0, 8.0]], [1.0, 1.0])
    """
    found = pairs(outputs)
    if not found:
        return 0
    variables = {v.data: v for pair in found for v in pair.parameters()}
    wanted = few_rows(outputs, inputs, min(BATCH, len(samples[0])))
    size = rows_of(outputs, inputs, wanted)
    # Where only one batch size can be built, the last sample counts as often as it fills one up.
    feeds = (
        {v: a[: n if size == wanted else size] for v, a in zip(inputs, rows)}
        for rows, n in batches(samples, size)
    )
    statistics = channel_statistics(outputs, needed(found), feeds)
    arrays = Loaded(variables)

    def settle(data: Any) -> None:
        _set(variables[data], arrays.pop(data), apart)

    scale_pairs(found, statistics, arrays, levels, settle)
    return len(found)


def _set(variable: nn.Variable, values: np.ndarray, apart: bool) -> None:
    if apart:
        variable.data = nn.NdArray(variable.shape)
    # NNabla would hold what is given as float64 in eight bytes a number.
    host_array(variable.data, np.float32, overwrite=True)[...] = values


def _equalize_pair(pair: Pair, arrays: Dict[Any, np.ndarray]) -> float:
    """Scales one pair; returns how far the largest factor is from 1."""
    out = by_output(pair.first, arrays[pair.first.weight.data])
    into = by_input(pair.second, arrays[pair.second.weight.data], pair.channels)
    others = tuple(axis for axis in range(into.ndim) if axis not in INPUT_AXES)
    r1 = np.abs(out).max(axis=1)
    r2 = np.abs(into).max(axis=others).reshape(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where((r1 > 0) & (r2 > 0), np.sqrt(r1 / r2), 1.0)
    s = np.clip(s, 1 / _MOST, _MOST)
    pair.scale(s, arrays)
    return float(np.abs(s - 1).max())
