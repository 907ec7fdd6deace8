# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A little of the harnesses for the readers in Python, and small files that ask for very much."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

from nnabla_compress.errors import DataError
from tests.fuzz import reader
from tests.fuzz.findings import Budget
from tests.fuzz.hostile import DATA, NETWORKS
from tests.fuzz.measure import VERBS, measured


@pytest.mark.parametrize(
    "name, files, read", [("nnp", 30, 8), ("nnb", 60, 4), ("data", 60, 8), ("run_folder", 12, 8)]
)
def test_damaged_files_are_read_or_refused(tmp_path, name, files, read):
    harness = importlib.import_module(f"tests.fuzz.fuzz_{name}")
    found = harness.fuzz(Budget(files=files), 0, tmp_path)
    assert found.faults == [] and found.tried >= files
    assert found.counts["read"] >= read and sum(found.counts.values()) == found.tried


def test_other_errors_are_faults(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MEGABYTES", 10**6)  # whatever this process took before

    def wrong(path):
        raise KeyError("no such thing")

    def right(path):
        raise DataError("no such file")

    assert reader.outcome(wrong, tmp_path) == ["fault", "KeyError: 'no such thing'"]
    assert reader.outcome(right, tmp_path)[0] == "refused"
    assert reader.outcome(lambda path: None, tmp_path) == ["read", ""]


def test_much_time_and_much_memory_are_faults(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MEGABYTES", 1)
    said, why = reader.outcome(lambda path: None, tmp_path)
    assert said == "fault" and " MB" in why
    monkeypatch.setattr(reader, "SECONDS", 0.001)
    said, why = reader.outcome(lambda path: sorted(np.ones(100_000)), tmp_path)
    assert said == "fault" and "CPU seconds" in why


def test_a_process_that_ends_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(
        reader.Reader,
        "_started",
        lambda self: subprocess.Popen(
            [sys.executable, "-c", "import os; input(); os.abort()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ),
    )
    read = reader.Reader("nnp")
    assert read(tmp_path) == ("fault", "the process ended with -6")


# Each stands for a kind; making the others, or their honest work, takes longer.
_QUICK = (
    *("packed_by_bzip2", "metadata_that_nests", "hdf5_of_fill_values", "hdf5_of_links"),
    *("input_of_a_gigabyte", "input_of_thousands_of_axes", "steps_that_double"),
    *("loops_within_loops", "products_of_large_matrices", "function_4_Tile"),
)


@pytest.mark.long
def test_small_files_that_ask_for_very_much_do_not_get_it(tmp_path):
    files = reader.Reader("nnp")
    for name in _QUICK:
        path = tmp_path / "net.nnp"
        path.write_bytes(NETWORKS[name]())
        assert path.stat().st_size <= 2**20
        assert files(path)[0] in ("read", "refused"), (name, files(path))
    files.close()
    data = reader.Reader("data")
    for name in ("npz_of_a_false_shape", "npz_of_many_members", "npz_of_a_long_head"):
        path = tmp_path / "data.npz"
        path.write_bytes(DATA[name]())
        assert data(path)[0] == "refused", (name, data(path))
    data.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({**NETWORKS, **DATA}))
@pytest.mark.parametrize("verb", VERBS)
def test_no_small_file_takes_much_time_or_memory_in_any_verb(tmp_path, name, verb):
    said = measured(tmp_path, name, verb)
    assert said.status in (0, 1) and "internal error" not in said.text, said
    assert said.seconds <= reader.SECONDS and said.megabytes <= reader.MEGABYTES, said
