# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The outputs of a stored network are those of its executor."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.models import NnpFile
from nnabla_compress.models.nnp_executors import Executor


def executor(name, *outputs):
    return {"name": name, "network": "net", "data": ["x"], "output": list(outputs)}


def write(path, outputs, names, *executors):
    network = {"name": "net", "batch_size": 1, "outputs": outputs, "names": names}
    save(str(path), {"networks": [network], "executors": list(executors)})
    nn.clear_parameters()
    return NnpFile(path)


def two_layers():
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 5, name="a"))
    return x, h, PF.affine(h, 3, name="b")


def half_of_a_split():
    x = nn.Variable((1, 4, 6))
    one, _ = F.split(F.tanh(F.reshape(x, (1, 2, 2, 6))), axis=1)
    return x, PF.affine(one, 3, name="fc")


@pytest.mark.parametrize("named", [True, False])
def test_what_is_left_over_of_a_function_is_no_output(tmp_path, named):
    x, y = half_of_a_split()
    executors = [executor("runtime", "y")] if named else []
    network = write(tmp_path / "a.nnp", {"y": y}, {"x": x}, *executors).build()
    assert {name: v.shape for name, v in network.outputs.items()} == {"y": (1, 3)}


def test_all_outputs_of_a_last_function_are_outputs(tmp_path):
    x = nn.Variable((1, 2, 6))
    one, other = F.split(F.tanh(x), axis=1)
    file = write(tmp_path / "a.nnp", {"one": one, "other": other}, {"x": x})
    assert list(file.build().outputs) == ["one", "other"]


@pytest.mark.parametrize("chosen", [["y"], ["h"], ["y", "h"], ["h", "y"]])
def test_an_executor_names_outputs_in_its_order_also_inner_ones(tmp_path, chosen):
    x, h, y = two_layers()
    file = write(tmp_path / "a.nnp", {"y": y}, {"x": x, "h": h}, executor("runtime", *chosen))
    network = file.build(batch_size=2)
    shapes = {"y": (2, 3), "h": (2, 5)}
    assert [(k, v.shape) for k, v in network.outputs.items()] == [(k, shapes[k]) for k in chosen]
    used = {name.split("/")[0] for name in nn.get_parameters()}
    assert used == ({"a", "b"} if "y" in chosen else {"a"})


def test_of_several_executors_the_first_holds_as_for_nnabla(tmp_path):
    x, h, y = two_layers()
    executors = [executor("one", "h"), executor("two", "y")]
    file = write(tmp_path / "a.nnp", {"y": y}, {"x": x, "h": h}, *executors)
    assert list(file.build().outputs) == ["h"]


def test_names_that_the_network_does_not_compute_are_passed_over(tmp_path, monkeypatch):
    x, y = half_of_a_split()
    write(tmp_path / "a.nnp", {"y": y}, {"x": x}, executor("runtime", "y"))
    names = Executor("runtime", "net", ("x",), ("x", "gone"))
    monkeypatch.setattr("nnabla_compress.models.nnp.executor_of", lambda message: names)
    assert list(NnpFile(tmp_path / "a.nnp").build().outputs) == ["y"]


def test_a_loss_behind_the_output_is_the_networks_own(tmp_path):
    x, _, y = two_layers()
    label = nn.Variable((1, 1))
    loss = F.mean(F.softmax_cross_entropy(y, label))
    names = {"x": x, "y": y, "label": label}
    file = write(tmp_path / "a.nnp", {"loss": loss}, names, executor("runtime", "y"))
    network = file.build()
    assert list(network.inputs) == ["x"] and network.output.shape == (1, 3)
    assert file.data_shapes() == {"x": (6,)}
    assert (file.head().loss, file.head().target) == ("SoftmaxCrossEntropy", "label")


def test_the_graph_computes_the_inner_variable(tmp_path):
    x, h, y = two_layers()
    x.d = np.random.RandomState(0).randn(1, 6)
    h.forward()
    expected = h.d.copy()
    file = write(tmp_path / "a.nnp", {"y": y}, {"x": x, "h": h}, executor("runtime", "h"))
    network = file.build()
    network.inputs["x"].d = x.d
    network.output.forward()
    np.testing.assert_array_equal(network.output.d, expected)
