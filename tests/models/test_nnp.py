# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""nnp files: which network is chosen, what its graph computes, and files that are damaged."""

from __future__ import annotations

import os
import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from google.protobuf import text_format
from nnabla.utils import nnabla_pb2
from nnabla.utils.save import save

from nnabla_compress import cli
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.models import NnpFile
from nnabla_compress.models.heads import logits_of
from nnabla_compress.models.mlp import mlp


def _net(x, test, dropout=False):
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="conv")
    h = F.relu(PF.batch_normalization(h, batch_stat=not test, name="bn"))
    if dropout:
        h = F.dropout(h, 0.5)
    return PF.affine(h, 3, name="fc")


def _network(name, outputs, names):
    return {"name": name, "batch_size": 2, "outputs": outputs, "names": names}


def _write(path, networks, seed=0):
    """Writes an .nnp with random parameters and leaves the parameter scope empty."""
    rng = np.random.RandomState(seed)
    for name, parameter in nn.get_parameters(grad_only=False).items():
        values = rng.randn(*parameter.shape).astype(np.float32)
        parameter.d = np.abs(values) + 0.5 if name.endswith("var") else values
    save(str(path), {"networks": networks, "executors": []})
    values = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    nn.clear_parameters()
    return values


@pytest.fixture
def simple(tmp_path):
    x = nn.Variable((2, 1, 4, 4))
    path = tmp_path / "simple.nnp"
    _write(path, [_network("net", {"y": _net(x, test=True)}, {"x": x})])
    return path


def _random(variable, seed=1):
    variable.d = np.random.RandomState(seed).randn(*variable.shape)
    return variable


def _batch_stats(y):
    found = []
    y.visit(lambda f: found.append(f.info.args["batch_stat"]) if "batch_stat" in f.info.args else 0)
    return found


def _functions(y):
    found = []
    y.visit(lambda f: found.append(f.info.type_name))
    return found


def test_the_graph_computes_what_was_saved_for_any_batch_size(tmp_path):
    x = nn.Variable((2, 1, 4, 4))
    y = _net(x, test=True)
    path = tmp_path / "a.nnp"
    values = _write(path, [_network("net", {"y": y}, {"x": x})])
    _random(x)
    y.forward()
    network = NnpFile(path).build(batch_size=5)
    assert network.name == "net" and network.ends_in == "Affine"
    assert (
        network.inputs["x"].shape == (5, 1, 4, 4)
        and logits_of(network.output) is network.outputs["y"]
    )
    network.inputs["x"].d = np.concatenate([x.d, np.zeros((3, 1, 4, 4))])
    network.output.forward()
    np.testing.assert_allclose(network.output.d[:2], y.d, atol=1e-6)
    loaded = nn.get_parameters(grad_only=False)
    assert set(loaded) == set(values)
    assert all((loaded[name].d == values[name]).all() for name in values)
    assert all(parameter.d.dtype == np.float32 for parameter in loaded.values())


def test_parameters_land_in_the_current_scope(simple):
    with nn.parameter_scope("student"):
        NnpFile(simple).build()
    assert "student/conv/conv/W" in nn.get_parameters() and "fc/affine/W" not in nn.get_parameters()


def test_training_and_test_graphs_share_parameters(simple):
    file = NnpFile(simple)
    train = file(_random(nn.Variable((6, 1, 4, 4))), test=False)
    parameters = nn.get_parameters(grad_only=False)
    test = file(_random(nn.Variable((2, 1, 4, 4))), test=True)
    assert _batch_stats(train) == [True] and _batch_stats(test) == [False]
    again = nn.get_parameters(grad_only=False)
    assert all(again[name].data == parameters[name].data for name in parameters)
    test.forward()
    before = test.d.copy()
    parameters["fc/affine/b"].d = parameters["fc/affine/b"].d + 1
    test.forward()
    np.testing.assert_allclose(test.d, before + 1, atol=1e-5)


def test_running_statistics_are_no_trainable_parameters(simple):
    NnpFile(simple)(nn.Variable((2, 1, 4, 4)), test=False)
    names = {name.split("/")[-1] for name in nn.get_parameters()}
    assert names == {"W", "b", "beta", "gamma"}
    assert {"bn/bn/mean", "bn/bn/var"} <= set(nn.get_parameters(grad_only=False))


def test_gradients_reach_the_input_graph_and_the_parameters(simple):
    x = nn.Variable((2, 1, 4, 4), need_grad=True)
    y = NnpFile(simple)(x * 2, test=False)
    _random(x)
    weight = nn.get_parameters()["fc/affine/W"]
    for variable in (x, weight):
        variable.g = 0
    loss = F.sum(y**2)
    loss.forward()
    loss.backward()
    assert x.g.any() and weight.g.any()


@pytest.mark.parametrize("first", [True, False])
def test_dropout_acts_in_training_and_is_gone_in_test(tmp_path, first):
    x = nn.Variable((2, 1, 4, 4))
    y = _net(F.dropout(x, 0.5) if first else x, test=True, dropout=not first)
    _write(tmp_path / "a.nnp", [_network("net", {"y": y}, {"x": x})])
    file = NnpFile(tmp_path / "a.nnp")
    x = _random(nn.Variable((2, 1, 4, 4)))
    assert "Dropout" in _functions(file(x, test=False))
    test = file(x, test=True)
    assert "Dropout" not in _functions(test)
    plain = _net(x, test=True)
    for output in (test, plain):
        output.forward()
    np.testing.assert_allclose(test.d, plain.d, atol=1e-6)


def _several(path, *names):
    networks = []
    for width, name in enumerate(names, start=1):
        x = nn.Variable((2, width))
        networks.append(_network(name, {"y": PF.affine(x, 3, name=name)}, {"x": x}))
    _write(path, networks)
    return NnpFile(path)


@pytest.mark.parametrize(
    "names, chosen",
    [
        (("a",), "a"),
        (("a", "Runtime"), "Runtime"),
        (("Runtime", "Validation"), "Validation"),
        (("Main", "MainValidation", "MainRuntime"), "MainRuntime"),
        (("runtime", "a"), "runtime"),
    ],
)
def test_the_network_that_infers_is_chosen_by_its_name(tmp_path, names, chosen):
    file = _several(tmp_path / "a.nnp", *names)
    assert sorted(file.names) == sorted(names)
    assert file.choose() == chosen
    assert file.choose(names[0]) == names[0]
    assert file.data_shapes() == {"x": (names.index(chosen) + 1,)}


def test_a_choice_that_can_not_be_made_lists_the_networks(tmp_path):
    file = _several(tmp_path / "a.nnp", "one", "two")
    with pytest.raises(ConfigError, match="several networks: one, two"):
        file.choose()
    with pytest.raises(ConfigError, match="no network 'three'") as caught:
        file.choose("three")
    assert "one, two" in str(caught.value)


@pytest.mark.parametrize("head", ["Softmax", "Sigmoid", "LogSoftmax", "Affine"])
def test_logits_are_what_comes_before_the_last_activation(tmp_path, head):
    x = nn.Variable((2, 1, 4, 4))
    logits = _net(x, test=True)
    heads = {"Softmax": F.softmax, "Sigmoid": F.sigmoid, "LogSoftmax": F.log_softmax}
    y = heads[head](logits) if head in heads else logits
    _write(tmp_path / "a.nnp", [_network("net", {"y": y}, {"x": x})])
    network = NnpFile(tmp_path / "a.nnp").build(x=_random(x))
    assert network.ends_in == head
    found = logits_of(network.output)
    found.forward()
    logits.forward()
    np.testing.assert_allclose(found.d, logits.d, atol=1e-6)


def test_of_a_network_that_ends_in_a_loss_the_prediction_is_the_model(tmp_path):
    x, t = nn.Variable((2, 1, 4, 4)), nn.Variable((2, 1))
    loss = F.mean(F.softmax_cross_entropy(_net(x, test=True), t))
    _write(tmp_path / "a.nnp", [_network("Main", {"loss": loss}, {"x": x, "t": t})])
    file = NnpFile(tmp_path / "a.nnp")
    assert file.data_shapes() == {"x": (1, 4, 4)}
    assert file.head().loss == "SoftmaxCrossEntropy" and file.head().target == "t"
    y = file(_random(nn.Variable((5, 1, 4, 4))), test=True)
    assert y.shape == (5, 3) and y.parent.info.type_name == "Affine"


def test_several_inputs_are_given_by_name(tmp_path):
    a, b = nn.Variable((2, 5)), nn.Variable((2, 3))
    y = PF.affine(F.concatenate(a, b, axis=1), 2, name="fc")
    _write(tmp_path / "a.nnp", [_network("net", {"y": y}, {"a": a, "b": b})])
    file = NnpFile(tmp_path / "a.nnp")
    assert file({"a": nn.Variable((7, 5)), "b": nn.Variable((7, 3))}, test=True).shape == (7, 2)
    with pytest.raises(ConfigError, match="has 2 inputs: a, b"):
        file(nn.Variable((7, 5)), test=True)
    with pytest.raises(ConfigError, match="has the inputs a, b, got a"):
        file({"a": nn.Variable((7, 5))}, test=True)
    with pytest.raises(ConfigError, match=r"shape \(3,\) as b, got \(4,\)"):
        file({"a": nn.Variable((7, 5)), "b": nn.Variable((7, 4))}, test=True)


def test_several_outputs_are_refused_where_one_is_wanted(tmp_path):
    x = nn.Variable((2, 5))
    outputs = {"a": PF.affine(x, 2, name="a"), "b": PF.affine(x, 3, name="b")}
    _write(tmp_path / "a.nnp", [_network("net", outputs, {"x": x})])
    network = NnpFile(tmp_path / "a.nnp").build()
    assert set(network.outputs) == {"a", "b"}
    with pytest.raises(ConfigError, match="has 2 outputs: a, b"):
        assert network.output


def test_an_input_of_another_shape_is_refused(simple):
    with pytest.raises(ConfigError, match=r"samples of the shape \(1, 4, 4\), got \(3, 32, 32\)"):
        NnpFile(simple)(nn.Variable((2, 3, 32, 32)), test=True)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_with_its_name(simple, part, capfd):
    content = simple.read_bytes()
    simple.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="simple.nnp is cut short, damaged or no .nnp file"):
        NnpFile(simple)
    assert nn.get_parameters() == {}
    assert "Traceback" not in "".join(capfd.readouterr())


def _members(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _drop(*endings):
    def change(members):
        for name in [name for name in members if name.endswith(endings)]:
            del members[name]

    return change


def _replace(ending, function):
    def change(members):
        for name in [name for name in members if name.endswith(ending)]:
            members[name] = function(members[name])

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (_drop(".nntxt"), "holds no network"),
        (_drop(".h5", ".protobuf"), "lacks .* parameters"),
        (_drop(".nntxt", ".h5", ".protobuf"), "holds no network"),
        (_replace(".nntxt", lambda content: content[: len(content) // 2]), "can't read"),
        (_replace(".nntxt", lambda content: b"\x00\xff nonsense {"), "can't read"),
        (_replace(".nntxt", lambda content: b""), "holds no network"),
        (_replace(".nntxt", lambda c: c.replace(b'"ReLU"', b'"MyQuantizer"')), "MyQuantizer"),
        (_replace(".h5", lambda content: content[: len(content) // 2]), "can't read"),
        (_replace(".h5", lambda content: b"no hdf5"), "can't read"),
    ],
)
def test_a_file_that_lost_a_part_is_refused_with_its_name(simple, change, words, capfd):
    _members(simple, change)
    with pytest.raises(DataError, match=words) as caught:
        NnpFile(simple)(nn.Variable((2, 1, 4, 4)), test=True)
    assert "simple.nnp" in str(caught.value)
    assert nn.get_parameters() == {}
    assert "Failed to read" not in "".join(capfd.readouterr())


def test_parameters_as_protobuf_become_float32_and_are_checked(simple, tmp_path):
    with nn.parameter_scope("there"):
        NnpFile(simple).build()
        nn.save_parameters(str(tmp_path / "parameter.protobuf"))
    nn.clear_parameters()
    content = (tmp_path / "parameter.protobuf").read_bytes()

    def to_protobuf(members):
        _drop(".h5")(members)
        members["parameter.protobuf"] = content

    _members(simple, to_protobuf)
    NnpFile(simple).build()
    assert all(p.d.dtype == np.float32 for p in nn.get_parameters(grad_only=False).values())
    nn.clear_parameters()
    _members(simple, _replace(".protobuf", lambda content: content[: len(content) // 2]))
    with pytest.raises(DataError, match="simple.nnp"):
        NnpFile(simple).build()


def test_a_flipped_bit_is_noticed_by_the_checksum(simple):
    with zipfile.ZipFile(simple) as archive:
        info = max(archive.infolist(), key=lambda member: member.compress_size)
    content = bytearray(simple.read_bytes())
    content[info.header_offset + 200 + info.compress_size // 2] ^= 1
    simple.write_bytes(bytes(content))
    with pytest.raises(DataError, match="simple.nnp"):
        NnpFile(simple)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="gone.nnp' does not exist"):
        NnpFile("gone.nnp", tmp_path)
    with pytest.raises(DataError, match="is a folder"):
        NnpFile(tmp_path)


def test_a_python_function_in_a_file_is_named(tmp_path):
    from nnabla.function import PythonFunction

    class Mine(PythonFunction):
        name = "Mine"

        def min_outputs(self):
            return 1

        def setup_impl(self, inputs, outputs):
            outputs[0].reset_shape(inputs[0].shape, True)

        def forward_impl(self, inputs, outputs):
            outputs[0].data = inputs[0].data

        def grad_depends_output_data(self, i, o):
            return False

        def grad_depends_input_data(self, i, j):
            return False

        def backward_impl(self, inputs, outputs, propagate_down, accum):
            pass

    x = nn.Variable((2, 5))
    _write(tmp_path / "a.nnp", [_network("net", {"y": Mine()(mlp(x, 3))}, {"x": x})])
    with pytest.raises(DataError, match="a.nnp .*Mine"):
        NnpFile(tmp_path / "a.nnp")


@pytest.mark.parametrize(
    "name, network, head, shape",
    [
        ("nnp/sony_nnabla-lenet_010000", "runtime", "Affine", (10,)),
        ("nnp/goofmint_NNC_CLI_DEMO-result", "MainRuntime", "Sigmoid", (1,)),
        ("nnp/MizunagiKB_gd_nnabla-model_simple", "net1", "ReLU", (10,)),
        ("models/resnet20_cifar10", "resnet20", "Affine", (10,)),
        ("models/mlperf_tiny_kws_dscnn", "mlperf_tiny_kws_dscnn", "Affine", (12,)),
    ],
)
def test_files_made_elsewhere_are_opened(name, network, head, shape):
    root = os.environ.get("NNABLA_COMPRESS_DATA", "")
    path = os.path.join(root, name + ".nnp")
    if not root or not os.path.isfile(path):
        pytest.skip(f"needs {name}.nnp in $NNABLA_COMPRESS_DATA")
    file = NnpFile(path)
    (sample,) = file.data_shapes().values()
    for test in (False, True):
        x = _random(nn.Variable((3,) + sample))
        loaded = file.build(x=x, test=test)
        assert (loaded.name, loaded.ends_in) == (network, head)
        logits = logits_of(loaded.output)
        logits.forward()
        assert logits.shape == (3,) + shape and np.isfinite(logits.d).all()


@pytest.mark.parametrize("kind", ["function", "variable"])
def test_two_nodes_of_one_name_are_refused_before_they_are_followed(kind, tmp_path):
    proto = nnabla_pb2.NNablaProtoBuf()
    network = proto.network.add(name="net", batch_size=1)
    for name in ("a", "a" if kind == "variable" else "b"):
        network.variable.add(name=name, type="Buffer").shape.dim.extend([1, 2])
    for number in range(2):
        name = "f" if kind == "function" else f"f{number}"
        node = network.function.add(name=name, type="ReLU")
        node.input.append("a")
        node.output.append("b")
    with zipfile.ZipFile(tmp_path / "net.nnp", "w") as archive:
        archive.writestr("network.nntxt", text_format.MessageToString(proto))
        archive.writestr("parameter.protobuf", b"")
    with pytest.raises(DataError, match=f"holds two {kind}s"):
        NnpFile(tmp_path / "net.nnp").build()


def test_endings_of_members_are_compared_as_nnabla_compares_them(tmp_path):
    x = nn.Variable((1, 4))
    export_nnp(tmp_path / "net.nnp", PF.affine(x, 3, name="fc"), x)
    with zipfile.ZipFile(tmp_path / "net.nnp") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "upper.nnp", "w") as archive:
        for name, content in members.items():
            archive.writestr(name.upper(), content)
    assert NnpFile(tmp_path / "upper.nnp").data_shapes() == {"x": (4,)}


@pytest.mark.parametrize("kind", [NameError, KeyError, AssertionError, TypeError])
def test_a_defect_of_this_package_is_no_fault_of_the_file(simple, kind, monkeypatch, capsys):
    source = {"__name__": "nnabla_compress.models.nnp_build", "kind": kind}
    exec("def call(*arguments):\n  raise kind('a defect')", source)
    monkeypatch.setattr("nnabla_compress.models.nnp.call", source["call"])
    with pytest.raises(kind, match="a defect"):
        NnpFile(simple).build()
    with pytest.raises(SystemExit) as stop:
        cli.main(["inspect", str(simple)])
    said = capsys.readouterr().err
    assert stop.value.code == 1 and said.startswith(f"internal error: {kind.__name__}")
    assert "NNABLA_COMPRESS_TRACEBACK=1" in said
    monkeypatch.setenv("NNABLA_COMPRESS_TRACEBACK", "1")
    with pytest.raises(kind, match="a defect"):
        cli.main(["inspect", str(simple)])
