# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.diagnosis.errors import (
    keeping,
    quantized_tensors,
    restored,
    tensor_errors,
)
from nnabla_compress.quantizers import graph_quantizers
from tests.diagnosis.planted import case, samples


def test_each_tensor_is_tried_alone_and_with_all_before_it():
    planted = case(bits={"b": 3})
    rows = tensor_errors(planted.network, samples())
    assert [(row.name, row.kind, row.bits) for row in rows] == [
        ("a/affine", "weights", 8),
        ("a/affine/relu", "maps", 8),
        ("b/affine", "weights", 3),
        ("b/affine/relu", "maps", 8),
        ("c/affine", "weights", 8),
    ]
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert rows[0].alone == rows[0].together
    assert min(rows, key=lambda row: row.alone).name == "b/affine"
    assert rows[1].together > rows[2].together + 5, "the noise comes in with b"


def test_what_is_kept_is_quantized_and_all_else_float():
    planted = case()
    tensors = quantized_tensors(planted.network.all_outputs)
    made = keeping(planted.network.all_outputs, set(tensors[0].nodes))
    assert [node.info.args["name"] for node in graph_quantizers(made)] == ["a/affine"]
    assert not graph_quantizers(planted.plain.all_outputs)


def test_the_last_row_is_the_quantized_network():
    planted = case(map_bits=4)
    x = samples()["x"]
    outputs = []
    for network in (planted.plain, planted.network):
        fed = network.on({"x": nn.Variable(x.shape)})
        fed.inputs["x"].d = x
        fed.output.forward()
        outputs.append(np.array(fed.output.d, np.float64))
    noise = np.square(outputs[0] - outputs[1]).sum()
    expected = 10 * np.log10(np.square(outputs[0]).sum() / noise)
    assert planted.snr == pytest.approx(expected, abs=1e-3)


def test_what_a_calibration_set_is_compared_with_what_it_was_before():
    planted = case(bits={"b": 3})
    before = {name: np.array(p.d) for name, p in nn.get_parameters(grad_only=False).items()}
    expected = tensor_errors(planted.network, samples())
    weight = nn.get_parameters()["b/affine/W"]
    node = next(n for n in graph_quantizers(planted.network.all_outputs) if n.inputs[0] == weight)
    node.outputs[0].forward()
    weight.d = np.array(node.outputs[0].d)
    rounded = tensor_errors(planted.network, samples())
    assert rounded[2].alone == 300, "it is what it is rounded to"
    own = restored(planted.network, {"b/affine/W": before["b/affine/W"], "x/W": np.zeros(3)})
    found = tensor_errors(planted.network, samples(), own)
    assert found[2].alone == pytest.approx(expected[2].alone)
    assert found[-1].together == pytest.approx(expected[-1].together)
