# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all verbs have in common: paths, and faults that are nobody's but the machine's."""

from __future__ import annotations

import tempfile

import pytest

from nnabla_compress import cli
from nnabla_compress.cli import VERBS

NEEDED = {
    "compress": ["-w", "lut:bits=4"],
    "factorize": ["--macs", "0.6"],
    "prune": ["--filters", "50%"],
    "sensitivity": ["--data", "digits"],
}


def said(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    return stop.value.code, capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_an_empty_path_is_no_folder(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, error = said([verb, ""], capsys)
    assert status == 2 and "the path is empty" in error
    if verb not in ("verify", "inspect", "evaluate"):
        status, error = said([verb, "net.nnp", "-o", ""], capsys)
        assert status == 2 and "the path is empty" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_a_path_of_5000_characters_is_shortened_in_one_message(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("a" * 5000 + ".nnp", "a/" * 2500 + "b.nnp"):
        status, error = said([verb, path, *NEEDED.get(verb, ())], capsys)
        assert status in (1, 2) and "internal" not in error and "Traceback" not in error
        assert "..." in error and ("aaa" in error or "a/a/a" in error) or status == 2
        assert len(error) < 1500
    assert not any((tmp_path / "runs").glob("*"))


def test_control_characters_of_a_path_are_spelled_out(capsys):
    status, error = said(["inspect", "a\x1b[31m\udcff.nnp"], capsys)
    assert status == 1 and "\x1b" not in error and "\\x1b[31m\\udcff.nnp" in error
    status, error = said(["inspect", "net.nnp", "--no\x1b[31m"], capsys)
    assert status == 2 and "\x1b" not in error


def test_a_machine_without_a_folder_for_temporary_files_is_no_defect(capsys, monkeypatch, tmp_path):
    (tmp_path / "net.nnb").write_bytes(b"")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    status, error = said(["verify", str(tmp_path / "net.nnb")], capsys)
    assert status == 1 and "FileNotFoundError: No usable temporary directory" in error
    assert "check the path, its rights and the disk" in error
