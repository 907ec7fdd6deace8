# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many distinct values a report counts."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.exporters import export_nnp
from nnabla_compress.exporters.export_report import _distinct

RANDOM = np.random.RandomState(0)
ENCODINGS = {
    "signed": Encoding(RANDOM.randint(-90, 90, (40, 30)).astype(np.int8), 8, scale=np.float32(0.5)),
    "wide": Encoding(
        RANDOM.randint(-900, 900, 3000).astype(np.int16), 16, scale=np.float32(0.25), zero_point=7
    ),
    "eight bytes": Encoding(RANDOM.randint(0, 9, 100), 4, scale=np.float32(2)),
    "equal entries": Encoding(
        RANDOM.randint(0, 4, 100).astype(np.uint8), 2, dictionary=np.float32([1, 0, 1, -0.0])
    ),
    "channels": Encoding(
        RANDOM.randint(0, 4, (2, 50)).astype(np.uint8), 2, scale=np.float32([1, 2]), axis=0
    ),
    "channels along inputs": Encoding(
        RANDOM.randint(-4, 4, (5, 3, 9)).astype(np.int8),
        3,
        scale=np.float32([0.5, 1, 0.3]),
        zero_point=np.array([0, 1, -2]),
        axis=1,
    ),
    "wide channels": Encoding(
        RANDOM.randint(-900, 900, (4, 300)).astype(np.int16), 16, scale=np.ones(4, "f4"), axis=0
    ),
    "no codes": Encoding(np.zeros((0, 3), np.int8), 8, scale=np.float32(1)),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_distinct_values_are_counted_by_codes(name):
    encoding = ENCODINGS[name]
    values = encoding.decode()
    found = [_distinct(encoding.decode, known) for known in (encoding, None)]
    assert found == [len(np.unique(values))] * 2


def test_a_float_layer_tells_its_own(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    report = export_nnp(tmp_path / "net.nnp", PF.affine(x, 5, name="fc"), x)
    assert [row.distinct for row in report.rows] == [20]
