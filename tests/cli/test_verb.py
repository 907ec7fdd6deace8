# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all verbs have in common: paths, and faults that are nobody's but the machine's."""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress import cli
from nnabla_compress.cli import VERBS
from nnabla_compress.cli.fitted_console import FittedConsole
from nnabla_compress.exporters import export_nnp

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
    words = ["install", "--plugins"] if verb == "console" else []
    status, error = said([verb, *words, ""], capsys)
    assert status == 2 and "the path is empty" in error
    command = cli.group.get_command(None, verb)
    if any("-o" in option.opts for option in command.params):
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


def test_json_is_all_that_is_printed_and_quiet_keeps_the_notes(tmp_path, capsys):
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    export_nnp(tmp_path / "net.nnp", PF.affine(x, 2, name="fc"), x)
    for words, key in (
        (["inspect", "net.nnp"], "networks"),
        (["compress", "net.nnp", "-w", "lut:bits=2", "-o", "run"], "layers"),
        (["export", "run", "-o", "other"], "files"),
        (["report", "run"], "report"),
        (["verify", "run", "-n", "4"], "comparisons"),
    ):
        words = [str(tmp_path / w) if w in ("net.nnp", "run", "other") else w for w in words]
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, "--json", "--quiet"])
        captured = capsys.readouterr()
        assert stop.value.code == 0 and captured.err == ""
        assert key in json.loads(captured.out), words
    with pytest.raises(SystemExit):
        cli.main(["inspect", str(tmp_path / "net.nnp"), "--quiet"])
    assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        cli.main(["inspect", str(tmp_path / "net.nnp")])
    assert "fc/affine" in capsys.readouterr().out, "the next one is not quiet"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_the_options_of_all(verb):
    params = cli.group.get_command(None, verb).params
    flags = {flag: parameter for parameter in params for flag in parameter.opts}
    assert {"-c", "--context", "--json", "--quiet", "-v", "--verbose"} <= set(flags)
    for flag in ("--json", "--quiet", "--verbose"):
        assert flags[flag].is_flag


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_answers_in_json(verb):
    sources = (Path(cli.__file__).parent / f"{verb.replace('-', '_')}.py").read_text("utf-8")
    answers = re.search(r"\banswer\(|\bprint_results\(|\bcarry_out\(|\bas_json\b", sources)
    assert answers, f"cli/verb.py: call answer(what {verb} came to), which prints it as JSON"


def test_colours_go_where_the_user_wants_none(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for wanted in (True, False):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if not wanted:
            monkeypatch.setenv("NO_COLOR", "1")
        screen = FittedConsole(file=io.StringIO(), force_terminal=True, width=40)
        screen.print("red", style="red")
        assert ("\x1b[31m" in screen.file.getvalue()) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_completions(shell, monkeypatch, capsys):
    monkeypatch.setenv("_NNABLA_COMPRESS_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit) as stop:
        cli.main([])
    out = capsys.readouterr().out
    assert "_NNABLA_COMPRESS_COMPLETE" in out or stop.value.code == 1  # no such shell here
    monkeypatch.setenv("_NNABLA_COMPRESS_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "nnabla-compress ins")
    monkeypatch.setenv("COMP_CWORD", "ins" if shell == "fish" else "1")
    with pytest.raises(SystemExit):
        cli.main([])
    assert "inspect" in capsys.readouterr().out


def test_a_machine_without_a_folder_for_temporary_files_is_no_defect(capsys, monkeypatch, tmp_path):
    (tmp_path / "net.nnb").write_bytes(b"")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    status, error = said(["verify", str(tmp_path / "net.nnb")], capsys)
    assert status == 1 and "FileNotFoundError: No usable temporary directory" in error
    assert "check the path, its rights and the disk" in error


def test_of_an_option_given_twice_none_gets_lost(capsys):
    words = ["evaluate", "net.nnp", "--data", "a.csv", "-d", "b.csv"]
    status, error = said(words, capsys)
    assert status == 2 and "'--data' is given 2 times" in error and "a.csv,b.csv" in error
    status, error = said(["compress", "net.nnp", "-o", "a", "-o", "b"], capsys)
    assert status == 2 and "'--output' is given 2 times" in error
    status, error = said(
        ["compress", "net.nnp", "-w", "x", "-w", "y", "--quiet", "--quiet"], capsys
    )
    assert status == 1 and "given" not in error, "rules may be several, switches may be repeated"
