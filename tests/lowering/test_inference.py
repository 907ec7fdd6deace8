# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import ExportError
from nnabla_compress.graph import functions
from nnabla_compress.lowering.inference import inference_network


def test_names_come_from_dicts_variables_or_numbers():
    a, b = nn.Variable((2, 3)), nn.Variable((2, 3))
    y = F.add2(a, b)
    assert list(inference_network([a, b], y, 1).inputs) == ["x0", "x1"]
    b.name = "image"
    network = inference_network([a, b], [y, F.exp(y)], 1)
    assert list(network.inputs) == ["x0", "image"] and list(network.outputs) == ["y0", "y1"]
    assert list(inference_network({"p": a, "q": b}, {"r": y}, 1).outputs) == ["r"]


def test_the_network_is_for_inference_with_the_batch_size_asked_for():
    x = nn.Variable((64, 3, 8, 8))
    y = F.dropout(PF.batch_normalization(x, name="n"))
    network = inference_network(x, F.reshape(y, (64, -1)), 2)
    (output,) = network.outputs.values()
    assert output.shape == (2, 192)
    assert [f.info.args.get("batch_stat") for f in functions([output])] == [False, None]


def test_a_network_tied_to_its_batch_size_is_refused_with_the_reason():
    x = nn.Variable((6, 4))
    y = F.add2(x, nn.Variable((6, 4)))
    z = F.affine(F.reshape(y, (2, 12)), nn.Variable((12, 2)))
    with pytest.raises(ExportError, match="can't be built with batch size 5"):
        inference_network(x, z, 5)


def test_a_loss_is_told_apart_from_a_network_of_one_batch_size():
    nn.clear_parameters()
    x, t = nn.Variable((4, 3)), nn.Variable((4, 1))
    loss = F.mean(F.softmax_cross_entropy(PF.affine(x, 2, name="fc"), t))
    with pytest.raises(ExportError) as refused:
        inference_network(x, loss, 1)
    assert "before its loss" in refused.value.help
