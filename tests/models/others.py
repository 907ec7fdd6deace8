# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks as importers of other formats and scripts without scopes write them."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.utils.save
import numpy as np
from nnabla.parameter import get_parameter_or_create

STEPS, WIDTH, HIDDEN = 2, 6, 8


def parameter(name, *shape, scale=0.3):
    """A parameter of random values, the same ones for the same name."""
    rng = np.random.RandomState(sum(map(ord, name)))
    values = (scale * rng.randn(*shape)).astype(np.float32)
    return get_parameter_or_create(name, shape, initializer=values)


def save(path, inputs, outputs, batch_size=1, fed=None, any_batch_size=False):
    """Saves a network ``net`` and an executor that gives data to some inputs."""
    inputs = inputs if isinstance(inputs, dict) else {"x": inputs}
    outputs = outputs if isinstance(outputs, dict) else {"y": outputs}
    network = {"name": "net", "batch_size": batch_size, "outputs": outputs, "names": inputs}
    executor = {"name": "runtime", "network": "net", "data": fed or list(inputs)}
    contents = {"networks": [network], "executors": [{**executor, "output": list(outputs)}]}
    nnabla.utils.save.save(str(path), contents, variable_batch_size=any_batch_size)
    return path


def gemm(h, name, size, transposed):
    """A fully connected layer as NNabla's importer of ONNX writes it."""
    rows, width = h.shape
    w = parameter(f"{name}.weight", *((size, width) if transposed else (width, size)))
    y = F.batch_matmul(
        F.reshape(h, (1, rows, width), inplace=False),
        F.reshape(w, (1, *w.shape), inplace=False),
        transpose_b=transposed,
    )
    y = F.reshape(y, (rows, size), inplace=False)
    bias = parameter(f"{name}.bias", size)
    return F.add2(y, F.reshape(bias, (1, size), inplace=False))


def onnx_like(rows=1):
    """Convolutions, batch normalization, pooling, and two fully connected layers."""
    x = nn.Variable((rows, 3, 8, 8))
    h = F.convolution(x, parameter("Conv_0.weight", 8, 3, 3, 3), parameter("Conv_0.bias", 8))
    bn = [parameter(f"BatchNormalization_1.{key}", 1, 8, 1, 1) for key in ("b", "g", "m", "v")]
    bn[1].d, bn[3].d = 1 + np.abs(bn[1].d), 1 + np.abs(bn[3].d)
    h = F.relu(F.batch_normalization(h, *bn, batch_stat=False))
    h = F.relu(F.convolution(h, parameter("10.weight", 4, 8, 3, 3), parameter("10.bias", 4)))
    h = F.reshape(F.global_average_pooling(h), (rows, 4), inplace=False)
    return x, gemm(F.relu(gemm(h, "fc1", 6, True)), "fc 2", 3, False)


def recurrent(kind="lstm", **options):
    """NNabla's own recurrent function and a layer on its last step."""
    x = nn.Variable((1, STEPS, WIDTH))
    states = [F.constant(0, (1, 1, 1, HIDDEN)) for _ in range(2 if kind == "lstm" else 1)]
    y = getattr(PF, kind)(F.transpose(x, (1, 0, 2)), *states, training=False, name="r", **options)
    last = F.slice(y[0], start=(STEPS - 1, 0, 0), stop=(STEPS, 1, HIDDEN), step=(1, 1, 1))
    return x, PF.affine(F.reshape(last, (1, HIDDEN)), 3, name="fc")


def cells(path):
    """Saves a loop of ``PF.lstm_cell`` whose first states no executor gives data to."""
    x = nn.Variable((1, STEPS, WIDTH))
    h, c = nn.Variable((1, HIDDEN)), nn.Variable((1, HIDDEN))
    for step in range(STEPS):
        part = F.slice(x, start=(0, step, 0), stop=(1, step + 1, WIDTH), step=(1, 1, 1))
        h, c = PF.lstm_cell(F.reshape(part, (1, WIDTH)), h, c, HIDDEN, name="cell")
    return save(path, x, PF.affine(h, 3, name="fc"))


def attention():
    """One head of attention on a short sequence."""
    x = nn.Variable((1, STEPS, WIDTH))
    q, k, v = (PF.affine(x, HIDDEN, base_axis=2, name=name) for name in "qkv")
    weights = F.softmax(F.batch_matmul(q, k, transpose_b=True) * HIDDEN**-0.5, axis=2)
    return x, PF.affine(F.mean(F.batch_matmul(weights, v), axis=1), 3, name="fc")


def embedding():
    """Rows of a table, their mean, and a layer."""
    x = nn.Variable((1, STEPS))
    return x, PF.affine(F.mean(PF.embed(x, 20, HIDDEN, name="words"), axis=1), 3, name="fc")


def samples(x, count=32, below=0):
    """Random inputs for a network and labels of three classes."""
    rng, shape = np.random.RandomState(1), (count, *x.shape[1:])
    values = rng.randint(0, below, shape) if below else rng.randn(*shape)
    return {"x": values.astype(np.float32), "y": np.arange(count) % 3}
