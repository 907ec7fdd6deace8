# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.training.monitors import series_of


def test_series_are_read_as_they_were_written_and_long_ones_thinned(tmp_path):
    (tmp_path / "Training-loss.series.txt").write_text("0 4\n1 2\nx y\n")
    (tmp_path / "Bits.series.txt").write_text("".join(f"{n} {n % 2}\n" for n in range(1000)))
    found = series_of(tmp_path, most_points=10)
    assert "Training loss" not in found, "a damaged file is passed over"
    assert found["Bits"] == [[100 * n, 0.5] for n in range(1, 11)]
    (tmp_path / "Training-loss.series.txt").write_text("0 4\n1 2\n9 nan\n")
    assert series_of(tmp_path)["Training loss"] == [[1, 4.0], [2, 2.0]]
    assert series_of(tmp_path / "nowhere") == {}
