# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Stored networks with a batch size written into them, and first states that nobody gives."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.errors import FixedBatchError
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from tests.models.others import (
    attention,
    cells,
    onnx_like,
    parameter,
    recurrent,
    samples,
    save,
)


def one_by_one(file, values):
    found = []
    network = file.build(batch_size=file.only_batch() or 1)
    (x,) = network.inputs.values()
    for start in range(0, len(values), x.shape[0]):
        x.d = values[start : start + x.shape[0]]
        network.output.forward()
        found.append(network.output.d.copy())
    return np.concatenate(found)


def at_once(file, values):
    x = nn.Variable.from_numpy_array(values)
    network = file.build(x=x)
    network.output.forward()
    return network.output.d.copy()


FOLLOW = {
    "onnx": lambda: onnx_like(),
    "onnx of four": lambda: onnx_like(4),
    "attention": attention,
    **{kind: lambda kind=kind: recurrent(kind) for kind in ("rnn", "lstm", "gru")},
}


@pytest.mark.parametrize("name", FOLLOW)
def test_a_batch_size_in_the_file_does_not_keep_others_away(name, tmp_path):
    x, y = FOLLOW[name]()
    file = NnpFile(save(tmp_path / "net.nnp", x, y, batch_size=x.shape[0]))
    nn.clear_parameters()
    values = samples(x, count=8)["x"]
    assert file.only_batch() is None
    np.testing.assert_allclose(at_once(file, values), one_by_one(file, values), atol=1e-6)


def test_what_the_graph_of_a_file_computes_is_what_the_script_computed(tmp_path):
    for build in FOLLOW.values():
        nn.clear_parameters()
        x, y = build()
        x.d = samples(x, count=x.shape[0])["x"]
        y.forward()
        file = NnpFile(save(tmp_path / "net.nnp", x, y, batch_size=x.shape[0]))
        nn.clear_parameters()
        np.testing.assert_allclose(at_once(file, x.d), y.d, atol=2e-6)


def test_a_fully_connected_layer_of_onnx_is_a_layer_with_its_weight(tmp_path):
    x, y = onnx_like()
    network = NnpFile(save(tmp_path / "net.nnp", x, y)).build()
    found = [(layer.name, layer.type) for layer in layers([network.output])]
    assert found == [
        ("Conv_0.weight", "Convolution"),
        ("10.weight", "Convolution"),
        ("fc1.weight", "Affine"),
        ("fc 2.weight", "Affine"),
    ]


def test_graphs_for_training_and_for_inference_share_what_was_placed_anew(tmp_path):
    for x, y in (onnx_like(), recurrent("lstm")):
        file = NnpFile(save(tmp_path / "net.nnp", x, y))
        nn.clear_parameters()
        test, train = (file.build(test=is_test) for is_test in (True, False))
        arrays = [{layer.weight.data for layer in layers([n.output])} for n in (test, train)]
        assert arrays[0] == arrays[1]
        known = {p.data for p in nn.get_parameters().values()}
        assert arrays[0] <= known
        nn.clear_parameters()


def test_a_truly_fixed_batch_size_is_kept_and_named(tmp_path):
    x = nn.Variable((4, 6))
    y = PF.affine(x * parameter("per_row", 4, 6), 3, name="a")
    file = NnpFile(save(tmp_path / "net.nnp", x, y, batch_size=4))
    assert file.only_batch() == 4
    assert file.build().output.shape == (4, 3)
    assert file.build(x=nn.Variable((4, 6))).output.shape == (4, 3)
    with pytest.raises(FixedBatchError, match=r"4 sample\(s\) at a time only") as error:
        file.build(x=nn.Variable((2, 6)))
    assert error.value.rows == 4 and "variable_batch_size=True" in error.value.help


def test_a_network_for_any_batch_size_is_built_as_before(tmp_path):
    x = nn.Variable((2, 6))
    file = NnpFile(save(tmp_path / "net.nnp", x, PF.affine(x, 3, name="a"), any_batch_size=True))
    assert file.only_batch() is None and file.build(batch_size=7).output.shape == (7, 3)


def test_first_states_that_no_executor_gives_are_zeros_and_named(tmp_path):
    file = NnpFile(cells(tmp_path / "net.nnp"))
    nn.clear_parameters()
    assert list(file.data_shapes()) == ["x"] and len(file.zeros()) == 2
    (note,) = file.notes()
    assert all(name in note for name in file.zeros()) and "zeros" in note
    network = file.build()
    assert list(network.inputs) == ["x"]
    constants = [f for f in functions([network.output]) if f.info.type_name == "Constant"]
    assert len(constants) == 2 and all(f.info.args["val"] == 0 for f in constants)


def test_states_that_an_executor_gives_stay_inputs(tmp_path):
    x, h = nn.Variable((1, 6)), nn.Variable((1, 4))
    y = PF.affine(F.concatenate(x, h, axis=1), 4, name="a")
    file = NnpFile(save(tmp_path / "net.nnp", {"x": x, "h": h}, y))
    assert list(file.data_shapes()) == ["x", "h"] and file.zeros() == [] and file.notes() == ()


def time_major(steps):
    x = nn.Variable((steps, 1, 5))
    start = F.constant(0, (1, 1, 1, 6))
    weights, bias = parameter("g/w0", 1, 3, 6, 11), parameter("g/b", 1, 1, 4, 6)
    last = F.gru(x, start, weights, None, bias, num_layers=1)[1]
    return x, PF.affine(F.reshape(last, (1, 6)), 3, name="o")


def test_a_first_axis_of_steps_is_no_batch(tmp_path):
    """No output has as many rows: with fewer it would be another network, of shorter sequences."""
    file = NnpFile(save(tmp_path / "net.nnp", *time_major(4), batch_size=1))
    nn.clear_parameters()
    assert file.only_batch() == 4
    assert file.build(batch_size=4).output.shape == (1, 3)
    with pytest.raises(FixedBatchError, match="4 sample"):
        file.build(x=nn.Variable((8, 1, 5)))
