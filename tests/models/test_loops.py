# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Loops of Neural Network Console: read, listed, compressed, exported."""

from __future__ import annotations

import zipfile

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph import functions, rebuild
from nnabla_compress.inspection import summary
from nnabla_compress.models import NnpFile
from nnabla_compress.transforms import remove_quantizers
from tests.graph.networks import forward, values
from tests.models.loops import STEPS, TURNS, rewrite_text, write_recurrent, write_repeat

LOOPS = {"repeat": (write_repeat, (4,), 1 + TURNS), "recurrent": (write_recurrent, (5, 4), 2)}


@pytest.fixture(params=LOOPS)
def loop(request, tmp_path):
    """The file, what it computes, the shape of a sample and the number of weights."""
    write, shape, weights = LOOPS[request.param]
    compute, _ = write(tmp_path / "loop.nnp")
    return tmp_path / "loop.nnp", compute, shape, weights


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_loop_computes_what_it_says_for_any_batch_size(loop, batch):
    path, compute, shape, _ = loop
    x = nn.Variable.from_numpy_array(values(batch, *shape))
    np.testing.assert_allclose(forward(NnpFile(path)(x, True)), compute(x.d), atol=1e-5)


def test_a_network_of_loops_is_rewritten_for_another_batch_size(loop):
    path, compute, shape, _ = loop
    network = NnpFile(path).build(batch_size=2)
    x = nn.Variable.from_numpy_array(values(5, *shape))
    (y,) = rebuild([network.output], inputs={network.inputs["x"]: x})
    np.testing.assert_allclose(forward(y), compute(x.d), atol=1e-5)


def test_each_weight_of_a_loop_is_quantized_once_and_back_it_is_the_original(loop):
    path, _, shape, weights = loop
    x = nn.Variable.from_numpy_array(values(2, *shape))
    y = NnpFile(path)(x, True)
    expected = forward(y)
    z = compress(y, {"weights": "lut:bits=2", "activations": "uniform:bits=4"})
    assert [f.info.type_name for f in functions([z])].count("nnabla_compress.LUT") == weights
    assert all(layer.quantizer is not None for layer in layers([z]))
    assert not np.array_equal(forward(z), expected)
    (off,) = remove_quantizers([z])
    np.testing.assert_array_equal(forward(off), expected)


def test_a_compressed_loop_is_exported_and_computes_the_same(loop, tmp_path):
    path, _, shape, _ = loop
    x = nn.Variable.from_numpy_array(values(1, *shape))
    z = compress(NnpFile(path)(x, True), "lut:bits=2")
    expected = forward(z)
    export_nnp(tmp_path / "out.nnp", z, x)
    nn.clear_parameters()
    np.testing.assert_array_equal(forward(NnpFile(tmp_path / "out.nnp")(x, True)), expected)


def test_the_turns_of_a_repetition_are_listed_with_their_parameters(tmp_path):
    write_repeat(tmp_path / "loop.nnp")
    (network,) = summary(tmp_path / "loop.nnp").networks
    assert network.loops == {"r": TURNS}
    assert [layer.name for layer in network.layers[:4]] == [
        "same/affine",
        "own[0]/affine",
        "own[1]/affine",
        "own[2]/affine",
    ]
    assert [layer.parameters for layer in network.layers] == [16, 16, 16, 16]


def test_the_first_state_of_a_recurrence_is_no_input(tmp_path):
    write_recurrent(tmp_path / "loop.nnp")
    (network,) = summary(tmp_path / "loop.nnp").networks
    assert network.loops == {"t": STEPS}
    assert network.inputs == {"x": (2, 5, 4)} and network.outputs == {"y": (2, 2)}
    assert network.functions["Affine"] == STEPS + 1
    assert network.parameters == 10 * 6 + 6 + 30 * 2


def test_the_first_state_is_an_input_where_an_executor_feeds_it(tmp_path):
    path = tmp_path / "loop.nnp"
    write_recurrent(path)
    data = "".join(f'data_variable {{ variable_name: "{name}" }} ' for name in ("x", "h_0"))
    executor = f'executor {{ name: "run" network_name: "Main" {data} }}'
    rewrite_text(path, lambda text: text + executor)
    network = NnpFile(path).build()
    assert list(network.inputs) == ["x", "h_0"]
    np.testing.assert_array_equal(network.inputs["h_0"].d, np.zeros((2, 6)))


def test_outputs_within_a_loop_are_those_of_its_turns(tmp_path):
    path = tmp_path / "loop.nnp"
    write_repeat(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith("nntxt"))
    text = members[name].decode()
    # Without its end nothing takes what the turns give.
    start = text.index('type: "RepeatEnd"')
    begin, depth = text.rindex("function {", 0, start), 0
    for end in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0 and text[end] == "}":
            break
    members[name] = (text[:begin] + text[end + 1 :]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    (network,) = summary(path).networks
    assert any(output.endswith("]") for output in network.outputs)
