# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
import yaml

from nnabla_compress.encodings import Encoding
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.tolerance import Tolerance
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import LUT, Uniform
from nnabla_compress.simulator import traps
from nnabla_compress.targets.binary_weight import scaled_integers
from tests.exporters.devices import apart, on_device
from tests.graph.networks import randomize_statistics, values


def exported(folder, y, x):
    x.d = values(*x.shape)
    y.forward()
    report = export_nnp(folder / "net.nnp", {"y": y}, {"x": x}, target="binary-weight")
    return report, export_nnb(folder / "net.nnb", folder / "net.nnp")


def network(x):
    h = F.relu(
        PF.convolution(
            x, 8, (3, 3), pad=(1, 1), name="c1", apply_w=Uniform(8, axis=0, learn="qmax")
        )
    )
    weight = nn.parameter.get_parameter_or_create("d1/W", (8, 3, 3), values(8, 3, 3))
    h = F.relu(F.depthwise_convolution(h, Uniform(4)(weight), stride=(1, 2)))
    h = PF.convolution(
        h, 16, (3, 3), group=2, dilation=(2, 1), name="c2", apply_w=LUT(dictionary="binary")
    )
    h = PF.batch_normalization(h, batch_stat=False, name="c2")
    return PF.affine(F.relu(h), 10, name="fc", apply_w=LUT(bits=3, dictionary="pow2"))


def test_layers_read_integers_in_place(tmp_path):
    x = nn.Variable((1, 4, 12, 12))
    y = network(x)
    randomize_statistics()
    report, nnb = exported(tmp_path, y, x)
    file = read_nnb(nnb)
    layers = [f for f in file.functions if "Weight" in f.type_name]
    assert [f.type_name for f in layers] == ["BinaryWeightConvolution"] * 3 + ["BinaryWeightAffine"]
    types = [file.variables[f.inputs[2 if "Conv" in f.type_name else 1]].type for f in layers]
    assert types == ["FIXED8", "FIXED8", "SIGN", "FIXED8"]
    assert [t for t in traps(nnb) if t.severity != "note"] == []
    samples = {"x": values(8, 4, 12, 12, seed=1)}
    assert on_device(nnb, y, x, samples, Tolerance(1e-5)).samples == 8
    assert [row.storage for row in report.rows][2] == "binary-weight SIGN"
    # No layer needs memory for a decoded weight.
    assert file.buffer_bytes <= 4 * 2 * 8 * 12 * 12


def test_the_reference_computes_the_network_in_nnabla(tmp_path):
    x = nn.Variable((1, 4, 12, 12))
    y = network(x)
    randomize_statistics()
    exported(tmp_path, y, x)
    other = nn.Variable((3, 4, 12, 12))
    other.d = values(3, 4, 12, 12)
    got = NnpFile(tmp_path / "net.reference.nnp")(other, True)
    got.forward()
    expected = []
    for row in other.d:
        x.d = row[None]
        y.forward()
        expected.append(y.d[0].copy())
    assert np.allclose(got.d, expected, rtol=1e-5, atol=1e-5)


def test_exporting_leaves_the_codes_as_they_are(tmp_path):
    """NNabla overwrites codes and scales when it runs such a layer."""
    x = nn.Variable((1, 8))
    y = PF.affine(x, 4, name="fc", apply_w=Uniform(4))
    _, nnb = exported(tmp_path, y, x)
    with zipfile.ZipFile(tmp_path / "net.nnp") as archive:
        assert yaml.safe_load(archive.read("settings.yaml"))["variables"] == {
            "fc/affine/W_codes": "FIXED8_0"
        }
    file = read_nnb(nnb)
    codes = file.variables[file.functions[0].inputs[1]]
    quantized = y.parent.inputs[1].d
    step = np.abs(quantized[quantized != 0]).min()
    expected = np.rint(quantized / step).T.astype(np.int8)
    assert (
        codes.data is not None
        and np.frombuffer(codes.data, np.int8).tolist() == expected.ravel().tolist()
    )


def test_what_is_no_integers_stays_float_and_is_named(tmp_path):
    x = nn.Variable((1, 4, 8, 8))
    h = PF.convolution(x, 4, (3, 3), name="c1")
    h = PF.deconvolution(h, 4, (3, 3), name="d1", apply_w=Uniform(4))
    y = PF.convolution(h, 4, (3, 3), name="c2", apply_w=LUT(bits=4))
    report, nnb = exported(tmp_path, y, x)
    text = "\n".join(report.notes)
    assert "c1/conv: stays float, its weights are not quantized" in text
    assert "d1/deconv: stays float, Deconvolution has no such kernel" in text
    assert "c2/conv: stays float, its values are no integers times a scale" in text
    assert apart(nnb, y, x, {"x": values(4, 4, 8, 8)}) < 1e-5


def test_a_layer_used_twice_stores_its_codes_once(tmp_path):
    x = nn.Variable((1, 4, 8, 8))
    h = PF.convolution(x, 4, (1, 1), name="c", apply_w=Uniform(4))
    y = PF.convolution(F.relu(h), 4, (1, 1), name="c", apply_w=Uniform(4))
    _, nnb = exported(tmp_path, y, x)
    file = read_nnb(nnb)
    used = {f.inputs[2] for f in file.functions if f.type_name == "BinaryWeightConvolution"}
    assert len(used) == 1
    assert apart(nnb, y, x, {"x": values(4, 4, 8, 8)}) < 1e-5


@pytest.mark.parametrize(
    ("encoding", "axis", "integers", "scale"),
    [
        (Encoding(np.array([[0, 1], [1, 0]]), 1, dictionary=np.float32([-3, 3])), 0, "SIGN", None),
        (Encoding(np.array([[3], [-4]]), 4, scale=np.float32(0.5)), 0, [3, -4], [0.5, 0.5]),
        (Encoding(np.array([[3, 1]]), 4, scale=np.float32([0.5, 2]), axis=1), 1, [3, 1], [0.5, 2]),
        (Encoding(np.array([[0, 3]]), 2, scale=np.float32(1), zero_point=2), 1, [-2, 1], [1, 1]),
    ],
)
def test_encodings_become_integers_times_scales(encoding, axis, integers, scale):
    found, reason = scaled_integers(encoding, axis)
    assert found is not None and reason == ""
    if integers == "SIGN":
        assert np.abs(found.integers).tolist() == [[1, 1], [1, 1]]
        assert found.scale.tolist() == [3, 3]
    else:
        assert found.integers.ravel().tolist() == integers
        assert found.scale.tolist() == scale


@pytest.mark.parametrize(
    ("encoding", "axis", "reason"),
    [
        (Encoding(np.array([[0, 1]]), 1, dictionary=np.float32([0.1, 0.3141])), 0, "no integers"),
        (Encoding(np.array([[3, 1]]), 4, scale=np.float32([0.5, 2]), axis=1), 0, "not those of"),
        (Encoding(np.array([[300, 1]]), 9, scale=np.float32(1)), 0, "from 1 to 300"),
        (Encoding(np.array([[1, 0]]), 1, kept=np.float32([0.25])), 0, "no integers"),
    ],
)
def test_other_encodings_say_why_not(encoding, axis, reason):
    found, why = scaled_integers(encoding, axis)
    assert found is None
    assert reason in why


def test_a_value_on_the_border_of_two_steps_may_fall_to_either_side(tmp_path):
    """Sums of whole inputs times 0.1 lie on the borders of steps of 0.2, up to a rounding."""
    rng = np.random.RandomState(0)
    x = nn.Variable((1, 4, 8, 8))
    codes = rng.randint(-7, 8, (8, 4, 3, 3))
    codes.flat[0] = 7
    weight = nn.parameter.get_parameter_or_create("c/W", codes.shape, codes * np.float32(0.1))
    with nn.parameter_scope("w"):
        weight = Uniform(4, learn=None, initial_step=0.1)(weight)
    with nn.parameter_scope("a"):
        h = Uniform(8, learn=None, initial_step=0.2)(F.convolution(x, weight))
    y = PF.affine(h, 10, name="f", apply_w=Uniform(4))
    samples = rng.randint(-3, 4, (64, 4, 8, 8)).astype(np.float32)
    x.d = samples[:1]
    y.forward()
    report = export_nnp(
        tmp_path / "net.nnp", {"y": y}, {"x": x}, target="binary-weight", samples={"x": samples}
    )
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    assert 0.001 < apart(nnb, y, x, {"x": samples}) < 0.05
    assert "on 64 samples the .nnb differs by" in report.notes[-1]
