# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A few kills, and a harness that can tell a run that ended otherwise."""

from __future__ import annotations

import json

import pytest

from tests.fuzz import fuzz_kills
from tests.fuzz.findings import Budget


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits(tmp_path):
    found = fuzz_kills.fuzz(Budget(files=3), 0, tmp_path)
    assert found.faults == [] and found.tried >= 3


@pytest.mark.parametrize("change", ["float.h5", "results.json", ".net.nnc-a1b2c3d4.h5"])
def test_another_bit_and_what_is_left_over_are_noticed(tmp_path, change):
    names = ["float.h5", "compressed.h5", "float.nnp", "float.nnb", "results.nnp", "results.nnb"]
    names += [f"{part}/{fuzz_kills._SERIES}" for part in ("float", "steps/01-train")]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"same")
    results = {"date": "today", "versions": {}, "float": {"loss": 1.5}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    expected = fuzz_kills.results_of(tmp_path)
    assert fuzz_kills.difference(tmp_path, expected) is None
    (tmp_path / change).write_text(json.dumps({**results, "float": {"loss": 1.25}}))
    assert change in fuzz_kills.difference(tmp_path, expected)
