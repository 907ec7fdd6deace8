# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files whose networks hold more than their executor runs."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnb
from nnabla_compress.models import NnpFile
from nnabla_compress.models.nnp_executed import executed_part
from nnabla_compress.nnb import read_nnb
from nnabla_compress.verification import verify_files


def file_with(path, networks, executor):
    executors = [{"name": "runtime", "network": executor, "data": ["x"], "output": ["y"]}]
    networks = [{"name": key, "batch_size": 2, **value} for key, value in networks.items()]
    save(str(path), {"networks": networks, "executors": executors if executor else []})
    nn.clear_parameters()
    return path


def graph():
    nn.clear_parameters()
    x, t = nn.Variable((2, 6)), nn.Variable((2, 1))
    y = PF.affine(F.relu(PF.affine(x, 8, name="a")), 3, name="b")
    return x, t, y, F.mean(F.softmax_cross_entropy(PF.affine(y, 3, name="aid"), t))


@pytest.fixture(params=["the only output", "beside the output"])
def with_loss(tmp_path, request):
    x, t, y, loss = graph()
    names = {"x": x, "t": t, "y": y}
    outputs = {"loss": loss} if request.param == "the only output" else {"y": y, "loss": loss}
    return file_with(
        tmp_path / "net.nnp",
        {
            "main": {
                "outputs": outputs,
                "names": {k: v for k, v in names.items() if k not in outputs},
            }
        },
        "main",
    )


def test_a_loss_behind_the_output_is_left_out_of_the_nnb(with_loss, tmp_path):
    network = read_nnb(export_nnb(tmp_path / "net.nnb", with_loss))
    assert [f.type_name for f in network.functions] == ["Affine", "ReLU", "Affine"]
    assert len(network.inputs) == len(network.outputs) == 1


def test_the_output_of_the_executor_is_verified(with_loss):
    before = with_loss.read_bytes()
    found = verify_files(with_loss, count=8)
    assert found.kept and list(found.comparisons[0].outputs) == ["y"]
    assert with_loss.read_bytes() == before


def test_the_target_of_the_loss_is_no_state_that_starts_from_zeros(with_loss):
    file = NnpFile(with_loss)
    assert file.zeros() == [] and file.notes() == () and list(file.data_shapes()) == ["x"]


def test_the_rest_computes_what_it_did(with_loss, tmp_path):
    (tmp_path / "made").mkdir()
    made = executed_part(with_loss, tmp_path / "made")
    values = np.random.RandomState(0).randn(2, 6).astype(np.float32)
    found = []
    for path in (with_loss, made):
        built = NnpFile(path).build()
        built.inputs["x"].d = values
        built.output.forward()
        found.append(built.output.d.copy())
        nn.clear_parameters()
    assert made != with_loss
    np.testing.assert_array_equal(*found)


def test_a_file_without_a_rest_is_taken_as_it_is(tmp_path):
    x, _, y, _ = graph()
    path = file_with(tmp_path / "a.nnp", {"main": {"outputs": {"y": y}, "names": {"x": x}}}, "main")
    assert executed_part(path, tmp_path) == path
    path = file_with(tmp_path / "b.nnp", {"main": {"outputs": {"y": y}, "names": {"x": x}}}, "")
    assert executed_part(path, tmp_path) == path


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "net.nnp").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="net.nnp"):
        executed_part(tmp_path / "net.nnp", tmp_path)


def test_of_several_networks_that_of_the_executor_is_taken(tmp_path):
    x, t, y, loss = graph()
    networks = {
        "with loss": {"outputs": {"loss": loss}, "names": {"x": x, "t": t}},
        "plain": {"outputs": {"y": y}, "names": {"x": x}},
    }
    assert NnpFile(file_with(tmp_path / "net.nnp", networks, "plain")).choose() == "plain"
    x, t, y, loss = graph()
    networks["with loss"] = {"outputs": {"loss": loss}, "names": {"x": x, "t": t}}
    networks["plain"] = {"outputs": {"y": y}, "names": {"x": x}}
    path = file_with(tmp_path / "none.nnp", networks, "")
    with pytest.raises(ConfigError, match="several networks") as error:
        NnpFile(path).choose()
    assert "--network" in error.value.help
