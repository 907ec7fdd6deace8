# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.report.results import NetworkResults, Results

CONTENT = {
    "name": "net",
    "seed": 3,
    "versions": {"python": "3.8"},
    "date": "2026-01-01",
    "float": {"accuracy": 0.75, "loss": 0.5, "samples": 20, "nnp_bytes": 900},
    "compressed": {
        "accuracy": 0.5,
        "loss": 0.75,
        "samples": 20,
        "warnings": ["the loss is nan"],
        "nnp_bytes": 1000,
        "notes": ["a note"],
        "nnb_bytes": 300,
        "parameter_bytes": 200,
        "overhead_bytes": 100,
        "buffer_bytes": 64,
        "float_nnb_bytes": 600,
        "float_buffer_bytes": 32,
        "ratio": 0.5,
        "decoding_bytes": 32,
        "budgets": {"weights": {"bytes": 10, "used_bytes": 12, "missed_by_bytes": 2}},
    },
    "layers": [{"name": "fc", "bits": 2}],
}


def test_what_is_written_is_what_is_read(tmp_path):
    results = Results.from_dict(CONTENT)
    assert results.as_dict() == CONTENT
    results.write(tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == CONTENT
    assert Results.read(tmp_path) == Results.read(tmp_path / "results.json") == results


def test_keys_of_other_versions_are_passed_over():
    assert Results.from_dict({**CONTENT, "another": 1}) == Results.from_dict(CONTENT)
    assert NetworkResults.from_dict({"another": 1}) == NetworkResults()


@pytest.mark.parametrize("text", ["", "[]", "{}", "5", '{"name": "a"}'])
def test_a_file_that_holds_no_results_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match="can't read"):
        Results.read(tmp_path)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        Results.read(tmp_path)
