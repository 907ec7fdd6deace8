# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import FloatSizes, NnbReport, export_nnb, export_nnp, nnb_report
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import Uniform
from tests.graph.networks import randomize_statistics


def block(x, quantizer):
    h = PF.convolution(x, 16, (3, 3), pad=(1, 1), apply_w=quantizer, with_bias=False, name="c")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="n"))
    g = PF.convolution(h, 16, (3, 3), pad=(1, 1), apply_w=quantizer, name="d")
    return PF.affine(F.average_pooling(F.add2(h, g), (8, 8)), 10, apply_w=quantizer, name="f")


def test_the_float_network_is_measured_without_quantizers(tmp_path):
    x = nn.Variable((1, 16, 8, 8))
    y = block(x, None)
    randomize_statistics()
    for number, name in enumerate("df"):  # equal parameters are stored once
        nn.get_parameters()[f"{name}/{'conv' if name == 'd' else 'affine'}/b"].d = number + 1
    plain = export_nnp(tmp_path / "plain.nnp", y, x)
    packed = export_nnp(tmp_path / "packed.nnp", block(x, Uniform(bits=4)), x)
    path = export_nnb(tmp_path / "plain.nnb", tmp_path / "plain.nnp")
    expected = FloatSizes(path.stat().st_size, read_nnb(path).buffer_bytes)
    assert packed.float_sizes == plain.float_sizes == expected


def test_the_report_adds_up(tmp_path):
    x = nn.Variable((1, 16, 8, 8))
    report = export_nnp(tmp_path / "net.nnp", block(x, Uniform(bits=4)), x)
    path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    sizes = nnb_report(path, report.float_sizes)
    assert sizes.nnb_bytes == path.stat().st_size == sizes.parameter_bytes + sizes.overhead_bytes
    assert sizes.parameter_bytes >= sum(row.stored_bytes for row in report.rows)
    assert sizes.buffer_bytes - report.float_sizes.buffer_bytes == sizes.decoding_bytes > 0
    convolution = report.rows[0]
    assert convolution.bits == 4 and 4 <= convolution.stored_bits < 4.1
    assert NnbReport.from_dict({**sizes.as_dict(), "accuracy": 1}) == sizes
    file, memory = sizes.lines()
    assert f"{sizes.ratio:.4f} of the float .nnb" in file and "more than in float" in memory


def test_sizes_without_a_float_network_are_told_alone(tmp_path):
    x = nn.Variable((1, 16, 8, 8))
    export_nnp(tmp_path / "net.nnp", block(x, None), x)
    sizes = nnb_report(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert sizes.ratio is None and sizes.decoding_bytes is None
    assert "float" not in " ".join(sizes.lines())


def test_a_file_that_is_no_nnb_is_refused(tmp_path):
    (tmp_path / "net.nnb").write_bytes(b"no network")
    with pytest.raises(DataError):
        nnb_report(tmp_path / "net.nnb")
