# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``callback-int8``: packed weights, and int8 between the layers."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.agreement import agreement
from nnabla_compress.c_kernels.layout import IMPLEMENT
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import LUT, Uniform
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from tests.graph.networks import randomize_statistics


def residual(x):
    """A network with what residual and separable ones have."""
    h = PF.convolution(x, 8, (3, 3), pad=(1, 1), apply_w=LUT(bits=4), name="c1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="bn"))
    k = PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name="d")
    h = F.relu(F.add2(h, k))
    h = PF.convolution(h, 16, (3, 3), stride=(2, 2), pad=(1, 1), apply_w=Uniform(4), name="c2")
    h = F.average_pooling(F.relu(h), (3, 3))
    return PF.affine(h, 10, apply_w=LUT(bits=2), name="fc")


@pytest.fixture
def exported(tmp_path, rng):
    """The report, the file, samples, and what the network makes of them."""

    def export(scale=1.0, **options):
        x = nn.Variable((1, 2, 6, 6))
        y = residual(x)
        samples = (scale * rng.randn(48, 2, 6, 6)).astype(np.float32)
        x.d = samples[:1]
        y.forward()
        randomize_statistics()
        nnp, nnb = tmp_path / "net.nnp", tmp_path / "net.nnb"
        report = export_nnp(nnp, {"y": y}, {"x": x}, target="callback-int8", samples={"x": samples})
        export_nnb(nnb, nnp, **options)
        expected = []
        for row in samples:
            x.d = row
            y.forward()
            expected.append(y.d.copy())
        return report, nnb, samples, np.concatenate(expected)

    return export


def test_all_that_flows_is_int8_and_clips_are_the_kernels_own(exported):
    report, nnb, samples, expected = exported()
    network = read_nnb(nnb)
    types = [function.type_name for function in network.functions]
    assert types.count("ReLU") == 1  # the one behind the sum
    layers = [f for f in network.functions if f.implement == IMPLEMENT]
    assert len(layers) == 4 and len({f.inputs[2:] for f in layers}) == 4
    flowing = [v for v in network.variables if v.data is None]
    assert {v.type for v in flowing} == {"FIXED8"}
    assert network.buffer_bytes == 3 * 8 * 36
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    assert machine.warnings == []
    found = agreement([expected], [machine.run_many([samples])[0]])
    assert found.root_mean_square < 0.1


def test_weights_are_told_and_stored_as_the_kernels_hold_them(exported):
    report, nnb, _, _ = exported()
    rows = {row.name: (row.bits, row.storage) for row in report.rows}
    assert rows["c1/conv"] == (4, "packed, 4-bit dictionary and scales")
    assert rows["c2/conv"][0] == 4 and rows["fc/affine"] == (2, rows["fc/affine"][1])
    assert rows["d/depthwise_conv"] == (8, "packed, 8-bit integers and scales")
    assert "d/depthwise_conv/W: not quantized, stored in 8 bits" in report.notes
    stored = NnpFile(report.path).build().parameters["d/depthwise_conv/W"].d
    assert all(len(np.unique(np.rint(m / np.abs(m).max() * 127))) <= 9 for m in stored)


def test_without_a_new_plan_for_buffers_clips_stay_functions(exported):
    _, nnb, samples, expected = exported(compact=False)
    network = read_nnb(nnb)
    assert [f.type_name for f in network.functions].count("ReLU") == 3
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    assert agreement([expected], [machine.run_many([samples])[0]]).root_mean_square < 0.1


def test_inputs_beyond_the_integers_are_scaled_first(exported):
    _, nnb, samples, expected = exported(scale=300.0)
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    assert agreement([expected], [machine.run_many([samples])[0]]).root_mean_square < 0.15


def test_samples_are_asked_for(tmp_path):
    x = nn.Variable((1, 2, 6, 6))
    y = residual(x)
    y.forward()
    with pytest.raises(ConfigError, match="'callback-int8' chooses number formats from samples"):
        export_nnp(tmp_path / "net.nnp", {"y": y}, {"x": x}, target="callback-int8")
