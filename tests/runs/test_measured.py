# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run
from nnabla_compress.runs.measured import CHANGED, Measured
from nnabla_compress.runs.reported import REPORT, VERIFICATION, renew_report, reported_run

SILENT = lambda name, total: lambda *values: None  # noqa: E731


def images(folder):
    rng = np.random.RandomState(0)
    y = np.arange(120) % 2
    x = rng.randint(0, 120, (120, 1, 6, 6)) + 60 * y[:, None, None, None]
    np.savez(
        folder / "data.npz", x_train=x.astype(np.uint8), y_train=y, x_test=x[:40], y_test=y[:40]
    )
    (folder / "net.py").write_text(
        "import nnabla.functions as F, nnabla.parametric_functions as PF\n"
        "def net(x, test):\n"
        "    h = F.relu(PF.convolution(x, 4, (3, 3), name='conv1'))\n"
        "    return PF.affine(h, 2, name='fc')\n"
    )
    return {
        "name": "small",
        "model": {"python": f"{folder / 'net.py'}:net"},
        "data": {"source": "npz", "path": str(folder / "data.npz"), "validation": 0.2},
        "preprocessing": {"scale": 1 / 255},
        "float_training": {"epochs": 2, "batch_size": 8, "learning_rate": 0.05},
        "compression": {"weights": ["lut:bits=1"], "activations": ["uniform:bits=3"]},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    told = []
    run = Run(Recipe.checked(images(folder)), folder / "run", folder)
    run.execute(SILENT, told.append)
    assert not [line for line in told if "lacks" in line]
    return folder / "run"


def test_a_run_measures_what_its_report_shows(made):
    results = Results.read(made)
    assert [step["step"] for step in results.course] == ["train", "quantize"]
    assert results.course[0]["updates"] == 24 and results.course[0]["files"] == "float"
    (curve,) = results.curves
    assert curve["step"] == 0 and curve["series"]["Validation error"][-1][0] == 24
    assert [row["layer"] for row in results.histograms] == ["conv1/conv", "fc/affine"]
    for row in results.histograms:
        assert (
            sum(row["before"])
            == pytest.approx(1, abs=0.01)
            == pytest.approx(sum(row["after"]), abs=0.01)
        )
        assert len(row["levels"]) == 2
    assert [row["name"] for row in results.map_noise] == ["conv1/conv/relu", "output"]
    assert all(0 < row["snr"] < 60 for row in results.map_noise)
    (row,) = results.ranges
    assert row["bits"] == 3 and row["low"] == 0 and 0 <= row["clipped"] < 0.5
    assert results.float.macs == results.compressed.macs == 4 * 9 * 16 + 64 * 2
    assert max(bytes for _, bytes in results.float.memory) > max(
        bytes for _, bytes in results.compressed.memory
    )
    assert results.float.read_back["largest_difference"] <= results.float.read_back["tolerance"]


def test_what_changed_is_what_the_scores_say(made):
    results = Results.read(made)
    changes = results.changes
    assert changes["samples"] == 40 and changes["split"] == "test"
    for when, part in (("before", results.float), ("after", results.compressed)):
        counts = changes[f"confusion_{when}"]
        assert sum(n for _, _, n in counts) == 40
        assert sum(n for i, j, n in counts if i == j) / 40 == pytest.approx(part.accuracy)
    rows = {row["row"] for row in changes["changed"]}
    assert {int(path.stem) for path in (made / CHANGED).glob("*.png")} == rows if rows else True
    assert set(reported_run(made).pictures) == rows


def test_every_run_writes_its_report_and_lists_of_numbers_stand_in_lines(made):
    page = (made / REPORT).read_text("utf-8")
    assert "conv1/conv" in page and "<h2" in page
    text = (made / "results.json").read_text("utf-8")
    assert max(map(len, text.splitlines())) > 200
    assert json.loads(text)["histograms"][0]["after"]


def test_a_report_is_renewed_with_what_other_verbs_found(made):
    write_json(made / VERIFICATION, {"samples": {"count": 7}, "kept": False, "comparisons": []})
    renew_report(made)
    assert "A promise of equality is broken" in (made / REPORT).read_text("utf-8")
    (made / VERIFICATION).unlink()


def test_what_can_not_be_measured_costs_no_run(tmp_path, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("oh")

    monkeypatch.setattr("nnabla_compress.runs.measured.kept_maps", broken)
    told = []
    run = Run(Recipe.checked(images(tmp_path)), tmp_path / "run", tmp_path)
    results = run.execute(SILENT, told.append)
    assert results.map_noise is None and results.histograms
    assert any("lacks the maps" in line and "oh" in line for line in told)


def test_answers_of_too_many_classes_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("nnabla_compress.runs.measured._MOST_ANSWERS", 10)
    measured = Measured(tmp_path, print)
    with measured.answers(True) as see:
        see(np.zeros((3, 2)))
        see(np.zeros((3, 2)))
    assert measured._answers == [None, None]
