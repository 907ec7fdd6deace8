# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small networks for tests: a zoo of functions, and random ones for hypothesis."""

from __future__ import annotations

from typing import Callable, Dict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from hypothesis import strategies as st

from tests.properties import seed_nnabla


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def randomize_statistics(seed: int = 0) -> None:
    """Gives batch normalizations scales, shifts and statistics that are not the initial ones."""
    rng = np.random.RandomState(seed)
    for name, parameter in sorted(nn.get_parameters(grad_only=False).items()):
        if name.endswith("/bn/var"):
            parameter.d = rng.uniform(0.5, 2.0, parameter.shape)
        elif "/bn/" in name:
            parameter.d = rng.randn(*parameter.shape)
        elif name.endswith("/b"):
            parameter.d = 0.1 * rng.randn(*parameter.shape)


def forward(output: nn.Variable) -> np.ndarray:
    output.forward()
    return np.array(output.d)


def batch_normalization(x: nn.Variable, **args: object) -> nn.Variable:
    return PF.batch_normalization(x, batch_stat=False, **args)


# Networks of one idea each on (2, 4, 8, 8).
ZOO: Dict[str, Callable[[nn.Variable], nn.Variable]] = {
    "convolution": lambda x: PF.convolution(x, 6, (3, 3), pad=(1, 1), stride=(2, 2)),
    "group_dilation": lambda x: PF.convolution(x, 8, (3, 3), group=2, dilation=(2, 2)),
    "depthwise": lambda x: PF.depthwise_convolution(x, (3, 3), multiplier=2),
    "deconvolution": lambda x: PF.deconvolution(x, 6, (3, 3), stride=(2, 2), group=2),
    "affine": lambda x: PF.affine(x, 5),
    "affine_base_axis": lambda x: PF.affine(x, 5, base_axis=2),
    "batch_normalization": lambda x: batch_normalization(x),
    "several_axes": lambda x: batch_normalization(x, axes=[1, 2]),
    "pooling": lambda x: F.max_pooling(F.average_pooling(x, (3, 3), stride=(2, 2)), (2, 2)),
    "sum_pooling": lambda x: F.sum_pooling(x, (2, 2)),
    "global_average_pooling": lambda x: F.global_average_pooling(x),
    "unpooling": lambda x: F.unpooling(x, (2, 2)),
    "concatenate": lambda x: F.concatenate(x, F.tanh(x), axis=-3),
    "split": lambda x: F.sub2(
        *[F.split(F.reshape(x, (x.shape[0], 2, -1)), axis=1)[i] for i in (1, 0)]
    ),
    "stack": lambda x: F.stack(x, F.sigmoid(x), axis=1),
    "slice": lambda x: F.slice(x, start=(0, -6, 1), stop=(4, 8, -1), step=(1, 2, 1)),
    "slice_with_batch": lambda x: F.slice(x, start=(0, 0, 1, 1), stop=(x.shape[0], 4, 8, 7)),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"),
    "inplace": lambda x: F.relu(F.add_scalar(F.tanh(x), -0.1, inplace=True), inplace=True),
    "reshape": lambda x: F.reshape(F.tanh(x), (x.shape[0], 16, -1)),
    "literal_reshape": lambda x: F.reshape(F.tanh(x), (x.shape[0] * 4, 64)),
    "transpose": lambda x: F.transpose(x, (0, 2, 3, 1)),
    "softmax": lambda x: F.softmax(x, axis=-1),
    "binary": lambda x: F.mul2(F.add2(x, F.tanh(x)), F.div2(x, F.exp(x))),
    "same_twice": lambda x: F.mul2(x, x),
    "scalars": lambda x: 1 - (2 * x - 0.5) ** 2,
    "relu6": lambda x: F.relu6(3 * x),
    "hard": lambda x: F.hard_tanh(F.hard_sigmoid(x) + x),
    "n_ary": lambda x: F.add_n(x, F.mul_n(x, x, F.tanh(x)), F.sin(x)),
    "mean": lambda x: F.mean(x, axis=(2, 3), keepdims=True),
    "prelu": lambda x: PF.prelu(x),
    "crelu": lambda x: F.crelu(x, axis=1),
    "broadcast": lambda x: F.broadcast(F.mean(x, axis=(2, 3), keepdims=True), x.shape),
    "shared": lambda x: PF.affine(PF.affine(x, 256, name="s"), 256, name="s"),
    "dropout_free": lambda x: F.dropout(F.relu(x), 0.0),
    "embed": lambda x: PF.embed(F.abs(F.round(x)), 9, 3),
}

_STEPS = (
    "conv", "group", "depthwise", "deconv", "bn", "plain_bn", "relu", "relu_inplace", "max_pool",
    "residual", "concat", "split", "dropout", "shared",
)  # fmt: skip


@st.composite
def recipes(draw):
    """Steps of a random network, whether an Affine ends it, and a seed for its parameters."""
    steps = draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=6))
    return steps, draw(st.booleans()), draw(st.integers(0, 2**16))


def build(recipe, x: nn.Variable) -> nn.Variable:
    """The network of a recipe on an input (B, 4, 6, 6); channels stay even."""
    steps, affine, seed = recipe
    seed_nnabla(seed)
    h = x
    for number, step in enumerate(steps):
        name = f"l{number}"
        if step == "conv":
            h = PF.convolution(h, 4, (3, 3), pad=(1, 1), with_bias=number % 2 == 0, name=name)
        elif step == "group":
            h = PF.convolution(h, 6, (1, 1), group=2, name=name)
        elif step == "depthwise":
            h = PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name=name)
        elif step == "deconv":
            h = PF.deconvolution(h, 4, (3, 3), pad=(1, 1), group=2, name=name)
        elif step == "bn":
            h = batch_normalization(h, name=name)
        elif step == "plain_bn":
            h = batch_normalization(h, no_scale=number % 2 == 0, no_bias=True, name=name)
        elif step == "relu":
            h = F.relu(h)
        elif step == "relu_inplace":
            h = F.relu(F.mul_scalar(h, 0.5), inplace=True)
        elif step == "max_pool":
            h = F.max_pooling(h, (2, 2)) if h.shape[2] >= 2 else h
        elif step == "residual":
            h = F.add2(h, PF.convolution(h, h.shape[1], (1, 1), name=name))
        elif step == "concat":
            h = F.concatenate(h, F.tanh(h), axis=1)
        elif step == "split":
            a, b = F.split(F.reshape(h, (h.shape[0], 2, h.shape[1] // 2, *h.shape[2:])), axis=1)
            h = F.concatenate(b, a, axis=1)
        elif step == "dropout":
            h = F.dropout(h, 0.0)
        else:
            shared = f"shared{h.shape[1]}"
            h = PF.convolution(h, h.shape[1], (1, 1), name=shared)
            h = PF.convolution(h, h.shape[1], (1, 1), name=shared)
    return PF.affine(h, 3, name="last") if affine else F.identity(h)
