# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each map alone costs, on one graph for all, is what a graph a map gives."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.feature_maps import stored_maps
from nnabla_compress.calibration.maps_alone import energy, noise_alone
from nnabla_compress.calibration.observe import Computation, compute
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Affine, graph_quantizers
from nnabla_compress.transforms.insert_map_quantizers import insert_map_quantizers


def perceptron(rows):
    x = nn.Variable((rows, 6))
    h = F.relu(PF.affine(x, 8, name="a"))
    return x, PF.affine(F.sigmoid(PF.affine(h, 8, name="b")), 3, name="c")


def residual(rows):
    x = nn.Variable((rows, 2, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), (1, 1), name="a"))
    h = F.relu(F.add2(PF.convolution(h, 4, (3, 3), (1, 1), name="b"), h))
    return x, PF.affine(F.max_pooling(h, (2, 2)), 3, name="c")


def mixed_rows(rows):
    x = nn.Variable((rows, 6))
    h = F.relu(PF.affine(x, 4, name="a"))
    h = F.sub2(h, F.broadcast(F.mean(h, axis=0, keepdims=True), h.shape))
    return x, PF.affine(F.relu(h), 3, name="b")


def quantized(x, y, values, wanted=lambda name: True):
    """The network with quantizers of 3 bits on some maps, which start from the samples."""
    maps = stored_maps([y], [x])
    outputs = insert_map_quantizers(
        [y], maps, lambda found: Affine(3, signed=True) if wanted(found.name) else None
    )
    x.d = values
    nn.forward_all(outputs)
    return outputs


@pytest.mark.parametrize("make", [perceptron, residual, mixed_rows])
def test_each_map_costs_what_a_graph_with_its_quantizer_alone_tells(make, rng):
    x, y = make(5)
    values = rng.randn(*x.shape).astype(np.float32)
    nodes = {node.info.args["name"]: node for node in graph_quantizers(quantized(x, y, values))}
    expected = compute([y], [x], [values])
    found = noise_alone(Network({"x": x}, {"y": y}), nodes, [values], expected)
    assert list(found) == list(nodes) and len(nodes) >= 2
    assert all(noise > 0 for noise in found.values())
    for name in nodes:
        alone = quantized(x, y, values, lambda map_name, name=name: map_name == name)
        given = [output.d.copy() for output in alone]
        assert found[name] == pytest.approx(energy(given, expected), rel=1e-4)


def test_the_number_of_passes_does_not_grow_with_the_maps(rng, monkeypatch):
    h = x = nn.Variable((4, 6))
    for number in range(6):
        h = F.relu(PF.affine(h, 6, name=f"a{number}"))
    values = rng.randn(4, 6).astype(np.float32)
    y = PF.affine(h, 2, name="c")
    nodes = {node.info.args["name"]: node for node in graph_quantizers(quantized(x, y, values))}
    expected, calls = compute([y], [x], [values]), []
    run = Computation.__call__
    monkeypatch.setattr(Computation, "__call__", lambda self: calls.append(1) or run(self))
    noise_alone(Network({"x": x}, {"y": y}), nodes, [values], expected)
    assert len(nodes) == 7 and calls == [1]
