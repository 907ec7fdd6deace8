# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tools import results_table

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


def test_results_of_a_run_that_was_moved_name_the_folder_that_its_recipe_has(tmp_path, monkeypatch):
    command = "convert -s /made/here/results.settings.yaml /made/here/results.nnp"
    result = {"name": "lenet-dq", "seed": 1, "float": {}, "compressed": {"convert": command}}
    (tmp_path / "results.json").write_text(json.dumps(result))
    monkeypatch.setattr(results_table, "RESULTS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    results_table.add(tmp_path, "run lenet-dq")
    (added,) = (tmp_path / "docs").iterdir()
    expected = "convert -s runs/lenet-dq/results.settings.yaml runs/lenet-dq/results.nnp"
    assert json.loads(added.read_text())["compressed"]["convert"] == expected


def test_epochs_of_all_trainings_of_the_compressed_network_make_the_images_seen():
    head, _, *lines = (line.split(" | ") for line in results_table.table("../").splitlines())
    epochs, seen = head.index("epochs"), head.index("images seen")
    rows = {line[0].split("]")[0].strip("| ["): line for line in lines}
    assert rows["lenet-together"][epochs] == "5 + 5 + 10"
    assert rows["resnet20-dq-w70"][epochs] == "10"
    images = {"lenet": 1297, "resnet20": 49_000}
    for name, line in rows.items():
        wanted = images[name.split("-")[0]] * sum(map(float, line[epochs].split(" + ")))
        assert abs(int(line[seen].replace(",", "")) / wanted - 1) < 0.01, name
