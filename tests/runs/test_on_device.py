# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs on boards: which file, which samples."""

from __future__ import annotations

import pytest

from nnabla_compress.device import find_board
from nnabla_compress.errors import DataError
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, on_device
from nnabla_compress.runs.on_device import device_test_run

RECIPE = {
    "name": "tiny",
    "model": {"name": "mlp", "options": {"hidden": [8]}},
    "data": {"source": "digits", "validation": 0.1},
    "compression": {"weights": [{"quantizer": "lut", "bits": 2}]},
}


def test_a_run_gives_its_file_and_test_samples_and_one_without_a_file_says_so(
    tmp_path, monkeypatch
):
    Run(Recipe.checked(RECIPE, "recipe"), tmp_path, tmp_path).execute(
        lambda name, total: lambda done, total, values: None, print
    )
    monkeypatch.setattr(on_device, "device_test", lambda *args, **options: (args, options))
    (nnb, board), options = device_test_run(tmp_path, find_board("m4f"), 3, kernels="stock")
    assert (nnb, board.core) == (tmp_path / "results.nnb", "Cortex-M4F")
    assert options["samples"].source == "the test samples" and options["kernels"] == "stock"
    assert len(options["samples"].rows[0]) == 3
    nnb.unlink()
    (tmp_path / "float.nnb").unlink()
    with pytest.raises(DataError, match=r"no file .*results\.nnb"):
        device_test_run(tmp_path, find_board("m4f"))
