# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks saved as nnabla.utils.save does, so that they can be loaded."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest
from nnabla.utils.load import load
from nnabla.utils.nnp_graph import NnpLoader
from nnabla.utils.save import save as save_of_nnabla

from nnabla_compress import save
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.quantizers import LUT


@pytest.fixture
def contents():
    nn.clear_parameters()
    np.random.seed(1)
    x = nn.Variable((2, 6))
    y = PF.affine(x, 3, apply_w=LUT(bits=2), name="fc")
    network = {"name": "Net", "batch_size": 2, "outputs": {"y": y}, "names": {"in": x}}
    runtime = {"name": "Run", "network": "Net", "data": ["in"], "output": ["y"]}
    return {"networks": [network], "executors": [runtime]}


def test_what_nnabla_writes_can_not_be_loaded_and_this_can(contents, tmp_path):
    save_of_nnabla(str(tmp_path / "trap.nnp"), contents)
    with pytest.raises(Exception, match="LUT"):
        NnpLoader(str(tmp_path / "trap.nnp")).get_network("Net", batch_size=2)
    save(tmp_path / "net.nnp", contents)
    found = NnpLoader(str(tmp_path / "net.nnp")).get_network("Net", batch_size=2)
    x, y = (contents["networks"][0][key] for key in ("names", "outputs"))
    x["in"].d = found.inputs["in"].d = np.random.randn(2, 6)
    for output in (y["y"], found.outputs["y"]):
        output.forward()
    np.testing.assert_allclose(found.outputs["y"].d, y["y"].d, rtol=1e-6, atol=1e-6)


def test_executors_keep_their_names(contents, tmp_path):
    save(tmp_path / "net.nnp", contents)
    nn.clear_parameters()
    info = load([str(tmp_path / "net.nnp")], prepare_data_iterator=False, batch_size=1)
    assert list(info.executors) == ["Run"] and list(info.networks) == ["Net"]
    nn.clear_parameters()


def test_options_are_those_of_the_export(contents, tmp_path):
    report = save(tmp_path / "net.nnp", contents, storage="float")
    assert [row.storage for row in report.rows] == ["float"]


@pytest.mark.parametrize("key", ["optimizers", "datasets", "monitors"])
def test_parts_of_a_training_are_refused_with_the_way_to_keep_them(contents, key, tmp_path):
    with pytest.raises(ConfigError, match=f"writes what infers, and contents has {key}") as told:
        save(tmp_path / "net.nnp", {**contents, key: [{"solver": S.Sgd()}]})
    assert "nnabla.save_parameters" in told.value.help
    with pytest.raises(ConfigError, match="has 2 networks"):
        save(tmp_path / "net.nnp", {"networks": 2 * contents["networks"]})
    assert not list(tmp_path.iterdir())


def test_a_function_that_no_device_has_is_named(contents, tmp_path):
    network = contents["networks"][0]
    network["outputs"] = {"y": F.sin(network["outputs"]["y"])}
    with pytest.raises(UnsupportedFunctionError, match="Sin"):
        save(tmp_path / "net.nnp", contents)


def test_the_report_names_the_file_that_was_written(contents, tmp_path):
    report = save(tmp_path / "net.nnp", contents)
    assert report.path == tmp_path / "net.nnp" and report.path.stat().st_size == report.file_bytes


@pytest.mark.parametrize("key", ["name", "outputs", "names"])
def test_what_a_network_lacks_is_named(contents, key, tmp_path):
    del contents["networks"][0][key]
    with pytest.raises(ConfigError, match=f"has no {key}"):
        save(tmp_path / "net.nnp", contents)
    with pytest.raises(ConfigError, match=r"net\.h5: it does not end in \.nnp"):
        save(tmp_path / "net.h5", contents)
