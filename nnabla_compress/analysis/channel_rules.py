# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What functions do with the labels of what they read: a rule for each type.

A rule gives the outputs their labels, joins those that meet and holds those that can't go, and
returns True; or False, if the function mixes channels here.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.labels import (
    SCALE,
    SHIFT,
    STATE,
    STATISTICS,
    Axes,
    Labels,
)
from nnabla_compress.analysis.layer_rules import LAYER_RULES, Rule, one_axis
from nnabla_compress.function_types import NORMALIZATIONS, types_that
from nnabla_compress.functions.folded_batch_normalization import BIAS as FOLDED_BIAS
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.functions.quantized_when import QuantizedWhen
from nnabla_compress.quantizers.base import quantizer_of

_ADD = ("Add2", "BcAdd2", "Sub2", "AddN", "Maximum2", "Minimum2")
_MEET = (*_ADD, "Mul2", "Div2", "Pow2", "MulN", "Where")
_POOLINGS = ("MaxPooling", "AveragePooling", "SumPooling", "Unpooling")
_REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod")
# Values of each entry alone; of constants, too.
_EACH = {
    *types_that(apart=True, normalization=False),
    *types_that(training_only=True),
    QuantizedGradient.graph_type(),
    *("FixedPointQuantize", "Pow2Quantize", "Unlink"),
} - {*_MEET, *_POOLINGS, "PReLU", "Reshape", "GlobalAveragePooling"}


def rule_of(function: Any) -> Optional[Rule]:
    """Returns the rule of a function, None if it mixes channels.

    Args:
        function: A function of a graph.
    """
    type_name = function.info.type_name
    if not function.inputs:
        return _made_of_nothing
    if quantizer_of(function) is not None:
        return _quantizer
    if type_name in _EACH:
        return _each
    return _RULES.get(type_name)


def _made_of_nothing(labels: Labels, function: Any) -> bool:
    """A constant has as many entries as what it meets, where its arguments say the shape."""
    args, y = function.info.args, function.outputs[0]
    if "seed" in args or list(args.get("shape", ())) != list(y.shape):
        return False
    labels.set(y, {axis: labels.fresh(size) for axis, size in enumerate(y.shape)})
    return True


def _each(labels: Labels, function: Any) -> bool:
    x = function.inputs[0]
    if len(function.inputs) > 1 or tuple(x.shape) != tuple(function.outputs[0].shape):
        return False
    for output in function.outputs:
        labels.set(output, labels.of(x), labels.why(x))
    return True


def _meet(labels: Labels, function: Any) -> bool:
    labels.set(function.outputs[0], _met(labels, function, function.inputs), _why(labels, function))
    return True


def _met(labels: Labels, function: Any, inputs: Sequence[nn.Variable]) -> Axes:
    """Labels of what is computed entry by entry, of tensors that are broadcast to one another."""
    y, found = function.outputs[0], {}
    adds = function.info.type_name in _ADD
    for axis, size in enumerate(y.shape):
        there = [v for v in inputs if v.ndim + axis >= y.ndim]
        there = [v for v in there if v.shape[v.ndim - y.ndim + axis] == size]
        known = [(v, labels.of(v).get(v.ndim - y.ndim + axis)) for v in there]
        have = [(v, of) for v, of in known if of is not None]
        lack = [v for v, of in known if of is None]
        for _, of in have:
            labels.join(have[0][1], of)
            if lack:
                verb = "adds" if adds else "meets"
                labels.fix(of, f"{labels.place(function)} {verb} {labels.why(lack[0])}")
        if have and (not lack or any(labels.is_data(v) for v, _ in have)):
            found[axis] = have[0][1]
        if adds and size > 1:
            added = [of for v, of in have if labels.is_data(v)]
            labels.added += added if len(added) > 1 else []
    return found


def _why(labels: Labels, function: Any) -> str:
    """What the axes without labels are of what several inputs make together."""
    of_data = [v for v in function.inputs if labels.is_data(v)]
    of_data.sort(key=lambda v: 1 in labels.of(v))
    return labels.why(of_data[0]) if of_data else ""


def _quantizer(labels: Labels, function: Any) -> bool:
    quantizer = quantizer_of(function)
    assert quantizer is not None
    x, *state = function.inputs
    axes = labels.of(x)
    for variable, along in zip(
        state, quantizer.parameter_axes(function.info.args, function.inputs)
    ):
        for own, axis in enumerate(along):
            label = labels.of(variable).get(own)
            if axis is not None:
                labels.meet(function, label, axes.get(axis), labels.why(x))
            if variable.parent is None and label is not None:
                labels.role(label, STATE)
    labels.set(function.outputs[0], axes, labels.why(x))
    return True


def _prelu(labels: Labels, function: Any) -> bool:
    x, slope = function.inputs
    if slope.size > 1:
        axis = int(function.info.args["base_axis"]) % x.ndim
        labels.meet(function, labels.of(slope).get(0), labels.of(x).get(axis), labels.why(x))
    labels.set(function.outputs[0], labels.of(x), labels.why(x))
    return True


def _normalization(labels: Labels, function: Any) -> bool:
    """A batch normalization: its statistics are those of each index of its axes."""
    x, args = function.inputs[0], function.info.args
    axes = args["axes"] if "axes" in args else [args["axis"]]
    kept = {axis % x.ndim for axis in axes}
    if any(axis not in kept for axis in labels.of(x)) and labels.is_data(x):
        return False
    inputs, bias = function.inputs, None
    if function.info.type_name == FoldedBatchNormalization.graph_type():
        inputs, bias = inputs[:5], inputs[FOLDED_BIAS:]
    own = [*(() if args.get("no_bias") else (SHIFT,)), *(() if args.get("no_scale") else (SCALE,))]
    for variable, role in zip(inputs[1:], [*own, STATISTICS, STATISTICS]):
        for axis in kept:
            labels.role(labels.of(variable).get(axis), role)
    found = _met(labels, function, inputs)
    for variable in bias or ():
        axis = next(iter(kept))
        labels.meet(function, labels.of(variable).get(0), found.get(axis), labels.why(x))
        labels.role(labels.of(variable).get(0), SHIFT)
    labels.set(function.outputs[0], found, labels.why(x))
    return True


def _instance_normalization(labels: Labels, function: Any) -> bool:
    x, args = function.inputs[0], function.info.args
    kept = {axis % x.ndim for axis in (args["channel_axis"], *args["batch_axis"])}
    if any(axis not in kept for axis in labels.of(x)):
        return False
    roles = [*(() if args["no_bias"] else (SHIFT,)), *(() if args["no_scale"] else (SCALE,))]
    for variable, role in zip(function.inputs[1:], roles):
        labels.role(labels.of(variable).get(args["channel_axis"]), role)
    labels.set(function.outputs[0], _met(labels, function, function.inputs), labels.why(x))
    return True


def _layer_normalization(labels: Labels, function: Any) -> bool:
    """Layer and group normalizations take statistics over channels: these stay."""
    x, args = function.inputs[0], function.info.args
    kept = {axis % x.ndim for axis in args["batch_axis"]}
    if any(axis not in kept for axis in labels.of(x)):
        return False
    labels.set(function.outputs[0], _met(labels, function, function.inputs), labels.why(x))
    return True


def _weight_normalization(labels: Labels, function: Any) -> bool:
    """Each slice of a weight has a length of its own; what is zero adds nothing to it."""
    w, scale = function.inputs
    dim = int(function.info.args["dim"]) % w.ndim
    for axis, own in labels.of(scale).items():
        if scale.shape[axis] > 1:
            labels.meet(function, own, labels.of(w).get(dim), labels.why(w))
            labels.role(own, SCALE)
    labels.set(function.outputs[0], labels.of(w), labels.why(w))
    return True


def _pooling(labels: Labels, function: Any) -> bool:
    x, y, args = function.inputs[0], function.outputs[0], function.info.args
    pooled = len(args["kernel"]) if "kernel" in args else 2
    return _only_before(labels, x, y, x.ndim - pooled)


def _interpolation(labels: Labels, function: Any) -> bool:
    x, y = function.inputs[0], function.outputs[0]
    return _only_before(labels, x, y, x.ndim - len(function.info.args["output_size"]))


def _only_before(labels: Labels, x: nn.Variable, y: nn.Variable, end: int) -> bool:
    """Hands labels on that stand before the axes which a function computes along."""
    if any(axis >= end for axis in labels.of(x)):
        return False
    labels.set(y, labels.of(x), labels.why(x))
    return True


def _reduction(labels: Labels, function: Any) -> bool:
    x, args = function.inputs[0], function.info.args
    gone = {axis % x.ndim for axis in args["axes"]}
    if gone & set(labels.of(x)):
        return False
    keep = bool(args["keep_dims"])
    moved = {
        axis if keep else axis - sum(other < axis for other in gone): of
        for axis, of in labels.of(x).items()
    }
    labels.set(function.outputs[0], moved, labels.why(x))
    return True


def _transpose(labels: Labels, function: Any) -> bool:
    x, order = function.inputs[0], list(function.info.args["axes"])
    moved = {order.index(axis): of for axis, of in labels.of(x).items()}
    labels.set(function.outputs[0], moved, labels.why(x))
    return True


def _broadcast(labels: Labels, function: Any) -> bool:
    x, y = function.inputs[0], function.outputs[0]
    if x.ndim != y.ndim:
        return False
    found = {axis: of for axis, of in labels.of(x).items() if x.shape[axis] == y.shape[axis]}
    long = any(of.size > 1 for of in found.values())
    for axis, size in enumerate(y.shape):
        if x.shape[axis] != size and not long:
            # Copies of one channel: as many as what they meet.
            found[axis] = labels.fresh(size)
    labels.set(y, found, f"what {labels.place(function)} computes")
    return True


def _tile(labels: Labels, function: Any) -> bool:
    x, y, times = function.inputs[0], function.outputs[0], list(function.info.args["reps"])
    if x.ndim != y.ndim or len(times) != x.ndim:
        return False
    found = {axis: np.tile(of, times[axis]) for axis, of in labels.of(x).items()}
    labels.set(y, found, labels.why(x))
    return True


def _crelu(labels: Labels, function: Any) -> bool:
    x = function.inputs[0]
    along = int(function.info.args["axis"]) % x.ndim
    found = {axis: np.tile(of, 2) if axis == along else of for axis, of in labels.of(x).items()}
    labels.set(function.outputs[0], found, labels.why(x))
    return True


def _flip(labels: Labels, function: Any) -> bool:
    x = function.inputs[0]
    turned = {axis % x.ndim for axis in function.info.args["axes"]}
    found = {axis: of[::-1] if axis in turned else of for axis, of in labels.of(x).items()}
    labels.set(function.outputs[0], found, labels.why(x))
    return True


def slice_of_axis(function: Any, axis: int) -> slice:
    """Returns the entries along an axis that a Slice takes.

    Args:
        function: The Slice.
        axis: The axis of its input.
    """
    args = function.info.args
    place = axis - function.inputs[0].ndim + len(args["start"])
    if place < 0:
        return slice(None)
    start, stop, step = (args[key][place] for key in ("start", "stop", "step"))
    if step < 0 and stop is not None and stop < -function.inputs[0].shape[axis]:
        stop = None
    return slice(start, stop, step)


def _slice(labels: Labels, function: Any) -> bool:
    x, y = function.inputs[0], function.outputs[0]
    if x.ndim != y.ndim:
        return False
    for axis, of in labels.of(x).items():
        # Where channels go from between those of a step, a weight puts the rest together.
        if slice_of_axis(function, axis).step not in (None, 1) and of.size > 1:
            if axis != 1 or not labels.is_data(x) or not 2 <= x.ndim <= 5:
                return False
    found = {axis: of[slice_of_axis(function, axis)] for axis, of in labels.of(x).items()}
    if any(of.size != y.shape[axis] for axis, of in found.items()):
        return False
    labels.set(y, found, labels.why(x))
    return True


def pad_of_axis(function: Any, axis: int) -> Tuple[int, int]:
    """Returns how many entries a Pad adds before and behind an axis.

    Args:
        function: The Pad.
        axis: The axis.
    """
    widths = function.info.args["pad_width"]
    place = 2 * (axis - function.inputs[0].ndim) + len(widths)
    return (widths[place], widths[place + 1]) if place >= 0 else (0, 0)


def _pad(labels: Labels, function: Any) -> bool:
    """Along a padded axis the output has channels of its own: zeros, and those that are read."""
    x, y = function.inputs[0], function.outputs[0]
    padded = [axis for axis in labels.of(x) if any(pad_of_axis(function, axis))]
    args, found = function.info.args, dict(labels.of(x))
    plain = args["mode"] == "constant" and args["constant_value"] == 0
    if padded and not (padded == [1] and plain and labels.is_data(x) and 2 <= x.ndim <= 5):
        return False
    for axis in padded:
        found[axis] = labels.fresh(y.shape[axis])
        labels.selections[function] = axis
    labels.set(y, found, labels.why(x))
    return True


def _concatenation(labels: Labels, function: Any) -> bool:
    y, inputs = function.outputs[0], function.inputs
    along = int(function.info.args["axis"]) % y.ndim
    found = _met(labels, function, inputs)
    found.pop(along, None)
    if any(along in labels.of(v) for v in inputs):
        parts = []
        for v in inputs:
            of = labels.of(v).get(along)
            if of is None:
                of = labels.fresh(v.shape[along])
                labels.fix(of, f"{labels.place(function)} reads {labels.why(v)}")
            parts.append(of)
        found[along] = np.concatenate(parts)
    labels.set(y, found, _why(labels, function))
    return True


def _stack(labels: Labels, function: Any) -> bool:
    y, inputs = function.outputs[0], function.inputs
    new = int(function.info.args["axis"]) % y.ndim
    found: Axes = {}
    for axis in range(y.ndim - 1):
        have = [labels.of(v).get(axis) for v in inputs]
        known = next((of for of in have if of is not None), None)
        for v, of in zip(inputs, have):
            labels.meet(function, known, of, next(labels.why(u) for u in inputs if u == v))
        if known is not None:
            found[axis + (axis >= new)] = known
    labels.set(y, found, _why(labels, function))
    return True


def _split(labels: Labels, function: Any) -> bool:
    x = function.inputs[0]
    along = int(function.info.args["axis"]) % x.ndim
    axes = labels.of(x)
    labels.fix(axes.get(along), f"{labels.place(function)} takes them apart one by one")
    for output in function.outputs:
        rest = {axis - (axis > along): of for axis, of in axes.items() if axis != along}
        labels.set(output, rest, labels.why(x))
    return True


def _reshape(labels: Labels, function: Any) -> bool:
    x, y = function.inputs[0], function.outputs[0]
    axes, found = labels.of(x), {}
    for before, after in _blocks(x.shape, y.shape):
        own = [axis for axis in before if axis in axes]
        if not own:
            continue
        shape = [x.shape[axis] for axis in before]
        sizes = [y.shape[axis] for axis in after]
        own = one_axis(labels, function, x, own)
        along = [1] * len(before)
        along[before.index(own[0])] = -1
        spread = np.broadcast_to(axes[own[0]].reshape(along), shape).reshape(sizes)
        # Where a channel stands in several rows, all of them lose the same: the longest axis stays.
        varies = [
            n for n, size in enumerate(sizes) if size > 1 and (spread != spread.take([0], n)).any()
        ]
        if not varies:
            varies = [n for n, size in enumerate(sizes) if size == max(sizes)][-1:]
        kept = max(varies, key=lambda n: (sizes[n], n))
        rows = np.moveaxis(spread, kept, -1).reshape(-1, sizes[kept])
        found[after[kept]] = labels.level(rows)
    labels.set(y, found, labels.why(x))
    return True


def _blocks(before: Sequence[int], after: Sequence[int]) -> List[Tuple[List[int], List[int]]]:
    """Axes of a shape that another shape's axes hold the same entries of, in order."""
    found: List[Tuple[List[int], List[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        one, other = [], []
        size = [1, 1]
        if i < len(before):
            one, size[0], i = [i], before[i], i + 1
        if j < len(after):
            other, size[1], j = [j], after[j], j + 1
        while size[0] != size[1]:
            if size[0] < size[1] and i < len(before):
                one.append(i)
                size[0], i = size[0] * before[i], i + 1
            elif j < len(after):
                other.append(j)
                size[1], j = size[1] * after[j], j + 1
            else:
                break
        if found and (not one or not other):
            found[-1][0].extend(one)
            found[-1][1].extend(other)
        else:
            found.append((one, other))
    return found


_RULES: Dict[str, Rule] = {
    **LAYER_RULES,
    **dict.fromkeys(_MEET, _meet),
    **dict.fromkeys(_POOLINGS, _pooling),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys((*NORMALIZATIONS, Pow2BatchNormalization.graph_type()), _normalization),
    FoldedBatchNormalization.graph_type(): _normalization,
    QuantizedWhen.graph_type(): _meet,
    "GlobalAveragePooling": _pooling,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "GroupNormalization": _layer_normalization,
    "WeightNormalization": _weight_normalization,
    "PReLU": _prelu,
    "Interpolate": _interpolation,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Broadcast": _broadcast,
    "Tile": _tile,
    **dict.fromkeys(("CReLU", "CELU"), _crelu),
    "Flip": _flip,
    "Slice": _slice,
    "Pad": _pad,
    "Concatenate": _concatenation,
    "Stack": _stack,
    "Split": _split,
}
