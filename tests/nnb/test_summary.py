# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.nnb import read_nnb
from nnabla_compress.nnb.summary import nnb_summary
from nnabla_compress.quantizers import LUT


def test_flash_ram_and_the_types_of_inputs_are_told(tmp_path):
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(1, 4, 6, 6))
    y = F.relu(PF.convolution(x, 8, (3, 3), name="c"))
    export_nnp(tmp_path / "net.nnp", y, x, target="int8", samples={"x": x.d})
    path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    found = nnb_summary(path)
    assert found.bytes == path.stat().st_size
    assert found.buffer_bytes == read_nnb(path).buffer_bytes
    (port,) = found.inputs
    assert (port.shape, port.type) == ((1, 4, 6, 6), "FIXED8") and port.fp_pos > 0
    assert found.callbacks == 0 and found.functions["Convolution"] == 1


def test_functions_of_the_program_are_counted(tmp_path):
    x = nn.Variable((1, 4, 6, 6))
    y = PF.convolution(x, 32, (3, 3), apply_w=LUT(bits=2), name="c")
    export_nnp(tmp_path / "net.nnp", y, x, target="callback")
    assert nnb_summary(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")).callbacks == 1


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "net.nnb").write_bytes(b"no network")
    with pytest.raises(DataError):
        nnb_summary(tmp_path / "net.nnb")
