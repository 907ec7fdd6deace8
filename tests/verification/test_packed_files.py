# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Verifying files with packed weights."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import LUT
from nnabla_compress.verification import verify_files


def test_packed_files_are_recognized_and_nnablart_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("NNABLART", "/bin/false")
    monkeypatch.delenv("NNABLART_PACKED", raising=False)
    x = nn.Variable((1, 40))
    y = PF.affine(x, 10, name="fc", apply_w=LUT(bits=2))
    y.forward()
    nnp = tmp_path / "net.nnp"
    export_nnp(nnp, {"y": y}, {"x": x}, target="callback")
    found = verify_files(nnp, export_nnb(tmp_path / "net.nnb", nnp), count=3)
    assert found.kept and len(found.comparisons) == 1
    assert "can't run packed weights" in found.warnings[-1]
