# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Graph, .nnp, .nnb in the simulator, and a stand-in for the real runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, DataError, VerifyError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import LUT, Uniform
from nnabla_compress.verification import Samples, verify_files
from nnabla_compress.verification.engines import GraphEngine

ROOT = Path(__file__).parents[2]
SIMULATED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from nnabla_compress.simulator import Machine
command, network, *files, out = sys.argv[1:]
assert command == "infer"
machine = Machine(network)
ports = zip(machine.inputs, files)
inputs = [np.fromfile(f, port.dtype).reshape(port.shape) for port, f in ports]
for number, array in enumerate(machine.forward(inputs)):
    array.tofile(f"{{out}}_{{number}}.bin")
"""
WRONG = """
import sys
open(sys.argv[-1] + "_0.bin", "wb").write(bytes(4 * 3))
"""
FAILING = "import sys; sys.exit('Error: -999, Function (ID: 16) is not implemented')"
SHORT = """
import sys
open(sys.argv[-1] + "_0.bin", "wb").write(bytes(4))
"""


@pytest.fixture(autouse=True)
def no_real_runtime(monkeypatch):
    monkeypatch.delenv("NNABLART", raising=False)


@pytest.fixture
def nnablart(tmp_path, monkeypatch):
    def install(text):
        program = tmp_path / "nnablart"
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)
        monkeypatch.setenv("NNABLART", str(program))

    return install


def network(quantized=True):
    x = nn.Variable((1, 2, 4, 4))
    x.d = np.random.RandomState(0).randn(*x.shape)
    h = x
    if quantized:
        with nn.parameter_scope("in"):
            h = Uniform(bits=8)(x)
    weight = Uniform(bits=4) if quantized else None
    y = PF.affine(F.relu(h), 3, apply_w=weight, name="f")
    y.forward()
    return x, y


@pytest.fixture
def exported(tmp_path):
    x, y = network()
    export_nnp(tmp_path / "net.nnp", y, x, target="integer")
    return x, y, tmp_path / "net.nnp"


def test_an_nnp_is_converted_and_simulated(exported):
    found = verify_files(exported[2], count=7)
    (comparison,) = found.comparisons
    assert (comparison.first, comparison.second) == (".nnp in NNabla", ".nnb in the simulator")
    assert comparison.promise.text == "value for value" and found.kept
    assert found.count == 7 and found.accuracies == {}
    found.check()


def test_the_graph_comes_first(exported):
    x, y, nnp = exported
    found = verify_files(nnp, count=5, graph=GraphEngine({"x": x}, {"y": y}))
    assert [c.first for c in found.comparisons] == ["graph", ".nnp in NNabla"]
    assert found.kept


def test_a_graph_that_was_changed_since_breaks_the_promise(exported):
    x, y, nnp = exported
    nn.get_parameters()["f/affine/b"].d += 1
    found = verify_files(nnp, count=5, graph=GraphEngine({"x": x}, {"y": y}))
    assert not found.kept
    with pytest.raises(VerifyError, match="graph and .nnp in NNabla differ in output y"):
        found.check()


def test_an_nnb_alone_has_nothing_to_be_compared_with(exported, tmp_path):
    nnb = export_nnb(tmp_path / "net.nnb", exported[2])
    found = verify_files(nnb=nnb, count=3)
    assert found.comparisons == () and found.kept


def test_accuracy_is_that_of_each_on_the_labels(exported):
    rows = np.random.RandomState(4).randn(20, 2, 4, 4).astype(np.float32)
    x, y, nnp = exported
    labels = []
    for row in rows:
        x.d = row[np.newaxis]
        y.forward()
        labels.append([int(y.d[0].argmax())])
    labels[0][0] = (labels[0][0] + 1) % 3
    samples = Samples([rows], "here", np.array(labels))
    found = verify_files(nnp, samples=samples)
    assert found.accuracies == {".nnp in NNabla": 0.95, ".nnb in the simulator": 0.95}


def test_accuracy_of_exits_is_that_of_the_last_one(tmp_path):
    x = nn.Variable((1, 4))
    exits = {"exit1": PF.affine(x, 3, name="a"), "exit2": PF.affine(F.tanh(x), 3, name="b")}
    export_nnp(tmp_path / "net.nnp", exits, x)
    rows = np.random.RandomState(4).randn(20, 4).astype(np.float32)
    labels = []
    for row in rows:
        x.d = row[np.newaxis]
        nn.forward_all(list(exits.values()))
        labels.append([int(exits["exit2"].d[0].argmax())])
    found = verify_files(tmp_path / "net.nnp", samples=Samples([rows], "here", np.array(labels)))
    assert set(found.accuracies.values()) == {1.0}


def test_float_networks_agree_within_the_order_of_additions(tmp_path):
    x, y = network(quantized=False)
    export_nnp(tmp_path / "net.nnp", F.softmax(y), x)
    (comparison,) = verify_files(tmp_path / "net.nnp", count=5).comparisons
    assert comparison.promise.largest == 1e-4 and comparison.kept


def test_integer_kernels_are_promised_nothing(tmp_path):
    x, y = network(quantized=False)
    samples = {"x": np.random.RandomState(1).randn(40, 2, 4, 4)}
    export_nnp(tmp_path / "net.nnp", y, x, target="int16", samples=samples)
    (comparison,) = verify_files(tmp_path / "net.nnp", count=5).comparisons
    assert comparison.promise.text == "nothing" and comparison.kept


@pytest.mark.parametrize("options", [{"target": "int16"}, {"snap_dictionary": True}])
def test_other_values_on_purpose_promise_nothing_of_the_graph(tmp_path, options):
    x = nn.Variable((1, 2, 4, 4))
    x.d = np.random.RandomState(0).randn(*x.shape)
    y = PF.affine(x, 3, apply_w=LUT(bits=4), name="f")
    y.forward()
    samples = {"x": np.random.RandomState(1).randn(40, 2, 4, 4)}
    export_nnp(tmp_path / "net.nnp", y, x, samples=samples, **options)
    graph = GraphEngine({"x": x}, {"y": y})
    first = verify_files(tmp_path / "net.nnp", count=5, graph=graph).comparisons[0]
    assert first.promise.text == "nothing" and first.outputs["y"].equal < 1


def test_batches_of_the_file_are_filled_up(exported, tmp_path):
    nnb = export_nnb(tmp_path / "net.nnb", exported[2], batch_size=3)
    found = verify_files(exported[2], nnb, count=7)
    assert found.kept and found.comparisons[0].outputs["y"].equal == 1


def test_several_inputs_are_found_by_name(tmp_path):
    a, b = nn.Variable((1, 3)), nn.Variable((1, 3))
    export_nnp(tmp_path / "net.nnp", F.sub2(a, 2 * b), {"a": a, "b": b})
    rows = [np.full((2, 3), value, np.float32) for value in (1, 5)]
    samples = Samples(rows, "here", names=("b", "a"))
    assert samples.in_order_of(["a", "b"]).rows[0][0, 0] == 5
    assert verify_files(tmp_path / "net.nnp", samples=samples).kept
    with pytest.raises(ConfigError, match="has 2 inputs, the samples 1"):
        verify_files(tmp_path / "net.nnp", samples=Samples(rows[:1], "here"))


def test_samples_of_another_shape_are_refused(exported):
    with pytest.raises(DataError, match="the samples of input 0 have the shape"):
        verify_files(exported[2], samples=Samples([np.zeros((2, 4, 4), np.float32)], "here"))


def test_the_real_runtime_takes_part_where_it_is_named(exported, nnablart):
    nnablart(SIMULATED)
    found = verify_files(exported[2], count=1)
    assert found.comparisons[-1].second == ".nnb in nnablart"
    assert found.comparisons[-1].promise.text == "value for value" and found.kept


def test_a_runtime_that_computes_something_else_is_noticed(exported, nnablart):
    nnablart(WRONG)
    with pytest.raises(VerifyError, match=".nnb in the simulator and .nnb in nnablart differ"):
        verify_files(exported[2], count=2).check()


@pytest.mark.parametrize("text, words", [(FAILING, "not implemented"), (SHORT, "wrote 1 numbers")])
def test_a_runtime_that_fails_is_quoted(exported, nnablart, text, words):
    nnablart(text)
    with pytest.raises(VerifyError, match=words):
        verify_files(exported[2], count=2)


def test_a_runtime_that_is_not_there_is_refused(exported, monkeypatch):
    monkeypatch.setenv("NNABLART", "/nowhere/nnablart")
    with pytest.raises(ConfigError, match="NNABLART"):
        verify_files(exported[2], count=2)


def test_without_any_file_there_is_nothing_to_verify():
    with pytest.raises(ConfigError, match="no file"):
        verify_files()


def test_layers_that_nnabla_computes_otherwise_are_compared_by_their_reference(tmp_path):
    x = nn.Variable((1, 8))
    y = PF.affine(x, 4, apply_w=LUT(dictionary="binary"), name="f")
    export_nnp(tmp_path / "net.nnp", y, x, target="binary-weight")
    (found,) = verify_files(tmp_path / "net.nnp").comparisons
    assert found.first == "reference in NNabla" and found.kept
    assert found.promise.text == "within 0.0001 of the output"
