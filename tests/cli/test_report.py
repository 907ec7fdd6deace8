# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import cli
from nnabla_compress.exporters import export_nnp


def verb(*words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    return stop.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network, data, and two runs of it, one of them without data."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.RandomState(0)
    y = np.arange(80) % 2
    x = (rng.randn(80, 6) + 2 * y[:, None]).astype(np.float32)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])
    nn.clear_parameters()
    x = nn.Variable((1, 6))
    export_nnp(folder / "net.nnp", PF.affine(F.relu(PF.affine(x, 8, name="a")), 2, name="b"), x)
    nn.clear_parameters()
    words = ("compress", folder / "net.nnp", "-w", "lut:bits=2")
    assert verb(*words, "-d", folder / "data.npz", "-o", folder / "run") == 0
    assert verb("compress", folder / "net.nnp", "-w", "lut:bits=4", "-o", folder / "plain") == 0
    return folder


def text(path):
    return path.read_text("utf-8")


def test_a_run_leaves_a_report_and_says_where(made, capsys):
    assert "Bytes of the weights" in text(made / "run" / "report.html")
    assert verb("report", made / "plain") == 0
    assert capsys.readouterr().out.strip() == f"written to {made / 'plain' / 'report.html'}"


def test_several_runs_are_compared_in_one_page(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert verb("report", made / "run", made / "plain") == 0
    assert "Comparison" in text(tmp_path / "report.html")


def test_a_run_is_measured_again_on_other_data_and_its_folder_stays(made, tmp_path):
    before = text(made / "plain" / "results.json")
    page = tmp_path / "measured.html"
    assert verb("report", made / "plain", "-d", made / "data.npz", "-o", page) == 0
    found = json.loads(text(tmp_path / "measured.json"))
    assert found["changes"]["samples"] == 40 and found["map_noise"][-1]["name"] == "output"
    assert "Answers, before and after" in text(page)
    assert text(made / "plain" / "results.json") == before
    assert "Answers" not in text(made / "plain" / "report.html")


def test_verify_leaves_what_it_found_in_the_report_of_a_run(made):
    assert verb("verify", made / "run", "-n", "8") == 0
    assert json.loads(text(made / "run" / "verification.json"))["kept"]
    assert "Agreement on 8 samples" in text(made / "run" / "report.html")


def test_files_have_reports_too(made, tmp_path):
    assert verb("report", made / "run" / "results.nnp", "-o", tmp_path / "a.html") == 0
    assert "a/affine" in text(tmp_path / "a.html")
    data = ("--data", made / "data.npz", "--samples", "16", "--bits", "2,4")
    assert verb("sensitivity", made / "net.nnp", *data, "-o", tmp_path) == 0
    assert verb("report", tmp_path / "sensitivity.json", "-o", tmp_path / "b.html") == 0
    assert "Weights of one layer quantized" in text(tmp_path / "b.html")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no nothing"),
        (["net.nnp", "run"], "only runs can be compared"),
        (["run", "plain", "--measure"], "one run is measured at a time"),
        (["data.npz"], "data.npz"),
    ],
)
def test_what_no_report_can_be_made_of_is_refused(made, monkeypatch, capsys, words, said):
    monkeypatch.chdir(made)
    assert verb("report", *words) == 1
    error = capsys.readouterr().err
    assert said in error and "internal error" not in error


def test_a_page_replaces_no_other_file(made, tmp_path, capsys):
    (tmp_path / "net.nnp").write_bytes(b"mine")
    assert verb("report", made / "run", "-o", tmp_path / "net.nnp") == 1
    assert "net.nnp is a file, and no page" in capsys.readouterr().err
    assert (tmp_path / "net.nnp").read_bytes() == b"mine"
    assert verb("report", made / "run", "-o", tmp_path / "new") == 0
    assert (tmp_path / "new" / "report.html").is_file()
    words = ("report", made / "run", "--measure", "-o", made / "run" / "results.html")
    before = text(made / "run" / "results.json")
    assert verb(*words) == 1
    assert "call the page otherwise" in capsys.readouterr().err
    assert text(made / "run" / "results.json") == before


def test_data_are_no_run(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("x,y\n")
    assert verb("report", tmp_path / "a.csv") == 1
    assert "a.csv is data, not a run or a network" in capsys.readouterr().err


def test_a_folder_of_runs_stands_for_all_of_them(made, tmp_path):
    for name in ("run", "plain"):
        shutil.copytree(made / name, tmp_path / "all" / name)
    assert verb("report", tmp_path / "all", "-o", tmp_path / "all.html") == 0
    assert "Comparison" in text(tmp_path / "all.html")


def test_a_folder_of_sensitivities_stands_for_their_table(made, tmp_path):
    words = ("sensitivity", made / "net.nnp", "-d", made / "data.npz", "--bits", "2", "-n", "20")
    assert verb(*words, "-o", tmp_path / "s") == 0
    assert verb("report", tmp_path / "s", "-o", tmp_path / "s.html") == 0
    assert "a/affine" in text(tmp_path / "s.html")
