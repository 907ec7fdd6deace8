# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks as projects that the editor of Neural Network Console opens, and trains."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from google.protobuf import text_format
from nnabla.utils import nnabla_pb2
from nnabla.utils.nnp_graph import NnpLoader

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.exporters.console_project import ProjectLoss, write_project
from nnabla_compress.models import NnpFile

CLASSES = ProjectLoss("SoftmaxCrossEntropy")


def network(last=F.softmax, weights=None):
    nn.clear_parameters()
    np.random.seed(3)
    x = nn.Variable((1, 1, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), apply_w=weights, name="conv"))
    y = PF.affine(h, 5, apply_w=weights, name="fc")
    return x, last(y)


def project(folder, x, y, loss=CLASSES, storage="float"):
    export_nnp(folder / "net.nnp", y, x, storage=storage)
    write_project(folder / "net.console.nnp", folder / "net.nnp", loss)
    return folder / "net.console.nnp"


def proto_of(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("network.nntxt")
    return text_format.Merge(text, nnabla_pb2.NNablaProtoBuf())


def test_it_holds_what_a_training_of_console_leaves(tmp_path):
    proto = proto_of(project(tmp_path, *network()))
    assert [each.name for each in proto.network] == ["Main", "MainValidation", "MainRuntime"]
    assert {each.network_name for each in proto.monitor} == {"MainValidation"}
    assert [each.name for each in proto.monitor] == ["train_error", "valid_error"]
    assert [each.uri for each in proto.dataset] == ["net.training.csv", "net.validation.csv"]
    (optimizer,), (executor,) = proto.optimizer, proto.executor
    assert optimizer.network_name == "Main" and executor.network_name == "MainRuntime"
    assert executor.data_variable[0].data_name == "x"
    assert (tmp_path / "net.training.csv").read_text("utf-8") == "x:image,y:label\n"
    for each in proto.network:
        assert not any(v.name.startswith("@") for v in (*each.variable, *each.function))
        types = [function.type for function in each.function]
        ends = {"MainRuntime": "Softmax"}.get(each.name, "SoftmaxCrossEntropy")
        assert types[-1] == ends and types.count("Softmax") == (each.name == "MainRuntime")


def test_nnabla_computes_its_networks(tmp_path):
    x, y = network()
    x.d = values = np.random.RandomState(1).randn(1, 1, 6, 6).astype(np.float32)
    y.forward()
    path = project(tmp_path, x, y)
    runtime = NnpLoader(str(path)).get_network("MainRuntime", batch_size=1)
    (given,), (made,) = runtime.inputs.values(), runtime.outputs.values()
    given.d = values
    made.forward()
    np.testing.assert_array_equal(made.d, y.d)
    trained = NnpLoader(str(path)).get_network("Main", batch_size=1)
    trained.inputs["x"].d, trained.inputs["T"].d = values, 2
    loss = trained.outputs["Loss"]
    loss.forward()
    np.testing.assert_allclose(loss.d, -np.log(y.d[:, 2:3]), rtol=1e-5)


@pytest.mark.long
def test_nnabla_trains_it_as_console_does(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    path = project(tmp_path, x, F.softmax(PF.affine(x, 2, name="fc")))
    rows = [",".join(map(str, (*row, int(row[0] > 0)))) for row in np.random.randn(128, 4)]
    for name in ("training", "validation"):
        with open(tmp_path / f"net.{name}.csv", "a", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
    (tmp_path / "out").mkdir()
    words = ["train", "-c", str(path), "-o", str(tmp_path / "out")]
    result = subprocess.run(
        [sys.executable, "-m", "nnabla.utils.cli.cli", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0 and "Training Completed" in result.stderr, result.stderr
    assert list((tmp_path / "out").glob("results*.nnp"))


def test_our_own_verbs_read_it(tmp_path):
    file = NnpFile(project(tmp_path, *network()))
    assert file.choose() == "MainRuntime" and file.data_names == {"x": "x", "T": "y"}
    assert file.head().loss == "SoftmaxCrossEntropy"


@pytest.mark.parametrize(
    "last, loss, ends, kept",
    [
        (F.softmax, ProjectLoss("CategoricalCrossEntropy"), "CategoricalCrossEntropy", True),
        (F.sigmoid, ProjectLoss("SigmoidCrossEntropy"), "SigmoidCrossEntropy", False),
        (F.sigmoid, ProjectLoss("BinaryCrossEntropy"), "BinaryCrossEntropy", True),
        (F.identity, ProjectLoss("HuberLoss", delta=0.5), "HuberLoss", True),
        (F.relu, ProjectLoss("SquaredError"), "SquaredError", True),
    ],
)
def test_losses_act_on_what_they_are_for(last, loss, ends, kept, tmp_path):
    path = project(tmp_path, *network(last), loss)
    main = NnpLoader(str(path)).get_network("Main", batch_size=3)
    made = main.outputs["Loss"]
    made.forward()
    assert made.parent.info.type_name == ends
    expected = 1 if loss.name == "CategoricalCrossEntropy" else 5
    assert made.shape == (3, expected) and main.inputs["T"].shape == (3, expected)
    types = [function.type for function in proto_of(path).network[0].function]
    activation = {F.softmax: "Softmax", F.sigmoid: "Sigmoid", F.relu: "ReLU"}.get(last)
    if activation in ("Softmax", "Sigmoid"):
        assert (activation in types) == kept
    if loss.name == "HuberLoss":
        assert made.parent.info.args["delta"] == 0.5


def test_codes_are_not_trained(tmp_path):
    path = project(tmp_path, *network(weights=Q.Affine(bits=8)), storage="int8")
    (optimizer,) = proto_of(path).optimizer
    rates = {p.variable_name: p.learning_rate_multiplier for p in optimizer.parameter_variable}
    assert rates["conv/conv/b"] == 1 and 0.0 in rates.values()
    decoders = [f for f in proto_of(path).network[0].function if f.type in ("MulScalar", "Mul2")]
    codes = {name for function in decoders for name in function.input} & set(rates)
    assert codes and all(rates[name] == 0 for name in codes)


def test_what_the_editor_can_not_show_is_refused(tmp_path):
    with pytest.raises(UnsupportedFunctionError, match="can't show what decodes a weight"):
        project(tmp_path, *network(weights=Q.LUT(bits=2)), storage="one_hot")
    assert not (tmp_path / "net.console.nnp").exists()


def test_several_outputs_are_refused(tmp_path):
    x, y = network()
    with pytest.raises(ConfigError, match="acts on one output.*several: a, b"):
        project(tmp_path, x, {"a": y, "b": y * 2})


def test_data_sets_that_are_there_stay(tmp_path):
    (tmp_path / "net.training.csv").write_text("x:image,y:label\na.png,1\n", encoding="utf-8")
    project(tmp_path, *network())
    assert "a.png" in (tmp_path / "net.training.csv").read_text("utf-8")


def test_headers_follow_the_inputs(tmp_path):
    nn.clear_parameters()
    a, b = nn.Variable((1, 2)), nn.Variable((1, 5, 4))
    y = PF.affine(F.concatenate(a, F.reshape(b, (1, -1))), 3, name="fc")
    project(tmp_path, {"a": a, "b": b}, y)
    assert (tmp_path / "net.training.csv").read_text("utf-8") == "a__0,a__1,b,y:label\n"
