# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A little of every harness: what it found once stays mended, and it can still find it."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.fuzz import __main__ as program
from tests.fuzz import fuzz_packed
from tests.fuzz.findings import Budget, Findings
from tests.fuzz.table import ROOT, table


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    monkeypatch.delenv("NNABLART_LIB", raising=False)


def test_packed_files_do_no_harm(tmp_path):
    found = fuzz_packed.fuzz(Budget(files=400), 0, tmp_path)
    assert found.faults == [] and found.tried == 400
    # Damages that are refused and damages that run are both worth trying.
    for mode in ("exact", "fast"):
        assert found.counts[f"{mode}: refused at the start"] > 100
        assert found.counts[f"{mode}: ran"] > 40


def test_kernels_that_believe_the_shapes_are_found_out(tmp_path, monkeypatch):
    for name in (*fuzz_packed.KERNELS, *fuzz_packed.GLUE):
        shutil.copy(fuzz_packed.source_folder() / name, tmp_path / name)
    image = tmp_path / "packed_image.h"
    text = image.read_text("utf-8")
    believing = text.replace("(elements * bits[type] + 7) / 8 <= bytes", "1")
    assert believing != text
    image.write_text(believing, "utf-8")
    monkeypatch.setattr(fuzz_packed, "source_folder", lambda: tmp_path)
    found = fuzz_packed.fuzz(Budget(files=200), 0, tmp_path / "faults")
    assert found.faults and "AddressSanitizer" in found.faults[0]
    assert len(list((tmp_path / "faults").iterdir())) == len(found.faults)


def test_the_runs_are_written_down(tmp_path, monkeypatch, capsys):
    class Harness:
        @staticmethod
        def fuzz(budget, seed, folder):
            assert budget.files == 3
            found = Findings("nothing", tried=3)
            found.count("refused", 3)
            found.fault("it was read", b"content", folder)
            return found

    monkeypatch.setattr(program.importlib, "import_module", lambda name: Harness)
    path = tmp_path / "counts.json"
    path.write_text('{"other": 1}')
    words = ["packed", "--minutes", "0", "--files", "3", "--json", str(path)]
    monkeypatch.setattr(sys, "argv", ["tests.fuzz", *words, "--findings", str(tmp_path)])
    assert program.main() == 1
    written = json.loads(path.read_text())
    assert written["other"] == 1
    assert written["packed"]["tried"] == 3 and written["packed"]["counts"] == {"refused": 3}
    assert written["packed"]["command"].startswith("python -m tests.fuzz packed --minutes 0")
    assert (tmp_path / "packed" / "fault_0").read_bytes() == b"content"
    assert "fault: " in capsys.readouterr().out


def test_the_page_shows_the_counts_that_were_written_down():
    """Otherwise: ``python -m tests.fuzz.table``, and paste."""
    assert table() in (ROOT / "docs" / "reliability.md").read_text("utf-8")
