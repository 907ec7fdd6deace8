# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-ins in NNC Desktop: rows of a table, and how it calls what these name."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nnabla_compress.console.desktop import install_desktop
from nnabla_compress.errors import ConfigError
from nnabla_compress.models import NnpFile
from tests.console.project import results_folder

# What values may look like, by format.
PATTERNS = {
    "path": r"[a-zA-Z0-9_ !#$%&'()+,.\-=@\[\]^`{}~]{1,64}",
    "str": r"[a-zA-Z0-9_ !#$%&'()+,.\-=@\[\]^`{}~]{1,128}",
    "int": r"-?\d+",
}
TABLE = """CREATE TABLE plugins (plugin_id VARCHAR(36) NOT NULL PRIMARY KEY,
    update_datetime DATETIME NOT NULL, create_datetime DATETIME NOT NULL,
    owner_tenant_id VARCHAR(36) NOT NULL, plugin_name VARCHAR(255) NOT NULL,
    plugin_file VARCHAR(255) NOT NULL, parameters TEXT NOT NULL, description TEXT NOT NULL,
    computing_service VARCHAR(255), deleted ENUM NOT NULL)"""


def bucket(folder, table=TABLE):
    (folder / "db").mkdir(parents=True)
    with closing(sqlite3.connect(str(folder / "db" / "nncd.db"))) as connection:
        connection.execute(table)
    return folder


def rows(folder):
    with closing(sqlite3.connect(str(folder / "db" / "nncd.db"))) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM plugins")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = bucket(tmp_path_factory.mktemp("home") / "nncd_bucket")
    install_desktop(folder)
    return folder


def test_rows_name_scripts_that_are_there(installed):
    found = rows(installed)
    assert [row["plugin_name"] for row in found] == [
        "Weight Compression",
        "Post-Training Quantization",
        "Channel Pruning",
        "Device Export",
        "Layer Sensitivity",
        "Network Inspection",
        "Fit to Device",
    ]
    for row in found:
        assert (installed / "nncd-projects-rdc" / row["plugin_file"]).is_file()
        assert row["deleted"] == 0 and row["owner_tenant_id"].startswith("ccbf15a0-")
        assert row["create_datetime"] and "\n" in row["description"]


def test_forms_hold_what_may_be_sent_and_end_in_one_output(installed):
    for row in rows(installed):
        fields = json.loads(row["parameters"])
        assert [each["name"] for each in fields[-2:]] == ["model", "output"]
        assert [each["direction"] for each in fields].count("output") == 1
        for each in fields:
            assert re.fullmatch(PATTERNS[each["format"]], each["default"]), each
            assert each["description"]
        assert fields[-2]["default"] == "result.nnp" and fields[-2]["readonly"]


def test_installing_again_leaves_one_row_of_each_and_those_of_others(tmp_path):
    folder = bucket(tmp_path / "nncd_bucket")
    with closing(sqlite3.connect(str(folder / "db" / "nncd.db"))) as connection, connection:
        connection.execute(
            "INSERT INTO plugins VALUES ('a', '', '', '', 'LIME', 'lime.py', '[]', '', NULL, 0)"
        )
    for _ in range(2):
        install_desktop(folder)
    assert [row["plugin_name"] for row in rows(folder)].count("LIME") == 1
    assert len(rows(folder)) == 8


def test_what_is_no_desktop_is_refused_and_left_alone(tmp_path):
    with pytest.raises(ConfigError, match="there is no .*nncd.db"):
        install_desktop(tmp_path / "nncd_bucket")
    other = bucket(tmp_path / "other", "CREATE TABLE plugins (plugin_id TEXT)")
    with pytest.raises(ConfigError, match="no table plugins with owner_tenant_id"):
        install_desktop(other)
    damaged = tmp_path / "damaged"
    (damaged / "db").mkdir(parents=True)
    (damaged / "db" / "nncd.db").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="can't write the plug-ins.*not a database"):
        install_desktop(damaged)
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.long
@pytest.mark.parametrize("title", ["Device Export", "Layer Sensitivity", "Network Inspection"])
def test_it_runs_as_the_desktop_calls_it(title, installed, tmp_path):
    job = results_folder(tmp_path / "results" / "1")
    shutil.move(str(job / "results.nnp"), str(job / "result.nnp"))
    (row,) = [each for each in rows(installed) if each["plugin_name"] == title]
    words = []
    for each in json.loads(row["parameters"]):
        value = each["default"]
        if each["direction"] == "output":
            value = job / "plugins" / row["plugin_id"] / value / f"{value}.nnp"
            value.parent.mkdir(parents=True)
            value.write_bytes(b"")  # the place of the result
            output = value
        elif each["format"] == "path":
            value = job / value
        words += [f"--{each['name']}", str(value)]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = subprocess.run(
        [sys.executable, "-B", installed / "nncd-projects-rdc" / row["plugin_file"], *words],
        cwd=elsewhere,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert result.returncode == 0, result.stdout
    assert f"{title} completed successfully." in result.stdout
    assert NnpFile(output).build().outputs
    assert output.with_suffix(".nnb" if title == "Device Export" else ".csv").is_file()
    assert not list(elsewhere.iterdir())
