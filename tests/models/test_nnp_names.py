# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Stored networks whose names NNabla's graphs can't have."""

from __future__ import annotations

import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils import nnabla_pb2

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.models import NnpFile
from tests.models.others import parameter, save


@pytest.fixture
def japanese(tmp_path):
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 5, name="全結合")), 3, name="été")
    x.d = np.linspace(-1, 1, 6)
    y.forward()
    path = save(tmp_path / "ネット.nnp", {"入力": x}, {"出力": y})
    nn.clear_parameters()
    return path, y.d.copy()


def test_a_network_with_names_of_any_script_is_read_and_shown_as_it_is(japanese):
    path, expected = japanese
    file = NnpFile(path)
    assert file.data_shapes() == {"入力": (6,)}
    assert file.executors[0].inputs == ("入力",) and file.executors[0].outputs == ("出力",)
    x = nn.Variable.from_numpy_array(np.linspace(-1, 1, 6)[None])
    network = file.build(x={"入力": x})
    network.output.forward()
    np.testing.assert_array_equal(network.output.d, expected)
    assert list(network.inputs) == ["入力"] and list(network.outputs) == ["出力"]
    assert [layer.name for layer in layers([network.output])] == ["全結合/affine", "été/affine"]


def test_rules_reports_and_exports_know_the_original_names(japanese, tmp_path):
    path, _ = japanese
    loaded = compress(path, {"weights": ["lut:bits=4", "été*=lut:bits=2"]})
    report = export_nnp(tmp_path / "out.nnp", loaded.outputs, loaded.inputs)
    assert [(row.name, row.bits) for row in report.rows] == [
        ("全結合/affine", 4),
        ("été/affine", 2),
    ]
    export_nnb(tmp_path / "out.nnb", tmp_path / "out.nnp")
    (network,) = summary(tmp_path / "out.nnp").networks
    assert [layer.name for layer in network.layers] == ["全結合/affine", "été/affine"]
    assert list(network.inputs) == ["入力"] and list(network.outputs) == ["出力"]
    assert [layer.weights.bits for layer in network.layers] == [4, 2]


def test_samples_are_given_by_the_original_name(japanese, tmp_path):
    path, _ = japanese
    loaded = NnpFile(path).build()
    samples = {"入力": np.random.RandomState(0).randn(40, 6).astype(np.float32)}
    outputs, inputs = loaded.outputs, loaded.inputs
    export_nnp(tmp_path / "out.nnp", outputs, inputs, target="int8", samples=samples)


def test_a_parameter_whose_path_is_the_scope_of_others_is_read(tmp_path):
    x = nn.Variable.from_numpy_array(np.linspace(-1, 1, 6)[None])
    h = F.relu(F.affine(x, parameter("aa", 6, 5), parameter("a/b", 5)))
    y = F.affine(h, parameter("a/W", 5, 3), parameter("z", 3))
    y.forward()
    source = save(tmp_path / "source.nnp", x, y)
    message = nnabla_pb2.NNablaProtoBuf()
    for name, variable in nn.get_parameters(grad_only=False).items():
        stored = message.parameter.add()
        stored.variable_name = {"aa": "a"}.get(name, name)
        stored.shape.dim.extend(variable.shape)
        stored.data.extend(variable.d.ravel().tolist())
        stored.need_grad = True
    with zipfile.ZipFile(source) as archive:
        text = archive.read("network.nntxt").decode().replace('"aa"', '"a"')
    with zipfile.ZipFile(tmp_path / "net.nnp", "w") as archive:
        archive.writestr("network.nntxt", text)
        archive.writestr("parameter.protobuf", message.SerializeToString())
    nn.clear_parameters()
    network = NnpFile(tmp_path / "net.nnp").build(x=x)
    network.output.forward()
    np.testing.assert_array_equal(network.output.d, y.d)
    assert len(layers([network.output])) == 2
    compressed = compress(tmp_path / "net.nnp", "lut:bits=4")
    assert len({layer.name for layer in layers(list(compressed.outputs.values()))}) == 2
