# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small networks with one fault each, quantized, as cases to diagnose."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Affine

LAYERS = ("a", "b", "c")


def samples(count=64, scale=1.0, offset=0.0):
    rng = np.random.RandomState(1)
    return {"x": (offset + scale * rng.randn(count, 8)).astype(np.float32)}


def case(
    weights=None,
    biases=None,
    bits=None,
    map_bits=8,
    map_range=None,
    arrays=None,
    known=None,
    normalized=False,
    axis=None,
    **more,
):
    """A network of three layers at 8 bits, with what is said otherwise.

    Args:
        weights: By layer a function of its random weight.
        biases: By layer its bias.
        bits: By layer the bits of its weight.
        map_bits: Bits of the maps.
        map_range: Range that the first map's quantizer covers.
        arrays: Samples.
        known: What the run saw of its inputs.
        normalized: Whether a batch normalization follows the first layer of the float network.
        axis: Axis of the weights with scales of its own.
        more: Further fields of the case.
    """
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    arrays = samples() if arrays is None else arrays
    sizes = dict(zip(LAYERS, ((8, 16), (16, 16), (16, 4))))
    for name, size in sizes.items():
        w = rng.randn(*size).astype(np.float32) / np.sqrt(size[0])
        w = (weights or {}).get(name, lambda w: w)(w)
        b = (biases or {}).get(name, np.zeros(size[1]))
        with nn.parameter_scope(f"{name}/affine"):
            for key, value in (("W", w), ("b", b)):
                made = nn.Variable.from_numpy_array(np.float32(value), need_grad=True)
                nn.parameter.set_parameter(key, made)

    def build(quantized, normalize=False):
        x = nn.Variable((1, 8))
        h = x
        for name, size in sizes.items():
            hook = Affine(bits=(bits or {}).get(name, 8), axis=axis, fit="min_max")
            options = {"apply_w": hook} if quantized else {}
            h = PF.affine(h, size[1], name=name, **options)
            if normalize and name == "a":
                h = PF.batch_normalization(h, axes=[1], batch_stat=False, name="bn")
            if name == "c":
                continue
            h = F.relu(h)
            if quantized:
                with nn.parameter_scope(f"{name}/affine/relu"):
                    h = Affine(bits=map_bits, symmetric=False, fit="min_max")(h)
        return Network({"x": x}, {"y": h})

    network = build(True)
    feed = network.on({"x": nn.Variable(arrays["x"].shape)})
    feed.inputs["x"].d = arrays["x"]
    feed.output.forward()  # starts the quantizers
    if map_range is not None:
        for node in (f for f in _nodes(network) if f.info.args["name"] == "a/affine/relu"):
            Affine.set_range(node.info.args, node.inputs, *map_range)
    return Case(network, build(False, normalized), arrays, known_inputs=known or (), **more)


def _nodes(network):
    from nnabla_compress.quantizers import graph_quantizers

    return graph_quantizers(network.all_outputs)
