# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights stored as codes in exported files: every quantizer, layer and size."""

from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
import yaml
from hypothesis import given
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp, nnb_report
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.inspection import summary
from nnabla_compress.lowering.draft import drafted_sizes
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import LUT, Affine, Pow2, Prune, Uniform
from nnabla_compress.simulator import Machine
from nnabla_compress.transforms import insert_weight_quantizers
from tests.c_runtime import check_runtime
from tests.graph.networks import build, forward, randomize_statistics, recipes, values
from tests.properties import examples

QUANTIZERS = {
    "lut 1": LUT(bits=1),
    "lut 4": LUT(bits=4),
    "lut 8 grid": LUT(bits=8, grid_bits=8),
    "lut pow2": LUT(bits=3, dictionary="pow2"),
    "lut pruned": LUT(bits=2, prune=0.5),
    "ternary": LUT(dictionary="ternary"),
    "uniform 2": Uniform(bits=2),
    "uniform 3": Uniform(bits=3, step="pow2"),
    "uniform 8": Uniform(bits=8),
    "affine 4": Affine(bits=4),
    "affine channels": Affine(bits=8, axis=0),
    "pow2": Pow2(bits=4),
    "prune": Prune(rate=0.5),
}


def depthwise(x, quantizer, **args):
    y = PF.depthwise_convolution(x, (3, 3), name="l", **args)
    return insert_weight_quantizers([y], lambda layer: quantizer if layer.name[0] == "l" else None)[
        0
    ]


def every_layer(x, q):
    """One layer of each kind on the same input."""
    return {
        "convolution": PF.convolution(x, 9, (3, 3), apply_w=q, name="convolution"),
        "group": PF.convolution(x, 8, (3, 3), group=2, apply_w=q, name="group"),
        "no_bias": PF.convolution(x, 8, (3, 3), with_bias=False, apply_w=q, name="no_bias"),
        "depthwise": depthwise(x, q, multiplier=5),
        "deconvolution": PF.deconvolution(x, 8, (3, 3), apply_w=q, name="deconvolution"),
        "affine": PF.affine(x, 7, apply_w=q, name="affine"),
        "rows": PF.affine(F.reshape(x, (x.shape[0], -1)), (3, 4), apply_w=q, name="rows"),
    }


def read(path, x, batch_size):
    with nn.parameter_scope("", OrderedDict()):
        network = NnpLoader(str(path)).get_network("Validation", batch_size=batch_size)
    network.variables["x"].d = x
    nn.forward_all(list(network.outputs.values()))
    return {name: y.d.copy() for name, y in network.outputs.items()}


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_every_quantizer_in_every_layer_is_stored_and_decoded(quantizer, tmp_path):
    x = nn.Variable.from_numpy_array(values(3, 8, 5, 5))
    outputs = every_layer(x, QUANTIZERS[quantizer])
    report = export_nnp(tmp_path / "net.nnp", outputs, {"x": x})
    assert report.any_batch_size and len(report.rows) == len(outputs)
    for row in report.rows:
        assert row.stored_bits < 16 or row.storage == "float"
    got = read(tmp_path / "net.nnp", x.d, 3)
    for name, y in outputs.items():
        expected = forward(y)
        if name in ("affine", "rows"):  # another form may add in another order
            np.testing.assert_allclose(got[name], expected, atol=2e-6 * np.abs(expected).max())
        else:
            np.testing.assert_array_equal(got[name], expected, err_msg=name)


@pytest.mark.parametrize("quantizer", ["lut 4", "uniform 3", "uniform 8", "pow2"])
def test_the_runtime_computes_what_nnabla_does(quantizer, tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 8, 6, 6))
    h = F.relu(PF.convolution(x, 64, (3, 3), apply_w=QUANTIZERS[quantizer], name="c"))
    h = F.relu(depthwise(h, QUANTIZERS[quantizer]))
    y = PF.affine(h, 32, apply_w=QUANTIZERS[quantizer], name="f")
    expected = forward(y)
    report = export_nnp(tmp_path / "net.nnp", y, x)
    for compact in (True, False):
        path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", compact=compact)
        machine = Machine(path)
        assert not machine.warnings
        (got,) = machine.run([x.d])
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
        assert nnb_report(path, report.float_sizes).ratio < 0.35


@examples(5)
@given(recipes())
def test_random_networks_compute_the_same_packed(tmp_path_factory, recipe):
    nn.clear_parameters()
    path = tmp_path_factory.mktemp("random") / "net.nnp"
    x = nn.Variable.from_numpy_array(values(1, 4, 6, 6))
    (y,) = insert_weight_quantizers([build(recipe, x)], lambda layer: Uniform(bits=3))
    randomize_statistics(1)
    expected = forward(y)
    report = export_nnp(path, y, x)
    for batch in (1, 64) if report.any_batch_size else (1,):
        many = np.repeat(x.d, batch, axis=0)
        (got,) = read(path, many, batch).values()
        assert got.shape == (batch, *expected.shape[1:])
        limit = 1e-4 * max(np.abs(expected).max(), 1e-6)
        assert np.abs(got - expected).max() <= limit
    nnb = export_nnb(path.with_suffix(".nnb"), path)
    assert np.abs(Machine(nnb).run([x.d])[0] - expected).max() <= limit
    check_runtime(nnb, [x.d])


def test_a_shared_weight_is_decoded_once(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    h = PF.convolution(x, 16, (3, 3), pad=(1, 1), apply_w=LUT(bits=4), name="c")
    y = PF.convolution(F.relu(h), 16, (3, 3), pad=(1, 1), apply_w=LUT(bits=4), name="c")
    report = export_nnp(tmp_path / "net.nnp", y, x)
    network = NnpFile(tmp_path / "net.nnp").build()
    affines = [f for f in functions([network.output]) if f.info.type_name == "Affine"]
    assert len(affines) == 2 and len(report.rows) == 1


def test_types_travel_in_the_file_and_beside_it(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    y = PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=4), name="c")
    export_nnp(tmp_path / "net.nnp", y, x)
    beside = yaml.safe_load((tmp_path / "net.settings.yaml").read_text())["variables"]
    assert beside["c/conv/W_codes"] == "SIGN" and beside["c/conv/W_patterns"] == "FIXED8_0"
    types = [
        v.type for v in read_nnb(export_nnb(tmp_path / "n.nnb", tmp_path / "net.nnp")).variables
    ]
    assert types.count("SIGN") == 1 and types.count("FIXED8") >= 4
    export_nnp(tmp_path / "net.nnp", y, x, storage="float")
    assert not (tmp_path / "net.settings.yaml").exists()


def test_the_size_of_the_file_is_known_before_it_is_written(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    h = F.relu(PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=4), name="c"))
    y = PF.affine(h, 10, name="f")
    report = export_nnp(tmp_path / "net.nnp", y, x, storage="float")
    path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    sizes = nnb_report(path, report.float_sizes)
    assert (
        report.float_sizes.nnb_bytes
        == path.stat().st_size
        == drafted_sizes(*graph_of(tmp_path / "net.nnp"), {})[0]
    )
    assert sizes.ratio == 1 and sizes.decoding_bytes == 0


def graph_of(path):
    network = NnpFile(path).build(batch_size=1)
    return list(network.outputs.values()), list(network.inputs.values())


@pytest.mark.parametrize(
    "storage", ["int8", "packed", "sign_planes", "bit_matrix", "dictionary_planes", "one_hot"]
)
def test_the_bytes_of_a_scheme_are_those_of_the_converter(storage, tmp_path):
    x = nn.Variable((1, 8, 6, 6))
    y = PF.convolution(x, 8, (3, 3), apply_w=Uniform(bits=4), with_bias=False, name="c")
    sizes = {}
    for name in ("float", storage):
        export_nnp(tmp_path / "net.nnp", y, x, storage=name)
        path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", compact=False)
        sizes[name] = path.stat().st_size - 4 * len(read_nnb(path).buffers)
    from nnabla_compress.lowering.storage import coded_tensor, store_tensor

    encoding = Uniform.encode(y.parent.inputs[1].parent)
    stored, _ = store_tensor(coded_tensor(encoding), "c/conv/W", storage)
    floats = 36 + 4 * 4 + 4 * encoding.codes.size
    assert sizes[storage] - sizes["float"] == stored.nnb_bytes - floats


def test_a_storage_that_fits_nothing_is_refused_and_leaves_no_file(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    y = PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=4), name="c")
    with pytest.raises(ConfigError, match="storage is 'packed', but c/conv/W can't be stored so"):
        export_nnp(tmp_path / "net.nnp", y, x, storage="packed")
    with pytest.raises(ConfigError, match="there is no storage 'zip'"):
        export_nnp(tmp_path / "net.nnp", y, x, storage="zip")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_a_storage_does_not_fit_are_named(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    h = PF.convolution(x, 16, (3, 3), apply_w=Uniform(bits=4), name="c")
    y = PF.convolution(h, 16, (3, 3), apply_w=Uniform(bits=8), name="d")
    report = export_nnp(tmp_path / "net.nnp", y, x, storage="packed")
    assert [row.storage for row in report.rows] == ["packed", "int8"]
    assert report.notes[0].startswith("d/conv/W: its integers go from")


def test_scales_along_the_inputs_of_an_affine_layer_are_said_to_stay_floats(tmp_path):
    x = nn.Variable((1, 6))
    y = PF.affine(x, 4, apply_w=Affine(bits=4, axis=0), name="f")
    report = export_nnp(tmp_path / "net.nnp", y, x)
    assert report.rows[0].storage == "float"
    assert report.notes[0].startswith("f/affine/W: stored as floats, because its scales vary along")


@pytest.mark.parametrize("axis", [1, 2])
def test_scales_along_one_of_several_axes_of_outputs_are_stored_with_the_codes(axis, tmp_path):
    """As a recurrent cell has: its weight is (inputs, gates, states), its scales one a gate."""
    x = nn.Variable.from_numpy_array(values(1, 40))
    y = x
    weight = nn.parameter.get_parameter_or_create("cell/W", (40, 4, 10), values(40, 4, 10))
    for _ in range(2):  # a weight with two readers is decoded, one with one read as codes
        quantized = Affine(bits=8, axis=axis)(weight)
        y = F.reshape(F.affine(y, quantized), (1, 40))
        expected = forward(y)
        report = export_nnp(tmp_path / "net.nnp", y, x)
        (row,) = report.rows
        assert row.storage == "int8" and not any("as floats" in note for note in report.notes)
        got = read(tmp_path / "net.nnp", x.d, 1)["y"]
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_a_weight_that_is_read_several_times_is_named_once(tmp_path):
    x = nn.Variable((1, 40))
    y = x
    for _ in range(3):
        y = PF.affine(y, 40, apply_w=Affine(bits=8, axis=0), name="f")
    (note, *_) = export_nnp(tmp_path / "net.nnp", y, x).notes
    assert note.startswith("f/affine/W: stored as floats, because its scales vary along")


def test_snapped_dictionaries_are_int8_and_what_changed_is_said(tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 16, 6, 6))
    y = PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=6), name="c")
    expected = forward(y)
    free = export_nnp(tmp_path / "net.nnp", y, x)
    assert free.rows[0].storage == "float" and "c/conv/W: stored as floats" in free.notes[0]
    report = export_nnp(tmp_path / "net.nnp", y, x, snap_dictionary=True)
    assert report.rows[0].storage == "int8" and "values moved by at most 0." in report.notes[0]
    (got,) = read(tmp_path / "net.nnp", x.d, 1).values()
    change = np.abs(got - expected).max() / np.abs(expected).max()
    assert 0 < change < 0.02


def test_a_packed_file_is_inspected_as_the_network_that_it_decodes(tmp_path):
    x = nn.Variable((1, 16, 6, 6))
    h = F.relu(PF.convolution(x, 16, (3, 3), apply_w=LUT(bits=4), name="c"))
    y = PF.affine(h, 32, apply_w=Uniform(bits=8), name="f")
    seen = {}
    for storage in ("float", "smallest"):
        export_nnp(tmp_path / "net.nnp", y, x, storage=storage)
        (network,) = summary(tmp_path / "net.nnp").networks
        seen[storage] = [
            (layer.name, layer.parameters, layer.macs, layer.distinct, str(layer.weights))
            for layer in network.layers
        ]
        assert network.parameters == 16 * 16 * 9 + 16 + 256 * 32 + 32
    convolution, affine = seen["smallest"]
    assert convolution == seen["float"][0]
    assert affine[0] == "f/affine" and affine[2] == seen["float"][1][2]
