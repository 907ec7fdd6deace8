# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What layers do with the labels of what they read: a rule for each type with a weight.

A layer makes channels by one axis of its weight and reads them by another; depthwise ones have a
filter for each.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.labels import INPUT, OUTPUT, SCALE, SHIFT, Axes, Labels
from nnabla_compress.analysis.layers import BIAS

Rule = Callable[[Labels, Any], bool]


def one_axis(labels: Labels, function: Any, x: nn.Variable, axes: Sequence[int]) -> List[int]:
    """The first of several axes that become one, the channels' as a rule; the others are held."""
    found = [axis for axis in axes if x.shape[axis] > 1] or list(axes)
    for axis in found[1:]:
        labels.fix(labels.of(x)[axis], f"{labels.place(function)} reads them along several axes")
    return found[:1]


def _base_axis(function: Any) -> int:
    return int(function.info.args["base_axis"]) % function.inputs[0].ndim


def _layer_output(
    labels: Labels, function: Any, axes: Axes, out: Optional[np.ndarray], base: int
) -> None:
    """Ends a layer: its bias, its output, what it makes."""
    y = function.outputs[0]
    found = {axis: of for axis, of in axes.items() if axis < base}
    if len(function.inputs) > BIAS:
        bias = function.inputs[BIAS]
        labels.meet(function, labels.of(bias).get(0), out, "a weight that keeps its size")
        labels.role(labels.of(bias).get(0), SHIFT)
    if out is not None:
        found[base] = out
    labels.set(y, found, f"what {labels.place(function)} computes")


def _convolution(labels: Labels, function: Any) -> bool:
    x, weight = function.inputs[:BIAS]
    base, group = _base_axis(function), int(function.info.args["group"])
    axes, own = labels.of(x), labels.of(weight)
    labels.hold(weight, f"{labels.place(function)} has them in its kernel", but=(0, 1))
    for axis in axes:
        if axis > base:
            labels.fix(axes[axis], f"{labels.place(function)} mixes them")
    read, out, into = axes.get(base), own.get(0), own.get(1)
    if weight.shape[1] == 1 and group > 1:
        # A filter of one channel each: what it reads goes with what it makes.
        if out is not None:
            rows = labels.level(out.reshape(group, -1), 1)
            labels.meet(function, rows, read, labels.why(x))
        elif read is not None:
            labels.fix(read, f"{labels.place(function)} reads them by {labels.why(weight)}")
        labels.fix(into, "a filter reads one channel")
        labels.role(out, SCALE)
    else:
        if group > 1:
            # Groups have as many channels each: they lose the same ones.
            if read is not None:
                read = labels.level(read.reshape(group, -1))
            if out is not None:
                labels.level(out.reshape(group, -1))
        why = labels.why(x) if read is None else labels.why(weight)
        labels.meet(function, into, read, why)
        labels.role(out, OUTPUT)
        labels.role(into, INPUT)
        if out is not None:
            labels.makes(function, out)
    _layer_output(labels, function, axes, out, base)
    return True


def _depthwise_convolution(labels: Labels, function: Any) -> bool:
    x, weight = function.inputs[:BIAS]
    base, axes, out = _base_axis(function), labels.of(x), labels.of(weight).get(0)
    labels.hold(weight, f"{labels.place(function)} has them in its kernel", but=(0,))
    for axis in axes:
        if axis > base:
            labels.fix(axes[axis], f"{labels.place(function)} mixes them")
    rows = None if out is None else labels.level(out.reshape(x.shape[base], -1), 1)
    labels.meet(function, rows, axes.get(base), labels.why(x))
    labels.role(out, SCALE)
    _layer_output(labels, function, axes, out, base)
    return True


def _deconvolution(labels: Labels, function: Any) -> bool:
    x, weight = function.inputs[:BIAS]
    base, group = _base_axis(function), int(function.info.args["group"])
    axes, own = labels.of(x), labels.of(weight)
    labels.hold(weight, f"{labels.place(function)} has them in its kernel", but=(0, 1))
    for axis in axes:
        if axis > base:
            labels.fix(axes[axis], f"{labels.place(function)} mixes them")
    read, into, out = axes.get(base), own.get(0), own.get(1)
    labels.meet(function, into, read, labels.why(x) if read is None else labels.why(weight))
    if group > 1 and weight.shape[0] == group:
        # Each channel is spread over maps of its own, which go with it.
        labels.fix(out, f"{labels.place(function)} makes as many maps of each channel")
        labels.role(into, SCALE)
        out = None if into is None else np.repeat(into, weight.shape[1])
    else:
        if group > 1 and into is not None:
            labels.level(into.reshape(group, -1))
        labels.role(out, OUTPUT)
        labels.role(into, INPUT)
        out = None if out is None else np.tile(out, group)
        if out is not None:
            labels.makes(function, out)
    _layer_output(labels, function, axes, out, base)
    return True


def _depthwise_deconvolution(labels: Labels, function: Any) -> bool:
    x, weight = function.inputs[:BIAS]
    base, axes, into = _base_axis(function), labels.of(x), labels.of(weight).get(0)
    divisor = int(function.info.args["divisor"])
    labels.hold(weight, f"{labels.place(function)} has them in its kernel", but=(0,))
    for axis in axes:
        if axis > base:
            labels.fix(axes[axis], f"{labels.place(function)} mixes them")
    labels.meet(function, into, axes.get(base), labels.why(x))
    labels.role(into, SCALE)
    out = None if into is None else labels.level(into.reshape(-1, divisor), 1)
    _layer_output(labels, function, axes, out, base)
    return True


def _affine(labels: Labels, function: Any) -> bool:
    x, weight = function.inputs[:BIAS]
    base, axes, own = _base_axis(function), labels.of(x), labels.of(weight)
    read = [axis for axis in axes if axis >= base]
    place, into = labels.place(function), own.get(0)
    flat = None
    if read:
        read = one_axis(labels, function, x, read)
        along = [1] * (x.ndim - base)
        along[read[0] - base] = -1
        flat = np.broadcast_to(axes[read[0]].reshape(along), x.shape[base:]).ravel()
    labels.meet(function, into, flat, labels.why(x) if flat is None else labels.why(weight))
    labels.role(into, INPUT)
    found = {axis: of for axis, of in axes.items() if axis < base}
    bias = function.inputs[BIAS] if len(function.inputs) > BIAS else None
    for axis in range(1, weight.ndim):
        out = own.get(axis)
        if bias is not None:
            label = labels.of(bias).get(axis - 1)
            labels.meet(function, label, out, labels.why(weight if out is None else bias))
            labels.role(label, SHIFT)
        if out is not None:
            found[base + axis - 1] = out
            labels.role(out, OUTPUT)
            if out.size > 1 or weight.ndim == 2:
                labels.makes(function, out)
    labels.set(function.outputs[0], found, f"what {place} computes")
    return True


def _embed(labels: Labels, function: Any) -> bool:
    x, table = function.inputs
    place, own = labels.place(function), labels.of(table)
    labels.fix(own.get(0), f"{place} looks rows up by their number")
    labels.hold(x, f"{place} looks rows up by their number")
    found = {}
    for axis, of in own.items():
        if axis > 0:
            found[x.ndim + axis - 1] = of
            labels.role(of, OUTPUT)
            labels.makes(function, of)
    labels.set(function.outputs[0], found, f"what {place} computes")
    return True


LAYER_RULES: Dict[str, Rule] = {
    "Convolution": _convolution,
    "DepthwiseConvolution": _depthwise_convolution,
    "Deconvolution": _deconvolution,
    "DepthwiseDeconvolution": _depthwise_deconvolution,
    "Affine": _affine,
    "Embed": _embed,
}
