# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import zipfile
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.quantizers import LUT, Uniform


@pytest.fixture
def exported(tmp_path):
    x = nn.Variable((4, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), apply_w=LUT(bits=1), name="c"))
    export_nnp(tmp_path / "net.nnp", PF.affine(h, 2, name="f"), x)
    return tmp_path / "net.nnp"


def test_an_export_tells_layers_costs_and_packed_bytes(exported):
    found = summary(exported)
    (network,) = found.networks
    assert (network.name, network.inputs, network.outputs) == (
        "Validation",
        {"x": (1, 3, 8, 8)},
        {"y": (1, 2)},
    )
    assert network.functions == {"Convolution": 1, "ReLU": 1, "Affine": 1}
    conv, affine = network.layers
    assert (conv.parameters, conv.macs, conv.distinct, conv.packed_bytes) == (112, 3888, 2, 14 + 8)
    assert (affine.parameters, affine.bytes, affine.packed_bytes) == (290, 1160, None)
    assert network.parameters == 402 and network.bytes == 1608
    assert found.compression["target"] == "portable" and found.bytes == exported.stat().st_size


def test_scopes_stay_as_they_are(exported):
    nn.clear_parameters()
    summary(exported)
    assert nn.get_parameters(grad_only=False) == {}


@pytest.mark.parametrize("keep", [0, 100, -30])
def test_a_damaged_file_is_refused_with_its_name(exported, keep):
    exported.write_bytes(exported.read_bytes()[:keep])
    with pytest.raises(DataError, match="net.nnp"):
        summary(exported)


def test_files_of_other_tools_are_summed_up():
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    root = Path(os.environ["NNABLA_COMPRESS_DATA"])
    found = {path.stem: summary(path) for folder in ("nnp", "models")
             for path in (root / folder).glob("*.nnp")}  # fmt: skip
    assert len(found) >= 5
    assert all(network.layers for each in found.values() for network in each.networks)
    (resnet,) = found["resnet20_cifar10"].networks
    assert len(resnet.layers) == 20 and resnet.macs == 40_551_040
    # README of the data: 269,722 parameters and the statistics of 688 channels.
    assert resnet.parameters == 269_722 + 2 * 688
    assert found["resnet20_cifar10"].compression is None


def _save(path, networks, executors=()):
    contents = [
        {"name": name, "batch_size": 2, "outputs": outputs, "names": inputs}
        for name, outputs, inputs in networks
    ]
    save(str(path), {"networks": contents, "executors": list(executors)})
    nn.clear_parameters()
    return path


def _only(path):
    (network,) = summary(path).networks
    return network


def _reasons(network):
    return {each.place: each.reason for each in network.obstacles}


def test_encodings_of_weights_and_inputs_are_read_from_an_export(tmp_path):
    x = nn.Variable((2, 16))
    with nn.parameter_scope("act"):
        h = Uniform(4, signed=False)(F.relu(PF.affine(x, 8, apply_w=LUT(bits=2), name="a")))
    y = PF.affine(h, 3, name="b")
    x.d = 1
    y.forward()
    export_nnp(tmp_path / "net.nnp", y, x)
    network = _only(tmp_path / "net.nnp")
    a, b = network.layers
    assert (str(a.weights), str(a.input)) == ("LUT 2 bit", "float")
    assert (str(b.weights), str(b.input)) == ("float", "Uniform 4 bit")
    floats = 16 * 8 + 8 + 8 * 3 + 3
    assert network.costs.float_weight_bytes == 4 * floats
    assert network.costs.weight_bytes == 16 * 8 * 2 // 8 + 4 * (floats - 16 * 8)


def test_quantizers_of_nnabla_itself_are_told(tmp_path):
    x = nn.Variable((2, 16))
    h = F.fixed_point_quantize(F.relu(PF.affine(x, 8, name="a")), n=6, delta=0.1)
    y = PF.fixed_point_quantized_affine(h, 3, n_w=5, n_b=5, name="b")
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": y}, {"x": x})]))
    a, b = network.layers
    assert (str(a.weights), str(b.weights)) == ("float", "FixedPointQuantize 5 bit")
    assert str(b.input) == "FixedPointQuantize 6 bit"


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_recurrent_cell_has_layers_or_is_listed_with_the_reason(tmp_path, cell, monkeypatch):
    inputs = {"x": nn.Variable((5, 2, 4)), "h": nn.Variable((1, 1, 2, 3))}
    if cell == "lstm":
        inputs["c"] = nn.Variable((1, 1, 2, 3))
    y = getattr(PF, cell)(*inputs.values(), training=False)[0]
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": y}, inputs)]))
    assert set(network.inputs) == set(inputs)
    assert {layer.type for layer in network.layers} == {"Affine"}
    assert [each.place for each in network.obstacles] == ["the whole network"]  # no samples first
    monkeypatch.setattr("nnabla_compress.transforms.recurrent.MOST_STEPS", 4)
    network = _only(tmp_path / "net.nnp")
    assert network.layers == ()
    found = [each for each in network.obstacles if each.place.startswith(cell.upper())]
    assert "recurrent cell" in found[0].reason and "no function" in found[1].reason
    assert network.parameters > 0


def test_a_weight_that_all_steps_of_a_cell_read_is_listed_once(tmp_path):
    x = nn.Variable((2, 5, 4))
    h, c = F.constant(0, (2, 3)), F.constant(0, (2, 3))
    for step in range(5):
        h, c = PF.lstm_cell(x[:, step], h, c, 3, name="cell")
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": h}, {"x": x})]))
    (row,) = network.layers
    assert (row.parameters, row.readers, row.macs) == (7 * 12 + 12, 5, 5 * 7 * 12)
    assert network.parameters == network.costs.parameters == 7 * 12 + 12
    assert network.macs == row.macs


def test_what_stays_as_it_is_is_listed_with_the_reason(tmp_path):
    x = nn.Variable((2, 3, 8, 8))
    h = F.image_augmentation(x / 255 - 0.5, shape=(3, 8, 8))
    h = PF.batch_normalization(h, batch_stat=False, name="first")
    h = PF.prelu(PF.convolution(h, 4, (3, 3), name="c"), shared=False, name="p")
    h = PF.batch_normalization(PF.convolution(h, 4, (3, 3), name="d"), batch_stat=False)
    weight = PF.affine(nn.Variable((1, 1)), 1, name="scale").parent.inputs[1]
    h = F.affine(h, F.broadcast(weight, (64, 3)))
    h = F.dropout(PF.affine(h, 3, apply_w=F.tanh, name="e"))
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": h}, {"x": x})]))
    reasons = _reasons(network)
    assert network.preprocessing == ("MulScalar 0.00392157", "AddScalar -0.5")
    assert network.left_out == {"Dropout": 1}
    assert "only acts in training" in reasons["ImageAugmentation before the first layer"]
    assert "no layer directly before" in reasons["BatchNormalization before the first layer"]
    assert "(4 floats) stay floats" in reasons["PReLU behind c/conv"]
    assert "computed by Tanh" in reasons["Affine e/affine"]
    assert "BatchNormalization behind d/conv" not in reasons


def test_an_embedding_is_a_layer_that_an_export_writes_as_a_product(tmp_path):
    x = nn.Variable((2, 5))
    h = PF.embed(x, 20, 3, name="words")
    y = PF.affine(h, 2, name="f")
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": y}, {"x": x})]))
    assert [layer.type for layer in network.layers] == ["Embed", "Affine"]
    assert network.obstacles == ()


def test_several_networks_and_executors_are_listed(tmp_path):
    x, t = nn.Variable((2, 4)), nn.Variable((2, 1))
    y = PF.affine(x, 3, name="f")
    loss = F.softmax_cross_entropy(y, t)
    networks = [("train", {"loss": loss}, {"x": x, "t": t}), ("infer", {"y": y}, {"x": x})]
    executors = [
        {"name": "first", "network": "train", "data": ["x", "t"], "output": ["loss"]},
        {"name": "second", "network": "infer", "data": ["x"], "output": ["y"]},
    ]
    found = summary(_save(tmp_path / "net.nnp", networks, executors))
    assert [network.name for network in found.networks] == ["train", "infer"]
    assert set(found.networks[0].inputs) == {"x", "t"}
    assert "not the loss" in _reasons(found.networks[0])["SoftmaxCrossEntropy behind f/affine"]
    assert [(e.name, e.network, e.inputs, e.outputs) for e in found.executors] == [
        ("first", "train", ("x", "t"), ("loss",)),
        ("second", "infer", ("x",), ("y",)),
    ]


def test_copies_of_a_shared_weight_have_its_encoding(tmp_path):
    x = nn.Variable((1, 4))
    h = x
    for _ in range(3):
        h = F.tanh(PF.affine(h, 4, apply_w=LUT(bits=2), name="cell"))
    export_nnp(tmp_path / "net.nnp", h, x)
    network = _only(tmp_path / "net.nnp")
    assert [str(layer.weights) for layer in network.layers] == ["LUT 2 bit"] * 3


_VARIABLE = """variable {{ name: "{}" type: "{}" {} shape {{ {} }} }}"""


def _loop(path, good):
    """A loop as Console writes it: h starts as x, and is three times an Affine of itself."""

    def variable(name, kind, *shape, repeat=""):
        text = " ".join(f"dim: {size}" for size in shape)
        return _VARIABLE.format(name, kind, repeat, text)

    inside = 'repeat_id: "r"'
    lines = [
        'repeat_info { id: "r" times: 3 }',
        variable("x", "Buffer", -1, 4),
        variable("start", "Buffer", -1, 4, repeat=inside),
        variable("h", "Buffer", -1, 4, repeat=inside),
        variable("y", "Buffer", -1, 4),
        variable("f/affine/W", "Parameter", 4, 4),
        variable("f/affine/b", "Parameter", 4),
        f'function {{ name: "start" type: "RepeatStart" {inside} input: "x" input: "h" '
        'output: "start" repeat_param { repeat_id: "r" times: 3 } }',
        f'function {{ name: "f" type: "Affine" {inside} input: "start" input: "f/affine/W" '
        'input: "f/affine/b" output: "h" affine_param { base_axis: 1 } }',
        'function { name: "end" type: "RepeatEnd" input: "h" output: "y" '
        'repeat_param { repeat_id: "r" times: 3 } }',
    ]
    text = 'network { name: "loop" batch_size: 2 ' + "\n".join(lines) + " }"
    with zipfile.ZipFile(good) as archive:
        parameters = archive.read("parameter.h5")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.nntxt", text)
        archive.writestr("parameter.h5", parameters)


def test_a_loop_is_written_out(tmp_path):
    x = nn.Variable((2, 4))
    good = _save(tmp_path / "g.nnp", [("net", {"y": PF.affine(x, 4, name="f")}, {"x": x})])
    _loop(tmp_path / "loop.nnp", good)
    network = _only(tmp_path / "loop.nnp")
    assert network.loops == {"r": 3}
    assert [(row.name, row.parameters, row.readers) for row in network.layers] == [
        ("f/affine", 20, 3)
    ]
    assert network.costs.macs == 3 * 16 and network.costs.parameters == 20


def test_a_network_that_can_not_be_built_is_listed_beside_the_others(tmp_path):
    x = nn.Variable((2, 4))
    y = PF.affine(x, 3, name="f")
    networks = [("good", {"y": y}, {"x": x}), ("bad", {"z": F.tanh(y)}, {"x": x})]
    path = _save(tmp_path / "net.nnp", networks)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["network.nntxt"] = members["network.nntxt"].replace(b'"Tanh"', b'"Mine"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    found = summary(path)
    assert [network.name for network in found.networks] == ["good"]
    assert list(found.failures) == ["bad"] and "Mine" in found.failures["bad"]


def test_parameters_without_a_scope_are_layers_all_the_same(tmp_path):
    x = nn.Variable((2, 4))
    weight = nn.parameter.get_parameter_or_create("W", (4, 3), need_grad=True)
    other = nn.parameter.get_parameter_or_create("other", (3, 2), need_grad=True)
    y = F.affine(F.affine(x, weight), other)
    network = _only(_save(tmp_path / "net.nnp", [("net", {"y": y}, {"x": x})]))
    assert [layer.name for layer in network.layers] == ["W", "other"]


def test_a_batch_normalized_residual_network_has_the_peak_of_its_first_stage():
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    path = Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / "resnet20_cifar10.nnp"
    network = _only(path)
    assert network.obstacles == ()
    # Three maps of 16 x 32 x 32 floats: a layer's input and output, and the shortcut.
    assert network.costs.peak_bytes == 3 * 65536
    assert network.costs.activation_bytes == 736 * 1024


def test_nnablas_compact_layers_are_named_with_their_rank(tmp_path):
    x = nn.Variable((1, 4, 8, 8))
    y = PF.cpd3_convolution(x, 12, (3, 3), 6, name="c")
    export_nnp(tmp_path / "net.nnp", y, x)
    (network,) = summary(tmp_path / "net.nnp").networks
    assert network.compact == ("c/cpd3_conv (cpd3_convolution, rank 6)",)
