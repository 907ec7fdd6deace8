# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from nnabla.utils.save import save

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph import functions
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.recipes import EXAMPLE, CompressionPart, Recipe
from nnabla_compress.transforms import remove_quantizers
from tests.graph.networks import build, forward, randomize_statistics, recipes, values
from tests.properties import examples


def branches(x):
    stem = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="stem"))
    left = F.relu(PF.convolution(stem, 4, (1, 1), name="left"))
    right = F.tanh(PF.convolution(stem, 4, (3, 3), pad=(1, 1), name="right"))
    return F.concatenate(F.add2(stem, left), right, axis=1)


def residual(x):
    h = x
    for number in range(2):
        a = PF.convolution(h, 4, (3, 3), pad=(1, 1), with_bias=False, name=f"r{number}")
        a = PF.batch_normalization(a, batch_stat=False, name=f"r{number}")
        h = F.relu(F.add2(h, a, inplace=True), inplace=True)
    return PF.affine(F.global_average_pooling(h), 3, name="fc")


def grouped_and_depthwise(x):
    h = F.relu6(PF.convolution(x, 8, (3, 3), group=2, name="grouped"))
    h = F.relu(PF.depthwise_convolution(h, (3, 3), multiplier=2, name="depthwise"))
    return PF.convolution(h, 3, (1, 1), name="pointwise")


def deconvolutions(x):
    h = F.relu(PF.deconvolution(x, 6, (3, 3), stride=(2, 2), group=2, name="up"))
    return F.sigmoid(PF.depthwise_deconvolution(h, (3, 3), name="dw_up"))


def shared(x):
    h = F.reshape(x, (x.shape[0], -1))
    h = F.relu(PF.affine(h, 16, name="in"))
    for _ in range(3):
        h = F.relu(PF.affine(h, 16, name="s"))
    return h


def unrolled_rnn(x):
    """A gated recurrent cell over the 8 rows of a map, each gate an Affine."""
    steps = F.split(F.reshape(x, (x.shape[0], 8, 32)), axis=1)
    state = F.constant(0, (x.shape[0], 6))
    for step in steps:
        both = F.concatenate(step, state, axis=1)
        gate = F.sigmoid(PF.affine(both, 6, name="gate"))
        new = F.tanh(PF.affine(both, 6, name="new"))
        state = F.add2(F.mul2(gate, state), F.mul2(1 - gate, new))
    return PF.affine(state, 2, name="out")


def lstm_cells(x):
    """NNabla's own cell, whose four gates are one Affine."""
    steps = F.reshape(x, (x.shape[0], 8, 32))
    h, c = F.constant(0, (x.shape[0], 5)), F.constant(0, (x.shape[0], 5))
    for step in F.split(steps, axis=1):
        h, c = PF.lstm_cell(step, h, c, 5, name="cell")
    return PF.affine(F.concatenate(h, c, axis=1), 2, name="out")


def whole_lstm(x):
    """A cell that keeps its weights to itself, between two layers."""
    h = PF.affine(F.reshape(x, (x.shape[0], 8, 32)), 6, base_axis=2, name="in")
    state = F.constant(0.1, (1, 1, x.shape[0], 5))
    y, _, _ = PF.lstm(F.transpose(h, (1, 0, 2)), state, state, training=False, name="cell")
    return PF.affine(F.tanh(F.transpose(y, (1, 0, 2))), 2, name="out")


def whole_gru(x):
    """Likewise, in two layers and both directions."""
    h = F.reshape(x, (x.shape[0], 8, 32))
    state = F.constant(0, (2, 2, x.shape[0], 3))
    y, _ = PF.gru(
        F.transpose(h, (1, 0, 2)),
        state,
        num_layers=2,
        bidirectional=True,
        training=False,
        name="cell",
    )
    return PF.affine(F.tanh(F.transpose(y, (1, 0, 2))), 2, name="out")


NETWORKS = [
    *(branches, residual, grouped_and_depthwise, deconvolutions, shared),
    *(unrolled_rnn, lstm_cells, whole_lstm, whole_gru),
]
HOW = {"weights": ["lut:bits=2"], "activations": ["uniform:bits=3"]}
# With biases; step and range are learned.
LEARNED = {"weights": ["uniform:bits=3,bias=true"], "activations": ["pow2:bits=3"]}


@pytest.mark.parametrize("how", [HOW, LEARNED], ids=["lut", "learned"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_without_its_quantizers_a_rewritten_network_is_the_original_bit_for_bit(network, how):
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    y = network(x)
    randomize_statistics()
    parameters = nn.get_parameters(grad_only=False)
    before = {name: np.array(p.d, np.float32) for name, p in parameters.items()}
    expected = forward(y)
    z = compress(y, how)
    got = forward(z)
    assert not np.array_equal(got, expected)
    assert all(layer.quantizer is not None for layer in layers([z]))
    (off,) = remove_quantizers([z])
    assert graph_quantizers([off]) == []
    np.testing.assert_array_equal(forward(off), expected)
    np.testing.assert_array_equal(forward(y), expected)
    after = nn.get_parameters(grad_only=False)
    for name, array in before.items():
        np.testing.assert_array_equal(np.array(after[name].d, np.float32), array, err_msg=name)


@examples(15, suppress_health_check=list(HealthCheck))
@given(recipes())
def test_that_holds_for_networks_at_random(recipe):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(values(2, 4, 6, 6))
    y = build(recipe, x)
    if not layers([y]):
        return
    randomize_statistics()
    expected = forward(y)
    (off,) = remove_quantizers([compress(y, "lut:bits=2")])
    np.testing.assert_array_equal(forward(off), expected)


@pytest.mark.parametrize("network, weights", [(shared, 2), (unrolled_rnn, 3), (lstm_cells, 2)])
def test_a_weight_of_several_layers_is_quantized_once_for_all(network, weights):
    z = compress(network(nn.Variable((2, 4, 8, 8))), "lut:bits=2")
    assert len([f for f in functions([z]) if f.info.type_name == "nnabla_compress.LUT"]) == weights
    assert len(layers([z])) > weights
    nodes = {layer.name: layer.quantizer for layer in layers([z])}
    assert all(layer.quantizer == nodes[layer.name] for layer in layers([z]))


def test_several_outputs_come_back_in_their_order():
    h = PF.affine(nn.Variable((2, 8)), 4, name="h")
    outputs = compress([PF.affine(h, 3, name="a"), PF.affine(h, 2, name="b")], "lut:bits=2")
    assert [output.shape for output in outputs] == [(2, 3), (2, 2)]
    assert len(graph_quantizers(outputs)) == 3


def test_rules_see_types_positions_and_sizes():
    y = grouped_and_depthwise(nn.Variable((1, 4, 8, 8)))
    z = compress(
        y,
        {
            "weights": [
                "lut:bits=4",
                {"types": "DepthwiseConvolution", "quantizer": "none"},
                "lut:bits=8,position=last",
            ],
            "activations": "uniform:bits=4,types=ReLU6",
        },
    )
    bits = [x.quantizer and x.quantizer.info.args["bits"] for x in layers([z])]
    assert bits == [4, None, 8]
    assert [f.info.type_name for f in graph_quantizers([z])].count("nnabla_compress.Uniform") == 1
    (only,) = (f for f in graph_quantizers([z]) if f.info.type_name == "nnabla_compress.Uniform")
    assert only.info.args["name"] == "grouped/conv/relu6"
    assert only.info.args["signed"] is False


def test_a_file_gives_inputs_and_outputs_by_name(tmp_path):
    x = nn.Variable((2, 4, 8, 8))
    y = residual(x)
    randomize_statistics()
    path = tmp_path / "net.nnp"
    network = {"name": "n", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path), {"networks": [network], "executors": []})
    x.d = values(2, 4, 8, 8)
    expected = forward(y)
    nn.clear_parameters()
    for given_path in (path, str(path)):
        loaded = compress(given_path, HOW, name="n")
        assert (list(loaded.inputs), list(loaded.outputs)) == (["x"], ["y"])
        loaded.inputs["x"].d = values(2, 4, 8, 8)
        (off,) = remove_quantizers([loaded.output])
        np.testing.assert_array_equal(forward(off), expected)
        assert "r0/conv/lut/dictionary" in nn.get_parameters(grad_only=False)


@pytest.mark.parametrize("network", [residual, branches], ids=lambda network: network.__name__)
def test_batch_normalization_folded_before_leaves_weights_that_train(network):
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    y = network(x)
    randomize_statistics()
    expected = forward(y)
    names = set(nn.get_parameters(grad_only=False))
    z = compress(y, {"weights": "lut:bits=4", "fold": "before"})
    kinds = [f.info.type_name for f in functions([z])]
    assert "BatchNormalization" not in kinds
    np.testing.assert_allclose(forward(remove_quantizers([z])[0]), expected, rtol=1e-4, atol=1e-4)
    parameters = nn.get_parameters(grad_only=False)
    assert not any("/bn/" in name for name in parameters)
    assert {name for name in names if name.endswith("/W")} <= set(parameters)
    used = {v.data for f in functions([z]) for v in f.inputs if v.parent is None} - {x.data}
    assert used == {parameter.data for parameter in parameters.values()}
    for parameter in nn.get_parameters().values():
        parameter.grad.zero()
    loss = F.mean(z * z)
    loss.forward()
    loss.backward()
    trained = {name: np.abs(p.g).max() for name, p in nn.get_parameters().items()}
    assert all(trained[name] > 0 for name in trained if name.endswith("/W"))


@pytest.mark.parametrize("network", [whole_lstm, whole_gru], ids=["lstm", "gru"])
def test_a_cell_that_keeps_its_weights_is_left_as_it_is_and_named_if_a_rule_wants_it(network):
    y = network(nn.Variable((2, 4, 8, 8)))
    cell = {name for name in nn.get_parameters(grad_only=False) if name.startswith("cell/")}
    assert cell and not {layer.weight_name for layer in layers([compress(y, "lut:bits=2")])} & cell
    with pytest.raises(ConfigError, match="no layer matches 'cell") as refused:
        compress(y, "cell*=lut:bits=2")
    assert "keeps its weights to itself" in refused.value.help
    assert "behind in/affine" in refused.value.help or network is whole_gru


def test_folding_leaves_the_old_graph_as_it_was():
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    y = residual(x)
    randomize_statistics()
    expected = forward(y)
    compress(y, {"weights": "lut:bits=4", "fold": "before"})
    np.testing.assert_array_equal(forward(y), expected)


def test_every_way_to_say_how_gives_the_same():
    part = {"weights": "lut:bits=4,dictionary=pow2"}
    ways = [
        "lut:bits=4,dictionary=pow2",
        ["lut:bits=2", "lut:bits=4,dictionary=pow2"],
        part,
        CompressionPart.checked(part),
        Recipe.parse(EXAMPLE),
    ]
    for how in ways:
        nn.clear_parameters()
        z = compress(PF.affine(nn.Variable((2, 8)), 4), how)
        assert layers([z])[0].quantizer.info.args["dictionary"] == "pow2"


@pytest.mark.parametrize(
    "network, how, error, words",
    [
        ("y", "lut:bits=9", ConfigError, "bits is 9"),
        ("y", "fd*=lut:bits=2", ConfigError, "no layer matches 'fd*'"),
        ("y", {"weights": "lut", "activation": []}, ConfigError, "unknown key 'activation'"),
        ("y", {"weights": 4}, ConfigError, "weights is 4"),
        ("y", 4, ConfigError, "compression is 4"),
        ("y", {}, ConfigError, "neither weights nor activations"),
        ("y", {"weights": "lut", "fold": "never"}, ConfigError, "fold is 'never'"),
        ("y", {"activations": "uniform:min_weights=3"}, ConfigError, "min_weights is for weights"),
        ("y", {"activations": "uniform"}, ConfigError, "no activation matches"),
        ([], "lut:bits=4", ConfigError, "neither a Variable"),
        ([3], "lut:bits=4", ConfigError, "neither a Variable"),
        ("x", "lut:bits=4", ConfigError, "no layer matches"),
        ("/nowhere/net.nnp", "lut:bits=4", DataError, "net.nnp"),
    ],
)
def test_what_can_not_be_done_is_said(network, how, error, words):
    x = nn.Variable((2, 8))
    y = PF.affine(x, 4, name="fc")
    given_network = {"x": x, "y": y}.get(network, network) if isinstance(network, str) else network
    if isinstance(given_network, str):
        given_network = Path(given_network)
    with pytest.raises(error) as refused:
        compress(given_network, how)
    assert words in refused.value.message
    assert refused.value.help


def test_importing_the_package_imports_neither_nnabla_nor_pydantic():
    code = (
        "import sys, nnabla_compress as c; "
        "assert not {'nnabla', 'pydantic', 'numba'} & set(sys.modules); "
        "assert 'compress' in dir(c); assert callable(c.compress)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
