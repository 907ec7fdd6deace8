# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small networks with packed weights of 1 to 8 bits, of every layer that the C kernels have."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.nnb import NnbFile, read_nnb
from nnabla_compress.quantizers import LUT, PQ, Uniform


def parameter(path: str, *shape: int) -> nn.Variable:
    """A parameter with numbers that depend on its path only."""
    numbers = np.random.RandomState(sum(path.encode())).randn(*shape)
    return nn.parameter.get_parameter_or_create(path, shape, numbers)


def weight(name: str, quantizer: Callable, *shape: int) -> nn.Variable:
    """A quantized weight."""
    with nn.parameter_scope(name):
        return quantizer(parameter(f"{name}/W", *shape))


def plain() -> Dict[str, nn.Variable]:
    """Convolutions, pooling, affine; dictionaries of 4, 3 and 2 bits."""
    x = nn.Variable((1, 3, 8, 8))
    bias = parameter("c1/b", 8)
    h = F.convolution(x, weight("c1", LUT(bits=4), 8, 3, 3, 3), bias, pad=(1, 1))
    h = F.max_pooling(F.relu(h), (2, 2))
    h = F.relu(F.convolution(h, weight("c2", LUT(bits=3), 5, 8, 1, 1)))
    return {"x": x, "y": F.affine(h, weight("a", LUT(bits=2), 80, 12), parameter("a/b", 12))}


def groups() -> Dict[str, nn.Variable]:
    """Groups, strides, dilation, depthwise; 5, 1 and 8 bits."""
    x = nn.Variable((2, 4, 9, 7))
    w = weight("c1", Uniform(5, axis=0, learn="qmax"), 6, 2, 3, 2)
    h = F.convolution(x, w, parameter("c1/b", 6), group=2, stride=(2, 1), pad=(1, 1))
    w = weight("d", LUT(bits=1), 12, 3, 3)
    h = F.depthwise_convolution(F.relu(h), w, parameter("d/b", 12), multiplier=2, dilation=(1, 2))
    h = F.relu(h)
    count = int(np.prod(h.shape[1:]))
    return {"x": x, "y": F.affine(h, weight("a", Uniform(8, learn="qmax"), count, 9))}


def transposed() -> Dict[str, nn.Variable]:
    """Deconvolutions; 6 and 7 bits."""
    x = nn.Variable((1, 4, 5, 4))
    w = weight("t1", LUT(bits=6), 4, 6, 3, 2)
    h = F.deconvolution(x, w, parameter("t1/b", 12), group=2, stride=(2, 3), pad=(1, 0))
    h = F.relu(h)
    return {"x": x, "y": F.deconvolution(h, weight("t2", LUT(bits=7), 12, 4, 2, 2))}


def one_dimension() -> Dict[str, nn.Variable]:
    """Layers with one spatial dimension; integers of 4 and 2 bits, for integer activations."""
    x = nn.Variable((1, 3, 20))
    w = weight("c1", Uniform(4, learn="qmax"), 6, 3, 5)
    h = F.relu(F.convolution(x, w, parameter("c1/b", 6), stride=(2,), pad=(2,)))
    h = F.relu(F.convolution(h, weight("c2", Uniform(2, learn="qmax"), 8, 6, 1)))
    return {"x": x, "y": F.affine(h, weight("a", Uniform(3, learn="qmax"), 80, 10))}


def table() -> Dict[str, nn.Variable]:
    """A table whose codes of 3 bits stand for 4 numbers, and a layer behind it; 4 bits."""
    x = nn.Variable((1, 4))
    h = F.embed(x, weight("e", PQ(bits=3, length=4), 20, 10))
    return {"x": x, "y": F.affine(h, weight("a", LUT(bits=4), 40, 6), base_axis=1)}


def packed(folder: Path, build: Callable[[], Dict[str, nn.Variable]]) -> NnbFile:
    """The network as the target ``callback`` exports it."""
    nn.clear_parameters()
    network = build()
    path = folder / f"{build.__name__}.nnp"
    export_nnp(path, {"y": network["y"]}, {"x": network["x"]}, target="callback")
    batch = network["x"].shape[0]
    nn.clear_parameters()
    return read_nnb(export_nnb(path.with_suffix(".nnb"), path, batch_size=batch))


def with_integer_input(file: NnbFile, dtype: str) -> NnbFile:
    """The file with an INT8 or INT16 input."""
    variables = list(file.variables)
    number = file.inputs[0]
    variables[number] = replace(variables[number], type=dtype, fp_pos=3)
    return replace(file, variables=tuple(variables))


@functools.lru_cache(maxsize=None)
def networks() -> Tuple[NnbFile, ...]:
    """All files to start from."""
    with tempfile.TemporaryDirectory() as folder:
        # An Embed runs on the inputs of even numbers, which are zeros.
        layers = (plain, groups, table, transposed, one_dimension)
        files = [packed(Path(folder), build) for build in layers]
    integers = (with_integer_input(files[-1], dtype) for dtype in ("FIXED8", "FIXED16"))
    return (*files, *integers)
