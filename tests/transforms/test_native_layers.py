# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files of NNabla's own quantized layers: what they compute, and all that can be done with them."""

from __future__ import annotations

import warnings

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.inspection import summary
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import INQ, LUT, graph_quantizers
from nnabla_compress.quantizers.base import is_given
from nnabla_compress.verification import verify_files
from tests.transforms.native import BITS, NETWORKS, write_native


@pytest.fixture(scope="module", params=list(NETWORKS))
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("native") / "net.nnp"
    return (request.param, path, *write_native(path, request.param))


def computed(network, x):
    network.all_inputs[0].d = x
    (y,) = network.all_outputs
    y.forward()
    return y.d.copy()


def forwarded(variable):
    variable.forward()
    return variable.d.copy()


def test_it_is_read_as_nnabla_computes_it_however_often_it_runs(written):
    _, path, x, expected = written
    network = NnpFile(path).build()
    for _ in range(3):
        np.testing.assert_allclose(computed(network, x), expected, rtol=1e-6, atol=2e-6)


def test_its_layers_are_plain_ones_and_its_quantizers_nodes(written):
    name, path, _, _ = written
    outputs = NnpFile(path).build().all_outputs
    found = {layer.name.split("/")[0]: layer for layer in layers(outputs)}
    assert [found["c1"].type, found["fc"].type] == ["Convolution", "Affine"]
    others = ("inq begun", "inq never", "inq of sixteen bits", "binary with zeros", "pruned")
    quantized = name in BITS or name in others
    for layer in found.values():
        assert (layer.quantizer is not None and is_given(layer.quantizer)) == quantized


def test_its_weights_are_exported_as_constants_of_their_bits(written, tmp_path):
    name, path, x, expected = written
    network = NnpFile(path).build()
    report = export_nnp(tmp_path / "out.nnp", network.outputs, network.inputs)
    again = NnpFile(tmp_path / "out.nnp").build(batch_size=2)
    np.testing.assert_allclose(computed(again, x), expected, rtol=1e-5, atol=1e-5)
    assert not [f for f in functions(again.all_outputs) if f.info.type_name == "Prune"]
    assert not graph_quantizers(again.all_outputs)
    for row in report.rows if name in BITS else ():
        if not row.name.endswith("/b"):
            assert row.bits == BITS[name]


def test_it_is_verified_down_to_the_simulator(written):
    _, path, _, _ = written
    assert verify_files(path, count=8).kept


def test_inspect_says_the_bits_of_its_weights(written):
    name, path, _, _ = written
    (network,) = summary(path).networks
    bits = {row.name.split("/")[0]: row.weights.bits for row in network.layers}
    if name in BITS:
        assert bits == {"c1": BITS[name], "fc": BITS[name]}
    notes = [found.reason for found in network.obstacles]
    assert any("90% of its biases" in note for note in notes) == (name == "pruned")


def test_a_rule_takes_the_place_of_its_quantizer_and_starts_from_what_it_made(written):
    _, path, x, expected = written
    network = compress(path, "lut:bits=8")
    assert {type_of(layer) for layer in layers(network.all_outputs)} == {LUT.graph_type()}
    # All values of four bits have an entry; other weights are rounded to the nearest of 256.
    np.testing.assert_allclose(computed(network, x), expected, atol=0.05)
    nn.clear_parameters()


def type_of(layer):
    return layer.quantizer.info.type_name


@pytest.mark.parametrize("name", ["binary weight", "inq begun", "fixed point", "min max"])
def test_it_trains_on_with_its_own_quantizers(name, tmp_path, rng):
    x, expected = write_native(tmp_path / "net.nnp", name)
    network = NnpFile(tmp_path / "net.nnp").build(test=False)
    computed(network, x)
    weights = {p: v for p, v in nn.get_parameters().items() if p.endswith("/W")}
    for weight in weights.values():
        weight.g = 0
    network.output.backward(1)
    assert len(weights) == 2 and all(np.abs(w.g).sum() > 0 for w in weights.values())


def test_maps_whose_range_follows_the_data_keep_it_when_inferring(tmp_path, rng):
    nn.clear_parameters()
    x = nn.Variable((2, 4))
    y = PF.affine(x, 3, name="fc")
    y = PF.min_max_quantize(y, x_min_max=True, ema=True, decay=0.5, name="a")
    x.d = rng.randn(2, 4)
    y.forward()
    contents = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    before = nn.get_parameters(grad_only=False)["a/min_max_quantize/qr_max"].d.copy()
    network = NnpFile(tmp_path / "net.nnp").build()
    first = computed(network, 100 * np.ones((2, 4)))
    np.testing.assert_array_equal(computed(network, 100 * np.ones((2, 4))), first)
    assert nn.get_parameters(grad_only=False)["a/min_max_quantize/qr_max"].d == before


def test_a_weights_range_that_follows_it_stays_when_inferring_and_moves_in_training(tmp_path, rng):
    nn.clear_parameters()
    x = nn.Variable((2, 4))

    def follow(w):
        return PF.min_max_quantize(w, x_min_max=True, ema=True, decay=0.5, name="w")

    y = PF.affine(x, 3, apply_w=follow, name="fc")
    contents = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    y.forward()
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    file = NnpFile(tmp_path / "net.nnp")
    moved = []
    for test in (True, False):
        network = file.build(test=test)
        (ranges,) = [v for p, v in nn.get_parameters(grad_only=False).items() if "qr_max" in p]
        before = ranges.d.copy()
        computed(network, np.ones((2, 4)))
        moved.append(bool((ranges.d != before).any()))
    assert moved == [False, True]


def test_maps_whose_range_is_that_of_each_batch_are_refused_with_a_way_out(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((2, 4))
    y = PF.min_max_quantize(PF.affine(x, 3, name="fc"), x_min_max=True, name="a")
    with pytest.raises(UnsupportedFunctionError, match="MinMaxQuantize") as error:
        export_nnp(tmp_path / "net.nnp", y, x)
    assert "x_min_max=False" in error.value.help


def test_fixed_weights_of_inq_that_an_update_has_moved_are_powers_of_two_again(tmp_path, rng):
    nn.clear_parameters()
    x = nn.Variable((2, 4))
    y = PF.inq_affine(x, 3, inq_iterations=(0,), name="fc")
    nn.get_parameters()["fc/inq_affine/W"].d = rng.randn(4, 3)
    x.d = rng.randn(2, 4)
    y.forward()
    expected = y.d.copy()
    weight = nn.get_parameters()["fc/inq_affine/W"]
    weight.d = weight.d * 0.9825  # what a solver makes of it before it is saved
    contents = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    network = NnpFile(tmp_path / "net.nnp").build()
    np.testing.assert_allclose(computed(network, x.d), expected, rtol=1e-6)


def scripted(name, rng):
    """A network of a script, with its input, and with quantized weights of other values."""
    nn.clear_parameters()
    x = nn.Variable((2, 1, 8, 8))
    first, last = NETWORKS[name]
    y = last(F.max_pooling(F.relu(first(x)), (2, 2)))
    for key, parameter in nn.get_parameters(grad_only=False).items():
        if key.endswith("/W"):
            parameter.d = 0.3 * rng.randn(*parameter.shape)
        if key.endswith(("/W_q", "/Wb", "/b_q", "/alpha")):
            parameter.d = 7
    x.d = rng.rand(2, 1, 8, 8)
    return x, y


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_graph_of_a_script_is_compressed_as_a_file_is(name, rng):
    x, y = scripted(name, rng)
    z = compress(y, "lut:bits=8")
    y.forward()
    z.forward()
    assert {type_of(layer) for layer in layers([z])} == {LUT.graph_type()}
    np.testing.assert_allclose(z.d, y.d, atol=0.01 * np.abs(y.d).max())
    dictionaries = [layer.quantizer.inputs[1] for layer in layers([z])]
    again = [layer.quantizer.inputs[1] for layer in layers([compress(y, "lut:bits=8")])]
    assert [d.data for d in again] == [d.data for d in dictionaries]


def test_layers_of_a_script_that_no_rule_matches_keep_their_quantizer_and_its_state(rng):
    x, y = scripted("inq begun", rng)
    z = compress(y, "c1*=lut:bits=8")
    z.forward()
    y.forward()
    assert [type_of(layer).split(".")[1] for layer in layers([z])] == ["LUT", "INQ"]
    codes = nn.get_parameters(grad_only=False)["fc/inq_affine/inq/codes"]
    assert int((codes.d == 255).sum()) == codes.size // 2  # the first of three portions
    np.testing.assert_allclose(z.d, y.d, rtol=1e-4, atol=1e-5)
    assert compress(y, "c1*=lut:bits=8").parent.inputs[1].parent.inputs[1].data == codes.data


@pytest.mark.parametrize("passes, done", [(1, 1), (6, 2), (10, 3)])
def test_inq_that_a_script_has_begun_counts_on_behind_the_portions_that_are_fixed(
    passes, done, rng
):
    x, y = scripted("inq begun", rng)  # portions at 0, 5 and 9
    for _ in range(passes):
        y.forward()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        z = compress(y, "c1*=lut:bits=8")
    of_fc = [str(w.message) for w in said if "INQ of fc" in str(w.message)]
    assert [f"{done} of 3 portions are fixed" in line for line in of_fc] == [True] * (done < 3)
    np.testing.assert_allclose(forwarded(z), forwarded(y), rtol=1e-4, atol=1e-5)
    node = z.parent.inputs[1].parent
    state = dict(zip(INQ.state_names, node.inputs[1:]))
    at = [0, 5, 9][done - 1]
    assert state["inq/updates"].d == [at + 1]
    size = state["inq/codes"].size
    free = {1: size // 2, 2: size // 4, 3: 0}
    for updates in range(at + 1, 11):
        now = 1 + (updates >= 5) + (updates >= 9)
        assert int((state["inq/codes"].d == 255).sum()) == free[now]
        INQ.after_update(node.info.args, node.inputs, 1)


def test_a_training_counts_on_where_a_script_has_begun(rng):
    _, y = scripted("inq begun", rng)
    y.forward()
    with pytest.warns(UserWarning, match="1 of 3 portions"):
        node = compress(y, "c1*=lut:bits=8").parent.inputs[1].parent
    INQ.begin_training(node.info.args, node.inputs, 9)
    assert node.inputs[3].d == [1]


@pytest.mark.parametrize("name", list(BITS))
def test_a_graph_of_a_script_is_exported_at_its_bits_and_stays_as_it_is(name, tmp_path, rng):
    nn.clear_parameters()
    x = nn.Variable((2, 1, 8, 8))
    first, last = NETWORKS[name]
    y = last(F.max_pooling(F.relu(first(x)), (2, 2)))
    for key, parameter in nn.get_parameters(grad_only=False).items():
        if key.endswith("/W"):
            parameter.d = (0.3 * rng.randn(*parameter.shape)).astype(np.float32)
    before = {key: p.d.copy() for key, p in nn.get_parameters(grad_only=False).items()}
    report = export_nnp(tmp_path / "out.nnp", y, x)
    for key, parameter in nn.get_parameters(grad_only=False).items():
        if "qr_m" not in key:  # NNabla writes the tensor's range there in each forward pass
            np.testing.assert_array_equal(parameter.d, before[key])
    bits = [row.bits for row in report.rows if not row.name.endswith("/b")]
    assert bits == [BITS[name]] * 2
    x.d = rng.rand(2, 1, 8, 8)
    y.forward()
    again = NnpFile(tmp_path / "out.nnp").build(batch_size=2)
    np.testing.assert_allclose(computed(again, x.d), y.d, rtol=1e-5, atol=1e-5)


def test_a_function_whose_numbers_give_no_codes_stays_as_it_is(tmp_path):
    nn.clear_parameters()
    x, zero = nn.Variable((2, 4)), nn.parameter.get_parameter_or_create("z", (1, 1), None, False)
    zero.d = 0

    def divide_by_zero(w):
        return F.dequantize_linear(F.quantize_linear(w, zero, zero), zero, zero)

    y = PF.affine(x, 3, apply_w=divide_by_zero, name="fc")
    contents = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    network = NnpFile(tmp_path / "net.nnp").build()
    assert not graph_quantizers(network.all_outputs)


def test_a_graph_without_them_is_left_alone(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    y = F.relu(PF.affine(x, 3, name="fc"))
    contents = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    network = NnpFile(tmp_path / "net.nnp").build()
    assert [f.info.type_name for f in functions(network.all_outputs)] == ["Affine", "ReLU"]
