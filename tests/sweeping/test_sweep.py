# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sweeps of seconds: each point a run, gone on with after a kill, failures told."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest

from nnabla_compress.data import load
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run
from nnabla_compress.sweeping import Sweep, sweep
from tests.workers.chores import begun

CONTENT = {
    "name": "small",
    "model": {"name": "mlp"},
    "sizes": {"hidden": [[4], [16]]},
    "data": {"source": "digits", "validation": 0.1},
    "training": {"epochs": 0.5, "learning_rate": 0.05},
    "compressions": {"2 bits": [{"quantize": "lut:bits=2"}]},
}


def described(**changes):
    return Sweep.checked({**CONTENT, **changes})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "out"
    return sweep(described(), folder), folder


def test_each_size_is_a_point_as_it_is_and_in_each_compression(done):
    swept, folder = done
    assert [row.name for row in swept.rows] == [
        "hidden=[4], float",
        "hidden=[4], 2 bits",
        "hidden=[16], float",
        "hidden=[16], 2 bits",
    ]
    for row in swept.rows:
        results = Results.read(folder / row.folder / "results.json")
        made = results.compressed or results.float
        assert row.test == made.accuracy and 0 <= row.validation <= 1
    floats = [row.bytes for row in swept.rows if row.compression == "float"]
    assert floats == [4 * (64 * 4 + 4 * 10), 4 * (64 * 16 + 16 * 10)]
    kept = json.loads((folder / "sweep.json").read_text())
    assert len(kept["points"]) == 4 and kept["answers"][0]["compress"] == "2 bits"
    assert (folder / "sweep.png").stat().st_size > 1000


def test_a_compressed_network_begins_with_what_its_size_was_trained_to(done):
    swept, folder = done
    recipe = (folder / swept.rows[1].folder / "recipe.yaml").read_text()
    assert str(folder / swept.rows[0].folder / "steps" / "01-train.h5") in recipe


def test_a_sweep_goes_on_without_doing_a_point_again(tmp_path, monkeypatch):
    begun = []
    execute = Run.execute

    class Killed(BaseException):
        pass

    def watched(self, *given, **more):
        if len(begun) == 3:
            begun.append("killed")
            raise Killed
        begun.append(self.folder.name)
        return execute(self, *given, **more)

    monkeypatch.setattr(Run, "execute", watched)
    with pytest.raises(Killed):
        sweep(described(), tmp_path / "out")
    begun[3:] = []
    with pytest.raises(ConfigError, match="holds a sweep already"):
        sweep(described(), tmp_path / "out")
    with pytest.raises(ConfigError, match="holds another sweep"):
        sweep(described(seed=1), tmp_path / "out", resume=True)
    monkeypatch.setattr(
        Run,
        "execute",
        lambda self, *a, **b: begun.append(self.folder.name) or execute(self, *a, **b),
    )
    swept = sweep(described(), tmp_path / "out", resume=True)
    assert len(begun) == len(set(begun)) == 4 and len(swept.rows) == 4


@pytest.mark.long
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sweep_ended_by_sigkill_repeats_no_point(tmp_path, jobs):
    content = {**CONTENT, "training": {"epochs": 4, "learning_rate": 0.05}}
    out, file, script = tmp_path / "out", tmp_path / "small.yaml", tmp_path / "command.py"
    file.write_text(json.dumps(content))
    script.write_text("import sys\nfrom nnabla_compress.cli import main\nmain(sys.argv[1:])\n")
    words = ["sweep", file, "-o", out, "--jobs", jobs]
    process = begun(script, *words)
    end = time.monotonic() + 60
    while not done_in(out) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    before = done_in(out)
    assert 1 <= len(before) < 4 and process.returncode == -signal.SIGKILL
    resumed = begun(script, *words, "--resume")
    resumed.communicate()
    assert resumed.returncode == 0
    after = done_in(out)
    assert len(after) == 4 and {name: after[name] for name in before} == before
    whole = sweep(Sweep.checked(content), tmp_path / "whole").as_dict()
    found = json.loads((out / "sweep.json").read_text())
    assert (found["points"], found["answers"]) == (whole["points"], whole["answers"])


def done_in(folder):
    """Points that are done, with when their runs ended."""
    paths = folder.glob("*/point.json")
    return {path.parent.name: (path.parent / "results.json").stat().st_mtime_ns for path in paths}


def test_a_point_that_fails_is_told_and_ends_nothing(tmp_path):
    told = []
    wild = {"wild": [{"train": {"epochs": 1, "learning_rate": 1e38}}]}
    sizes = {"hidden": [[4]]}
    swept = sweep(described(compressions=wild, sizes=sizes), tmp_path / "out", tell=told.append)
    failed = swept.rows[1]
    assert "loss" in failed.failed and failed.validation is None
    assert f"{failed.name} failed: {failed.failed}" in told


def test_sizes_none_of_which_can_be_trained_end_with_one_message(tmp_path):
    wild = {"epochs": 1, "learning_rate": 1e38}
    with pytest.raises(CompressError, match="no size could be trained; hidden=\\[4\\]: "):
        sweep(described(training=wild), tmp_path / "out")


@pytest.mark.long
def test_with_shuffled_labels_no_size_is_better_than_chance(tmp_path):
    """What a sweep says of sizes comes of what there is to learn, and of nothing else."""
    digits, rng = load("digits"), np.random.RandomState(0)
    arrays = {"x_train": digits.train.x, "x_test": digits.test.x}
    for name in ("train", "test"):
        arrays[f"y_{name}"] = rng.permutation(digits.split(name).y)
    np.savez(tmp_path / "shuffled.npz", **arrays)
    training = {"epochs": 4, "learning_rate": 0.05}
    found = {}
    for name, data in (
        ("true", CONTENT["data"]),
        ("shuffled", {"source": "npz", "path": str(tmp_path / "shuffled.npz"), "validation": 0.2}),
    ):
        swept = sweep(described(data=data, training=training), tmp_path / name)
        found[name] = {row.name: row.test for row in swept.rows}
    # A tenth of 359 samples, and four standard deviations.
    chance = 0.1 + 4 * (0.09 / 359) ** 0.5
    assert max(found["shuffled"].values()) < chance
    assert found["true"]["hidden=[16], float"] > found["true"]["hidden=[4], float"] > chance


@pytest.mark.parametrize("equal", ["macs", "time"])
def test_smaller_networks_get_more_epochs_where_all_get_the_same(tmp_path, equal):
    swept = sweep(described(equal=equal, training={"epochs": 0.2}), tmp_path / "out")
    epochs = {row.size: row.epochs for row in swept.rows}
    if equal == "macs":
        assert epochs == {"hidden=[4]": 0.8, "hidden=[16]": 0.2}
    assert min(epochs.values()) == 0.2
    kept = json.loads((tmp_path / "out" / "epochs.json").read_text())
    assert kept["epochs"] == epochs
