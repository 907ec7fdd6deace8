# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_show_what_the_results_files_hold():
    check = [sys.executable, str(ROOT / "tools" / "results_table.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_results_name_no_folders_of_the_machine_that_they_were_made_on():
    pattern = re.compile(r"(?<![\w.$])/(?:tmp|home|root|work|Users)/")
    texts = {path: path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.json")}
    assert len(texts) > 20
    assert [str(path) for path, text in texts.items() if pattern.search(text)] == []
