# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What stands between two layers: functions that keep channels apart, and such as mix them."""

from __future__ import annotations

import nnabla.functions as F
import nnabla.parametric_functions as PF

import nnabla_compress.functions as CF


def conv(h, maps, name, **options):
    return PF.convolution(h, maps, (3, 3), pad=(1, 1), name=name, **options)


def input_of(h):
    """A map of one channel, from the input of the layer that gave h."""
    return F.mean(h.parent.inputs[0], (1,), keepdims=True)


# What leaves the filters of the layer before as free as they were.
APART = {
    "normalization": lambda h: PF.batch_normalization(h, name="n"),
    "activation": lambda h: F.relu6(F.leaky_relu(h)),
    "parametric relu": lambda h: PF.prelu(h, shared=False, name="p"),
    "pooling": lambda h: F.max_pooling(F.average_pooling(h, (2, 2)), (2, 2)),
    "global pooling": lambda h: F.global_average_pooling(h),
    "padding of the map": lambda h: F.pad(h, (1, 1, 1, 1), "constant"),
    "padding of channels": lambda h: F.pad(h, (2, 2, 0, 0, 0, 0)),
    "flat": lambda h: F.reshape(h, (2, -1)),
    "flat in two steps": lambda h: F.reshape(F.reshape(h, (2, 8, 64)), (2, 512)),
    "turned": lambda h: F.transpose(h, (0, 2, 3, 1)),
    "cut": lambda h: F.slice(h, (0, 0, 1, 1), (2, 8, 7, 7), (1, 1, 1, 1)),
    "mean of the map": lambda h: F.mean(h, (2, 3)),
    "mean that keeps axes": lambda h: F.mean(h, (2, 3), keepdims=True),
    "dropout": F.dropout,
    "quantized gradient": lambda h: CF.quantized_gradient(h, bits=4),
    "depthwise": lambda h: PF.depthwise_convolution(h, (3, 3), name="d"),
    "scalar": lambda h: 2 * h + 1,
    "half of the channels": lambda h: F.slice(h, (0, 0, 0, 0), (2, 4, 8, 8), (1, 1, 1, 1)),
    "in rows": lambda h: F.reshape(h, (2, 2, 4, 8, 8)),
    "depthwise that multiplies": lambda h: PF.depthwise_convolution(
        h, (3, 3), multiplier=2, name="d"
    ),
    "gate of all channels": lambda h: h * F.sigmoid(F.mean(h, (2, 3), keepdims=True)),
}
# What leaves it no other number of filters.
MIXED = {
    "softmax over channels": lambda h: F.softmax(h, axis=1),
    "mean of channels": lambda h: F.mean(h, (1,), keepdims=True),
    "sorted channels": lambda h: F.sort(h, axis=1),
    "added to what is made of the input": lambda h: h + F.tile(input_of(h), (1, 8, 1, 1)),
}
