# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.report.tables import layer_table

ROW = {
    "name": "fc/affine",
    "type": "Affine",
    "shape": [8, 4],
    "weights": 32,
    "bits": 2,
    "distinct": 4,
    "packed_bytes": 24,
    "float_bytes": 128,
}


def test_layers_tell_what_entropy_coding_would_make_of_their_codes():
    rows = [{**ROW, "entropy_coded_bytes": 20}, {**ROW, "entropy_coded_bytes": 24}]
    assert "44 bytes" in str(layer_table(rows).caption)
    assert "no file" in str(layer_table(rows).caption)


def test_layers_are_silent_about_entropy_coding_that_gains_nothing_or_was_not_counted():
    assert not layer_table([{**ROW, "entropy_coded_bytes": 24}]).caption
    assert not layer_table([ROW]).caption
