# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.lowering.draft import drafted_sizes
from nnabla_compress.nnb import read_nnb
from tests.exporters.coded_networks import network, sample


def sizes_of(nnb):
    return nnb.stat().st_size, read_nnb(nnb).buffer_bytes


@pytest.mark.parametrize("quantizer", ["lut 4", "uniform 2", "affine 8", "binary"])
@pytest.mark.parametrize("target", ["portable", "integer", "int8", "callback"])
def test_inspect_tells_what_the_file_and_its_buffers_take(quantizer, target, tmp_path):
    x = sample()
    y = network(quantizer, x)
    export_nnp(tmp_path / "net.nnp", y, x, target=target, samples={"x": x.d})
    expected = sizes_of(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert tuple(summary(tmp_path / "net.nnp").networks[0].device) == expected


def test_functions_that_the_converter_does_not_know_are_counted_without_arguments():
    x = nn.Variable((1, 4))
    y = F.relu(x)
    assert drafted_sizes([y], [x], {})[1] == 16


def test_a_residual_network_of_floats_is_measured_exactly(tmp_path):
    x = nn.Variable((1, 8, 8, 8))
    h = F.relu(PF.convolution(x, 8, (3, 3), pad=(1, 1), name="a"))
    h = F.add2(h, PF.convolution(h, 8, (3, 3), pad=(1, 1), name="b"))
    y = PF.affine(F.average_pooling(F.relu(h), (8, 8)), 10, name="c")
    report = export_nnp(tmp_path / "net.nnp", y, x)
    expected = sizes_of(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    assert (report.float_sizes.nnb_bytes, report.float_sizes.buffer_bytes) == expected
