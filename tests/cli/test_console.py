# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-ins for Neural Network Console, listed and installed from the shell."""

from __future__ import annotations

import json

from nnabla_compress.console.plugins import NAMES
from tests.cli.shell import call_here, refused
from tests.console.test_desktop import bucket, rows


def test_plugins_are_listed(tmp_path):
    assert "Channel Pruning" in call_here("console", "list", cwd=tmp_path).stdout
    found = json.loads(call_here("console", "list", "--json", cwd=tmp_path).stdout)["plugins"]
    assert [each["name"] for each in found] == list(NAMES)


def test_they_are_installed_for_both(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    bucket(tmp_path / "nncd_bucket")
    (tmp_path / "plugins").mkdir()
    words = ("console", "install", "--plugins", "plugins", "--nncd")
    result = call_here(*words, cwd=tmp_path)
    assert result.returncode == 0 and "start Console anew" in result.stdout
    assert len(list(tmp_path.rglob("*.py"))) == len(NAMES) + len(rows(tmp_path / "nncd_bucket"))
    files = json.loads(call_here(*words, "--json", cwd=tmp_path).stdout)["files"]
    assert len(files) == len(list(tmp_path.rglob("*.py")))


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    refused(call_here("console", "install", cwd=tmp_path), "there are two Consoles")
    refused(call_here("console", "list", "--nncd", cwd=tmp_path), "are for 'install'")
    refused(call_here("console", "install", "--nncd", cwd=tmp_path), "start NNC Desktop once")
    refused(call_here("console", "remove", cwd=tmp_path), "'remove' is not one of", status=2)
