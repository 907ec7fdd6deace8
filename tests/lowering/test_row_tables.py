# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which tables of an Embed can stay codes."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.lowering.row_tables import has_row_codes
from nnabla_compress.quantizers import LUT, PQ, RowLUT, Uniform


def embed(quantizer, rows=60):
    nn.clear_parameters()
    values = np.random.RandomState(0).randn(rows, 8).astype(np.float32)
    table = nn.parameter.get_parameter_or_create("t/W", values.shape, values)
    return F.embed(nn.Variable((1, 3)), table if quantizer is None else quantizer(table)).parent


@pytest.mark.parametrize(
    "quantizer",
    [LUT(bits=4), RowLUT(bits=2, rows=20), PQ(2, 4), Uniform(bits=4, axis=0, learn=None)],
    ids=str,
)
def test_tables_of_codes_stay_codes(quantizer):
    assert has_row_codes(embed(quantizer))


def test_floats_and_codes_that_take_more_bytes_do_not():
    assert not has_row_codes(embed(None))
    assert not has_row_codes(embed(PQ(bits=8, length=8), rows=4))


def test_scales_of_another_axis_do_not():
    assert not has_row_codes(embed(Uniform(bits=4, axis=1, learn=None)))
