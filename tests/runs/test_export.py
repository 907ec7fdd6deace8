# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF

import nnabla_compress.quantizers as Q
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.runs.export import Exported


def test_the_command_for_the_converter_does_not_overwrite_the_smaller_nnb(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 64))
    y = PF.affine(x, 64, apply_w=Q.LUT(bits=2), name="fc")
    nnp, nnb = tmp_path / "net.nnp", tmp_path / "net.nnb"
    report = export_nnp(nnp, y, x)
    export_nnb(nnb, nnp)
    settings = tmp_path / "net.settings.yaml"
    settings.touch()
    command = Exported(report, [nnp, settings, nnb]).commands["convert"]
    assert command.endswith(f"{nnp} {tmp_path / 'net.converted.nnb'}")
    alone = Exported(report, [nnp, settings]).commands["convert"]
    assert alone.endswith(f"{nnp} {nnb}")
