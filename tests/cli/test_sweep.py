# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verb sweep: it answers, and prints what it wrote."""

from __future__ import annotations

import json

import yaml

from tests.cli.shell import call_here, refused
from tests.sweeping.test_sweep import CONTENT


def test_it_answers_and_prints_what_it_wrote(tmp_path):
    content = {**CONTENT, "sizes": {"hidden": [[4]]}, "budgets": ["1 kB"]}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    found = call_here("sweep", "sweep.yaml", "-o", "out", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "within 1.00 kB: train hidden=[4], compress: 2 bits" in found.stdout
    refused(call_here("sweep", "sweep.yaml", "-o", "out", cwd=tmp_path), "holds a sweep already")
    again = call_here("sweep", "sweep.yaml", "-o", "out", "--resume", "--json", cwd=tmp_path)
    kept = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert json.loads(again.stdout)["points"] == kept["points"]
