# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.recognize import with_nodes
from nnabla_compress.errors import ExportError, VerifyError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.inspection.recovered import recovered_network
from nnabla_compress.lowering.storage import SCHEMES
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import LUT, Affine, Uniform, quantizer_of
from nnabla_compress.quantizers.coded import Coded
from nnabla_compress.runs import export_file
from tests.exporters.coded_networks import QUANTIZERS, network, read_back, sample

PATHS = {"c1/conv/W", "c2/conv/W", "fc/affine/W"}


def outputs_of(path):
    nn.clear_parameters()
    built = NnpFile(path).build(batch_size=1)
    next(iter(built.inputs.values())).d = sample().d
    built.output.forward()
    return np.array(built.output.d)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_codes_are_exported_as_codes_again(quantizer, tmp_path):
    x = sample()
    export_nnp(tmp_path / "net.nnp", network(quantizer, x), x)
    first = export_file(tmp_path / "net.nnp", tmp_path / "once")
    again = export_file(first.paths[0], tmp_path / "twice")
    assert [row.storage for row in again.report.rows] == [r.storage for r in first.report.rows]
    assert all(row.bits <= 8 and row.quantizer for row in again.report.rows)
    assert again.sizes.nnb_bytes == first.sizes.nnb_bytes
    assert again.sizes.float_nnb_bytes == first.sizes.float_nnb_bytes
    expected = outputs_of(tmp_path / "net.nnp")
    got = outputs_of(again.paths[0])
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("storage", SCHEMES)
def test_each_scheme_is_recognized(storage, tmp_path):
    kind = LUT(bits=2, dictionary="pow2") if storage == "pow2_planes" else Uniform(bits=2)
    x = sample()
    y = PF.convolution(x, 32, (3, 3), apply_w=kind, name="c")
    report = export_nnp(tmp_path / "net.nnp", y, x, storage=storage)
    assert report.rows[0].storage == storage
    before = outputs_of(tmp_path / "net.nnp")
    found = read_back(tmp_path / "net.nnp")
    assert found.weights == ["c/conv/W"] and not found.notes
    encoding = found.outputs[0].parent.inputs[1].parent
    assert quantizer_of(encoding) is Coded and encoding.info.args["bits"] == 2
    assert before.shape == found.outputs[0].shape


@pytest.mark.parametrize("quantizer", ["lut 4", "pow2", "affine 4 around 0", "uniform 8"])
@pytest.mark.parametrize("target", ["integer", "callback"])
def test_files_of_other_targets_are_recognized(quantizer, target, tmp_path):
    x = sample()
    y = network(quantizer, x)
    direct = export_nnp(tmp_path / "direct.nnp", y, x)
    export_nnp(tmp_path / "net.nnp", y, x, target=target, samples={"x": x.d})
    found = export_file(tmp_path / "net.nnp", tmp_path / "out")
    assert {row.name for row in found.report.rows} == {row.name for row in direct.rows}
    assert [row.bits for row in found.report.rows] == [row.bits for row in direct.rows]
    expected = outputs_of(tmp_path / "direct.nnp")
    got = outputs_of(found.paths[0])
    np.testing.assert_allclose(got, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("target", ["integer", "callback", "binary-weight"])
def test_a_coded_file_goes_to_other_targets(target, tmp_path):
    x = sample()
    export_nnp(tmp_path / "net.nnp", network("affine 4", x), x)
    found = export_file(tmp_path / "net.nnp", tmp_path / "out", target=target)
    assert all(row.bits == 4 and row.storage != "float" for row in found.report.rows)
    assert found.sizes.ratio < 0.5


def test_a_file_for_the_converter_only_leads_to_its_reference(tmp_path):
    x = sample()
    y = network("uniform 2", x)
    export_nnp(tmp_path / "net.nnp", y, x, target="binary-weight", samples={"x": x.d})
    with pytest.raises(ExportError, match=r"for the converter only") as error:
        export_file(tmp_path / "net.nnp", tmp_path / "out")
    assert "net.reference.nnp" in str(error.value)
    found = export_file(tmp_path / "net.reference.nnp", tmp_path / "out")
    assert all(row.bits <= 2 for row in found.report.rows)


def test_floats_of_few_values_are_codes_whoever_wrote_them(tmp_path):
    x = sample()
    y = PF.convolution(x, 32, (3, 3), name="c")
    values = np.random.RandomState(0).choice(np.float32([-0.3, 0.1, 0.7]), (32, 3, 3, 3))
    nn.get_parameters()["c/conv/W"].d = values
    export_nnp(tmp_path / "net.nnp", y, x)
    found = read_back(tmp_path / "net.nnp")
    assert found.weights == ["c/conv/W"]
    np.testing.assert_array_equal(found.outputs[0].parent.inputs[1].parent.inputs[0].d, values)


def test_floats_stay_floats(tmp_path):
    x = sample()
    h = F.relu(PF.convolution(x, 16, (3, 3), name="c"))
    export_nnp(tmp_path / "net.nnp", PF.affine(h, 10, name="f"), x)
    found = read_back(tmp_path / "net.nnp")
    assert not found.weights and not found.notes
    assert not any(quantizer_of(f) is Coded for f in functions(found.outputs))


def test_scales_of_outputs_and_zero_points_come_back(tmp_path):
    x = sample()
    y = PF.convolution(x, 16, (3, 3), apply_w=Affine(bits=3, axis=0, symmetric=False), name="c")
    y.forward()
    expected = np.array(y.parent.inputs[1].d)
    export_nnp(tmp_path / "net.nnp", y, x)
    node = read_back(tmp_path / "net.nnp").outputs[0].parent.inputs[1].parent
    np.testing.assert_array_equal(node.inputs[0].d, expected)
    assert node.info.args["axis"] == 0 and node.inputs[1].size == 16


def with_asymmetric_map(x):
    """A network whose input and last map lie on codes with a zero point."""
    with nn.parameter_scope("in"):
        h = Affine(bits=8, symmetric=False)(x)
    h = F.tanh(PF.convolution(h, 8, (3, 3), name="c"))
    with nn.parameter_scope("map"):
        h = Affine(bits=8, symmetric=False)(h + 0.5)
    y = PF.affine(h, 5, name="fc")
    y.forward()
    return y


@pytest.mark.parametrize("target", ["int8", "int16"])
def test_quantizers_with_a_zero_point_become_formats_as_those_of_a_graph(target, tmp_path):
    x = sample()
    y = with_asymmetric_map(x)
    samples = {"x": x.d.copy()}
    export_nnp(tmp_path / "net.nnp", y, x)
    direct = export_nnp(tmp_path / "direct.nnp", y, x, target=target, samples=samples)
    nn.clear_parameters()
    built = NnpFile(tmp_path / "net.nnp").build(batch_size=1)
    found = recovered_network(tmp_path / "net.nnp", built)
    made = dict(zip(built.outputs, found.outputs))
    again = export_nnp(tmp_path / "a.nnp", made, built.inputs, target=target, samples=samples)
    assert [row.bits for row in again.rows] == [row.bits for row in direct.rows]
    kinds = [
        sorted(f.info.type_name for f in functions([NnpFile(tmp_path / name)(sample(), True)]))
        for name in ("direct.nnp", "a.nnp")
    ]
    # Round is what only a quantizer that stays as functions of floats brings.
    assert kinds[0] == kinds[1] and "Round" not in kinds[0]
    expected, got = (outputs_of(tmp_path / name) for name in ("direct.nnp", "a.nnp"))
    np.testing.assert_allclose(got, expected, atol=0.05 * np.abs(expected).max())


def test_the_graph_of_a_file_with_quantizers_is_compared_with_the_file(tmp_path, monkeypatch):
    x = sample()
    export_nnp(tmp_path / "net.nnp", with_asymmetric_map(x), x)
    built = NnpFile(tmp_path / "net.nnp").build(batch_size=1)

    def twice(outputs):
        return [2 * output for output in with_nodes(outputs)]

    monkeypatch.setattr("nnabla_compress.inspection.recovered.with_nodes", twice)
    with pytest.raises(VerifyError):
        recovered_network(tmp_path / "net.nnp", built)
