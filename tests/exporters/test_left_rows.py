# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What of an export stays float is listed, and counts in its bytes."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress import compress
from nnabla_compress.exporters import export_nnp
from nnabla_compress.inspection import summary
from tests.models.others import parameter


def network():
    x = nn.Variable((1, 6))
    h = PF.prelu(PF.affine(x * parameter("factors", 1, 6), 16, name="a"), name="p")
    h = PF.batch_normalization(PF.affine(h, 16, with_bias=False, name="b"), name="n")
    return x, PF.affine(F.relu(h), 4, name="c")


def test_weights_of_no_layer_and_layers_left_float_are_listed_with_their_share(tmp_path):
    x, y = network()
    y = compress(y, {"weights": ["lut:bits=2", "c*=none"]})
    report = export_nnp(tmp_path / "net.nnp", y, x)
    packed = {row.name: row.packed_bytes for row in report.rows}
    assert {(row.name, row.type, row.bytes) for row in report.left} == {
        ("factors", "Mul2", 24),
        ("p/prelu/slope", "PReLU", 4),
    }
    assert report.float_bytes == 4 * (6 * 16 + 16 * 16 + 16 * 4) + 28
    assert report.packed_bytes == sum(packed.values()) + 28
    stays = report.what_stays()
    assert [row["name"] for row in stays] == ["c/affine", "factors", "p/prelu/slope"]
    assert stays[0]["bytes"] == packed["c/affine"] == 256
    assert abs(sum(row["share"] for row in stays) - (256 + 28) / report.packed_bytes) < 1e-9
    # Biases and what the folding of batch normalization left are told apart.
    assert report.other_bytes == 4 * (16 + 4) + 4 * 32


def test_a_float_export_has_nothing_to_list_but_counts_all(tmp_path):
    x, y = network()
    report = export_nnp(tmp_path / "net.nnp", y, x)
    assert report.what_stays() == []
    assert report.float_bytes == report.packed_bytes == 4 * (96 + 256 + 64) + 28
    assert [row["name"] for row in summary(tmp_path / "net.nnp").compression["left"]] == [
        "factors",
        "p/prelu/slope",
    ]
