# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given
from nnabla.utils.load import load
from nnabla.utils.nnp_graph import NnpLoader

from nnabla_compress.analysis.entropy_coding import entropy_coded_bytes
from nnabla_compress.errors import (
    ConfigError,
    ExportError,
    TrainingError,
    UnsupportedFunctionError,
    VerifyError,
)
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import with_batch_statistics
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.parametric_functions import pow2_batch_normalization
from nnabla_compress.quantizers import LUT
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.transforms import insert_weight_quantizers
from tests.graph.networks import ZOO, build, forward, randomize_statistics, recipes, values
from tests.properties import examples

REFUSED = {"n_ary": "Sin"}


def read(path, batch_size=None, **inputs):
    """Reads a file by NNabla's own loader and runs it; returns outputs and parameters."""
    scope = OrderedDict()
    with nn.parameter_scope("", scope):
        network = NnpLoader(str(path)).get_network("Validation", batch_size=batch_size)
        parameters = nn.get_parameters(grad_only=False)
    for name, array in inputs.items():
        network.variables[name].d = array
    nn.forward_all(list(network.outputs.values()))
    return {name: v.d.copy() for name, v in network.outputs.items()}, parameters


def lenet(x, **args):
    h = F.relu(F.max_pooling(PF.convolution(x, 8, (5, 5), name="c1", **args), (2, 2)))
    h = F.relu(F.max_pooling(PF.convolution(h, 8, (5, 5), name="c2", **args), (2, 2)))
    return PF.affine(h, 10, name="fc", **args)


def test_a_lut_lenet_is_exported_exactly_and_read_by_every_reader(tmp_path):
    x = nn.Variable.from_numpy_array(values(3, 1, 28, 28))
    y = lenet(x, apply_w=LUT(bits=2))
    expected = forward(y)
    before = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    path = tmp_path / "net.nnp"
    report = export_nnp(path, {"y": y}, {"x": x}, storage="float")
    assert report.exact and report.largest_difference == 0 and report.any_batch_size
    assert [(row.name, row.bits, row.distinct) for row in report.rows] == [
        ("c1/conv", 2, 4),
        ("c2/conv", 2, 4),
        ("fc/affine", 2, 4),
    ]
    assert report.packed_bytes == sum(row.weights // 4 + 16 for row in report.rows)
    nodes = [f for f in functions([y]) if quantizer_of(f)]
    coded = [row.entropy_coded_bytes for row in report.rows]
    assert coded == [entropy_coded_bytes(LUT.encode(node)) for node in nodes]
    assert report.as_dict()["entropy_coded_bytes"] == report.entropy_coded_bytes == sum(coded)
    # The network and its parameters are as before.
    after = nn.get_parameters(grad_only=False)
    assert list(before) == list(after)
    assert all(np.array_equal(before[name], after[name].d) for name in before)
    # NnpLoader, at the file's batch size and at another one.
    outputs, parameters = read(path, 3, x=x.d)
    np.testing.assert_array_equal(outputs["y"], expected)
    assert read(path, x=x.d[:1])[0]["y"].shape == (1, 10)
    assert sorted(parameters) == [f"{layer}/{p}" for layer in ("c1/conv", "c2/conv", "fc/affine")
                                  for p in "Wb"]  # fmt: skip
    np.testing.assert_array_equal(parameters["c1/conv/W"].d, y_weight(y, "c1/conv"))
    # nnabla.utils.load, as nnabla_cli uses it.
    with nn.parameter_scope("", OrderedDict()):
        executor = load([str(path)], batch_size=3).executors["Runtime"]
    variables = executor.network.variables
    variables["x"].variable_instance.d = x.d
    out = variables["y"].variable_instance
    out.forward()
    np.testing.assert_array_equal(out.d, expected)


def y_weight(y, layer):
    from nnabla_compress.analysis import layers

    (found,) = [each for each in layers([y]) if each.name == layer]
    return found.quantizer.outputs[0].d


def test_nnabla_cli_infers_the_same_and_converts_to_nnb(tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 1, 28, 28))
    y = lenet(x, apply_w=LUT(bits=3, dictionary="pow2"))
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    x.d.astype(np.float32).tofile(tmp_path / "x.bin")
    command = [sys.executable, "-m", "nnabla.utils.cli.cli", "infer", "-c", "net.nnp",
               "-o", "out", "-b", "1", "x.bin"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (written,) = list(tmp_path.glob("out*"))
    # The Affine of the packed weights is a convolution, which may add in another order.
    np.testing.assert_allclose(np.fromfile(written, np.float32), expected.ravel(), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in ZOO if name not in REFUSED])
def test_every_kind_of_function_that_the_target_has_is_exported(name, tmp_path):
    x = nn.Variable.from_numpy_array(values(2, 4, 8, 8))
    y = ZOO[name](x)
    randomize_statistics()
    report = export_nnp(tmp_path / "net.nnp", y, x, batch_size=2)
    outputs, _ = read(tmp_path / "net.nnp", x=x.d)
    np.testing.assert_allclose(outputs["y"], forward(y), rtol=1e-4, atol=1e-5)
    assert report.largest_difference <= report.tolerance


@pytest.mark.parametrize("name", REFUSED)
def test_functions_that_the_target_lacks_are_refused_by_name(name, tmp_path):
    x = nn.Variable((2, 4, 8, 8))
    with pytest.raises(UnsupportedFunctionError, match=f"has no function {REFUSED[name]}"):
        export_nnp(tmp_path / "net.nnp", ZOO[name](x), x)
    assert list(tmp_path.iterdir()) == []


@examples(15)
@given(recipes())
def test_random_quantized_networks_are_exported(tmp_path_factory, recipe):
    nn.clear_parameters()
    path = tmp_path_factory.mktemp("random") / "net.nnp"
    x = nn.Variable.from_numpy_array(values(1, 4, 6, 6))
    (y,) = insert_weight_quantizers([build(recipe, x)], lambda layer: LUT(bits=2))
    randomize_statistics(1)
    expected = forward(y)
    report = export_nnp(path, y, x)
    got = read(path, x=x.d)[0]["y"]
    assert np.abs(got - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1e-6)
    assert all(row.distinct <= 4 for row in report.rows)


def test_normalization_and_dropout_are_as_in_inference(tmp_path):
    x = nn.Variable.from_numpy_array(3 + values(8, 3, 6, 6))
    h = PF.batch_normalization(PF.convolution(x, 4, (3, 3), name="c"), name="n")
    y = PF.affine(F.dropout(F.relu(h), 0.5), 2, name="f")
    randomize_statistics()
    export_nnp(tmp_path / "net.nnp", y, x)
    outputs, parameters = read(tmp_path / "net.nnp", 8, x=x.d)
    (inferred,) = with_batch_statistics([y], False)
    np.testing.assert_allclose(outputs["y"], forward(inferred), rtol=1e-4, atol=1e-5)
    assert sorted(parameters) == ["c/conv/W", "c/conv/b", "f/affine/W", "f/affine/b"]


def test_a_multiplierless_network_keeps_powers_of_two(tmp_path):
    x = nn.Variable((1, 3, 6, 6))
    weight = LUT(bits=3, dictionary="pow2")
    h = PF.convolution(x, 4, (3, 3), apply_w=weight, with_bias=False, name="c")
    y = F.relu(pow2_batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    export_nnp(tmp_path / "net.nnp", y, x, storage="float")
    _, parameters = read(tmp_path / "net.nnp")
    for name in ("c/conv/W", "c/conv/scale"):
        magnitude = np.abs(parameters[name].d[parameters[name].d != 0])
        assert np.all(np.log2(magnitude) % 1 == 0)


def test_several_inputs_and_outputs_keep_their_names_and_order(tmp_path):
    a, b = nn.Variable((2, 3)), nn.Variable((2, 3))
    h = F.tanh(PF.affine(F.add2(a, b), 4, name="f"))
    z = PF.affine(h, 2, name="g")
    export_nnp(tmp_path / "net.nnp", {"logits": z, "hidden": h}, {"left": a, "right": b})
    with nn.parameter_scope("", OrderedDict()):
        executor = load([str(tmp_path / "net.nnp")]).executors["Runtime"]
    assert list(executor.dataset_assign.values()) == ["left", "right"]
    assert [name for _, name in executor.output_assign.values()] == ["logits", "hidden"]


def test_the_note_inside_tells_bits_and_bytes(tmp_path):
    x = nn.Variable((1, 8))
    report = export_nnp(tmp_path / "n.nnp", PF.affine(x, 4, apply_w=LUT(bits=1), name="f"), x)
    with zipfile.ZipFile(tmp_path / "n.nnp") as archive:
        noted = json.loads(archive.read("nnabla_compress.json"))
    assert noted["layers"] == report.rows_as_dicts()
    assert noted["layers"][0]["packed_bytes"] == 4 + 8
    assert report.file_bytes == (tmp_path / "n.nnp").stat().st_size


def test_a_network_without_parameters_in_scope_gets_names(tmp_path):
    x, w = nn.Variable((1, 3)), nn.Variable((3, 2), need_grad=True)
    w.d = 1
    export_nnp(tmp_path / "net.nnp", F.affine(x, w), x)
    assert list(read(tmp_path / "net.nnp")[1]) == ["Affine_1/W"]


def test_a_network_that_counts_the_batch_in_is_written_for_one_batch_size(tmp_path):
    x = nn.Variable.from_numpy_array(values(2, 4, 6))
    y = PF.affine(x, 3, base_axis=2, name="f")
    report = export_nnp(tmp_path / "net.nnp", y, x, batch_size=2)
    np.testing.assert_array_equal(read(tmp_path / "net.nnp", x=x.d)[0]["y"], forward(y))
    assert not report.any_batch_size


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("quantizer", [None, LUT(bits=2)])
def test_parameters_that_are_not_finite_are_refused_by_name(bad, quantizer, tmp_path):
    x = nn.Variable((1, 8))
    y = PF.affine(x, 4, apply_w=quantizer, name="f")
    nn.get_parameters()["f/affine/W"].d[1, 2] = bad
    with pytest.raises((ExportError, TrainingError), match="f/affine.* 1 of 32"):
        export_nnp(tmp_path / "net.nnp", y, x)
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_refused(tmp_path):
    x, other = nn.Variable((1, 8)), nn.Variable((1, 8))
    y = PF.affine(x, 4, name="f")
    path = tmp_path / "net.nnp"
    for match, call in (
        ("does not end in .nnp", lambda: export_nnp(tmp_path / "net.h5", y, x)),
        ("no target 'tpu'", lambda: export_nnp(path, y, x, target="tpu")),
        ("batch_size is 0", lambda: export_nnp(path, y, x, batch_size=0)),
        ("not used by the outputs y", lambda: export_nnp(path, y, other)),
        ("at least one of each", lambda: export_nnp(path, y, [])),
        ("names an input and an output", lambda: export_nnp(path, {"x": y}, x)),
        ("two names for one variable", lambda: export_nnp(path, {"a": y, "b": y}, x)),
        ("is the parameter", lambda: export_nnp(path, y, y.parent.inputs[1])),
        ("samples for input x", lambda: export_nnp(path, y, x, samples={"x": np.ones((2, 3))})),
    ):
        with pytest.raises(ConfigError, match=match):
            call()
    with pytest.raises(ExportError, match="not computed by any function"):
        export_nnp(path, [y, other], x)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_would_differ_does_not_replace_a_good_file(tmp_path, monkeypatch):
    x = nn.Variable((1, 8))
    y = PF.affine(x, 4, name="f")
    path = tmp_path / "net.nnp"
    path.write_bytes(b"good")
    from nnabla_compress.exporters import archive

    written = archive.write_members

    def damage(path, text, parameters, codes):
        parameters["f/affine/W"].d[0, 0] += 1
        written(path, text, parameters, codes)
        parameters["f/affine/W"].d[0, 0] -= 1

    monkeypatch.setattr(archive, "write_members", damage)
    with pytest.raises(VerifyError, match="does not read back as it was"):
        export_nnp(path, y, x)
    assert path.read_bytes() == b"good" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs /proc")
def test_a_folder_that_is_not_writable_is_named():
    x = nn.Variable((1, 8))
    with pytest.raises(ConfigError, match="can't write /proc/"):
        export_nnp("/proc/none/net.nnp", PF.affine(x, 4, name="f"), x)


def test_the_trained_resnet_20_is_exported_float_and_quantized(tmp_path):
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    file = NnpFile(Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / "resnet20_cifar10.nnp")
    network = file.build(batch_size=2)
    x, y = network.inputs["x"], network.output
    x.d = values(2, 3, 32, 32)
    report = export_nnp(tmp_path / "float.nnp", {"y": y}, {"x": x})
    assert report.largest_difference < 1e-5 and len(report.rows) == 20
    (quantized,) = insert_weight_quantizers([y], lambda layer: LUT(bits=4))
    expected = forward(quantized)
    report = export_nnp(tmp_path / "lut.nnp", {"y": quantized}, {"x": x}, storage="float")
    outputs, parameters = read(tmp_path / "lut.nnp", 2, x=x.d)
    assert np.abs(outputs["y"] - expected).max() < 1e-5 * np.abs(expected).max()
    assert all(row.distinct <= 16 and row.bits == 4 for row in report.rows)
    assert len(parameters) == 59  # W, b of 20 layers, scale of 19
    assert report.float_bytes / report.packed_bytes > 7.8
    export_nnp(tmp_path / "packed.nnp", {"y": quantized}, {"x": x})
    packed = read(tmp_path / "packed.nnp", 2, x=x.d)[0]["y"]
    assert np.abs(packed - expected).max() < 1e-5 * np.abs(expected).max()
    sizes = [
        export_nnb(tmp_path / f"{name}.nnb", tmp_path / f"{name}.nnp").stat().st_size
        for name in ("packed", "lut")
    ]
    assert sizes[0] < 0.155 * sizes[1]


def test_the_order_of_the_arguments_is_told(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 3))
    with pytest.raises(ConfigError, match="not the path of a file") as refused:
        export_nnp(PF.affine(x, 2, name="fc"), tmp_path / "net.nnp", x)
    assert "outputs, inputs" in refused.value.help
