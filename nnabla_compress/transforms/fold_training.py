# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Folding batch normalization into quantized layers while they are trained."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.analysis.layers import BIAS, WEIGHT, parameter_names
from nnabla_compress.function_types import FORWARD_LAYERS, FUNCTION_TYPES
from nnabla_compress.functions import folded_batch_normalization
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import beside
from nnabla_compress.graph.rewrite import consumers, functions, rebuild, times_read
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.quantizers.moving_range import folded
from nnabla_compress.turns import one_at_a_time

_FOLDED_BIAS = 6  # input of a folded batch normalization


@one_at_a_time
def fold_for_training(
    outputs: Sequence[nn.Variable], freeze_after: Optional[int] = None
) -> List[nn.Variable]:
    """Builds the graph again with weights quantized as they will be after folding.

    Where a batch normalization follows a layer whose weight a ``MovingRange`` quantizes, the
    quantizer gets ``gamma W / sqrt(var + eps)``, and the normalization becomes a
    :func:`~nnabla_compress.functions.folded_batch_normalization`. Others stay as they are: those
    without gamma or beta, behind a shared weight, or whose layer others read, too. A counter
    ``updates`` is added to the parameters of each folded normalization.

    Args:
        outputs: Variables of one graph.
        freeze_after: Updates after which the running statistics are used and kept, None for never.

    Returns:
        The new outputs.

    References:
        R. Krishnamoorthi, arXiv:1806.08342, section 3.2.2.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import MovingRange
        >>> nn.clear_parameters()
        >>> x = nn.Variable((8, 3, 4, 4))
        >>> h = PF.convolution(x, 16, (3, 3), apply_w=MovingRange(bits=8, axis=0), name="c1")
        >>> y, = fold_for_training([PF.batch_normalization(h, name="c1")])
        >>> [f.info.type_name for f in functions([y])]  # doctest: +NORMALIZE_WHITESPACE
        ['nnabla_compress.MovingRangeQuantizer', 'Convolution',
         'nnabla_compress.FoldedBatchNormalization']
    """
    names = parameter_names(outputs)
    readers = consumers(outputs)
    uses = times_read(outputs)
    takes_over: Dict[nn.Variable, Any] = {}
    for function in functions(outputs):
        if _can_fold(function, readers, uses):
            takes_over[function.inputs[0]] = function
    weights: Dict[nn.Variable, Any] = {
        h.parent.inputs[WEIGHT]: normalization for h, normalization in takes_over.items()
    }
    counters: Dict[Any, nn.Variable] = {}

    def counter(normalization: Any) -> nn.Variable:
        mean = normalization.inputs[3]
        if mean.data not in counters:
            path = beside(names.get(mean.data, mean.name), "updates")
            zero = np.zeros(1, np.float32)
            counters[mean.data] = get_parameter_or_create(path, (1,), zero, False)
        return counters[mean.data]

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        output = function.outputs[0]
        if output in weights:
            normalization = weights[output]
            _, _, gamma, _, variance = normalization.inputs
            layer = normalization.inputs[0].parent.info.type_name
            fold = dict(axis=FUNCTION_TYPES[layer].output_axis, freeze_after=freeze_after)
            eps = normalization.info.args["eps"]
            return folded(function, gamma, variance, counter(normalization), eps=eps, **fold)
        if output in takes_over:
            return clone(function, inputs[:BIAS])[0]
        if function.inputs and takes_over.get(function.inputs[0]) == function:
            layer = function.inputs[0].parent
            args = function.info.args
            x, beta, gamma, mean, variance = inputs
            return folded_batch_normalization(
                x,
                beta,
                gamma,
                mean,
                variance,
                counter(function),
                layer.inputs[BIAS] if len(layer.inputs) > BIAS else None,
                axis=args["axes"][0] % function.inputs[0].ndim,
                decay_rate=args["decay_rate"],
                eps=args["eps"],
                batch_stat=args["batch_stat"],
                freeze_after=freeze_after,
            )
        return None

    return rebuild(outputs, replace)


def unfolded(function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
    """Returns the batch normalization that :func:`fold_for_training` took the place of.

    Args:
        function: A folded batch normalization.
        inputs: Its inputs in the new graph; the layer before it has its float weight.
    """
    args = function.info.args
    x = inputs[0]
    if len(inputs) > _FOLDED_BIAS:
        x = clone(x.parent, [*x.parent.inputs, inputs[_FOLDED_BIAS]])[0]
    return F.batch_normalization(
        x,
        *inputs[1:5],
        axes=[args["axis"]],
        decay_rate=args["decay_rate"],
        eps=args["eps"],
        batch_stat=args["batch_stat"],
    )


def _can_fold(function: Any, readers: Dict[nn.Variable, List[Any]], uses: Counter[Any]) -> bool:
    info = function.info
    if info.type_name != "BatchNormalization" or len(function.inputs) != 5:
        return False
    if info.args["no_scale"] or info.args["no_bias"] or len(function.outputs) != 1:
        return False
    x = function.inputs[0]
    layer = x.parent
    if layer is None or readers[x] != [function] or layer.info.type_name not in FORWARD_LAYERS:
        return False
    args = layer.info.args
    axis = args["base_axis"] % layer.inputs[0].ndim
    affine = layer.info.type_name == "Affine"
    if args.get("channel_last") or (affine and layer.inputs[WEIGHT].ndim != 2):
        return False
    if [a % x.ndim for a in info.args["axes"]] != [axis] or (affine and axis != x.ndim - 1):
        return False
    if len(layer.inputs) > BIAS and layer.inputs[BIAS].parent is not None:
        return False
    quantizer = layer.inputs[WEIGHT].parent
    kind = None if quantizer is None else quantizer_of(quantizer)
    return (
        kind is not None
        and kind.folds_in_training
        and "fold" not in quantizer.info.args
        and readers[layer.inputs[WEIGHT]] == [layer]
        and uses[quantizer.inputs[0].data] == 1
    )
