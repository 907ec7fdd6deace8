# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from nnabla_compress import cli
from tests.cli.shell import call, call_here, refused

RECIPE = """
name: tiny
seed: 1
model: {name: mlp, options: {hidden: [12]}}
data: {source: digits, validation: 0.1}
float_training: {epochs: 2, learning_rate: 0.1, checkpoint_interval: 7}
compression:
  weights: [{layers: "*", quantizer: lut, bits: 2, grid_bits: 8}]
  training: {epochs: 2, learning_rate: 0.02, checkpoint_interval: 7}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.yaml").write_text(RECIPE)
    result = call("run", "tiny.yaml", cwd=folder)
    assert result.returncode == 0, result.stderr
    (folder / "printed.txt").write_text(result.stdout)
    return folder


def test_a_run_leaves_everything_that_it_promises(finished):
    run = finished / "runs" / "tiny"
    names = {path.name for path in run.iterdir()}
    assert {"recipe.yaml", "results.json", "results.nnp", "results.nnb", "float.nnb"} <= names
    results = json.loads((run / "results.json").read_text())
    assert results["compressed"]["accuracy"] > 0.5
    assert results["seed"] == 1
    assert results["versions"]["nnabla"].startswith("1.39")
    assert [layer["distinct"] for layer in results["layers"]] == [4, 4]
    assert all(layer["bits"] == 2 for layer in results["layers"])
    assert (run / "compressed" / "Training-loss.series.txt").read_text().count("\n") > 3
    assert not list(run.rglob(".*"))


def test_a_run_prints_packed_bytes_beside_those_of_the_file(finished):
    printed = (finished / "printed.txt").read_text()
    results = json.loads((finished / "runs/tiny/results.json").read_text())
    assert f"{results['compressed']['packed_weight_bytes']:,} B" in printed
    assert f"{results['compressed']['nnb_bytes']:,} B" in printed


def test_evaluate_agrees_with_the_run_on_folder_and_file(finished):
    results = json.loads((finished / "runs/tiny/results.json").read_text())
    expected = f"accuracy {100 * results['compressed']['accuracy']:.2f} %"
    assert expected in call_here("evaluate", "runs/tiny", cwd=finished).stdout
    by_file = call_here("evaluate", "runs/tiny/results.nnp", "--recipe", "tiny.yaml", cwd=finished)
    assert expected in by_file.stdout


def test_export_writes_the_same_network_again(finished):
    result = call_here("export", "runs/tiny", "-o", "out", "--api", 3, cwd=finished)
    assert result.returncode == 0, result.stderr
    nnb = (finished / "out" / "tiny.nnb").read_bytes()
    assert int.from_bytes(nnb[4:8], "little") == 3
    by_file = call_here("evaluate", "out/tiny.nnp", "-r", "tiny.yaml", cwd=finished)
    assert by_file.stdout == call_here("evaluate", "runs/tiny", cwd=finished).stdout


def test_inspect_prints_a_table_and_json(finished):
    table = call_here("inspect", "runs/tiny/results.nnp", cwd=finished)
    assert "Validation" in table.stdout and "Affine" in table.stdout
    found = call_here("inspect", "runs/tiny/results.nnp", "--json", cwd=finished)
    assert json.loads(found.stdout)


def test_a_second_run_in_the_same_folder_is_refused(finished):
    refused(call_here("run", "tiny.yaml", cwd=finished), "holds a run already", "--resume")


def test_resuming_with_another_recipe_is_refused(finished, tmp_path):
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("bits: 2", "bits: 3"))
    result = call_here("run", tmp_path / "tiny.yaml", "--resume", cwd=finished)
    refused(result, "another recipe", "compression.weights.0.bits: 2 -> 3")


def test_a_seed_of_the_command_line_has_a_folder_of_its_own_and_stands_in_it(tmp_path):
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("epochs: 2", "epochs: 0.1"))
    result = call_here("run", "tiny.yaml", "--seed", 7, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny-seed7"]
    run = tmp_path / "runs" / "tiny-seed7"
    assert json.loads((run / "results.json").read_text())["seed"] == 7
    assert "\nseed: 7\n" in (run / "recipe.yaml").read_text()
    for typed in (
        ("run", "-o", "runs/tiny-seed7", "--resume", "--seed", 8),
        ("run", "tiny.yaml", "-o", "runs/tiny-seed7", "--resume"),
    ):
        refused(call_here(*typed, cwd=tmp_path), "with seed 7, not", "--seed 7")
    again = call_here("run", "-o", "runs/tiny-seed7", "--resume", "--seed", 7, cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.long
def test_a_run_killed_twice_resumes_to_the_same_bits(finished, tmp_path):
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE)
    for phase in ("float", "compressed"):
        process = subprocess.Popen(
            [sys.executable, "-m", "nnabla_compress", "run", "tiny.yaml", "--resume"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if re.match(rf"{phase}: (?!0)\d", line) and int(re.findall(r"\d+", line)[0]) > 8:
                break
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert call("run", "tiny.yaml", "--resume", cwd=tmp_path).returncode == 0
    with h5py.File(finished / "runs/tiny/compressed.h5") as whole, h5py.File(
        tmp_path / "runs/tiny/compressed.h5"
    ) as resumed:
        names: list = []
        whole.visititems(lambda name, item: names.append(name))
        checked = [name for name in names if isinstance(whole[name], h5py.Dataset)]
        assert len(checked) == 8
        for name in checked:
            np.testing.assert_array_equal(whole[name][...], resumed[name][...], err_msg=name)
    first, second = (
        json.loads((folder / "runs/tiny/results.json").read_text())
        for folder in (finished, tmp_path)
    )
    assert first == second


def test_help_teaches_and_version_says_which():
    here = Path.cwd()
    shown = call("--help", cwd=here).stdout
    for verb in ("run", "evaluate", "export", "inspect"):
        assert verb in shown
    assert "nnabla-compress run configs/digits/" in shown
    assert call("--version", cwd=here).stdout.startswith("nnabla-compress, version 0.")


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["rum", "tiny.yaml"], 2, ["did you mean 'run'"]),
        (["run"], 2, ["Missing argument 'RECIPE'"]),
        (["run", "nothing.yaml"], 1, ["nothing.yaml: no such file"]),
        (["run", "tiny.yaml", "-o", "tiny.yaml/folder"], 1, ["can't write", "is a file"]),
        (["run", "tiny.yaml", "-o", "/proc/nowhere"], 1, ["can't write /proc/nowhere"]),
        (["evaluate", "nothing.nnp", "-r", "tiny.yaml"], 1, ["nothing.nnp"]),
        (["evaluate", "nothing.nnp"], 1, ["there is no nothing.nnp"]),
        (["evaluate", "."], 1, ["no run folder"]),
        (["evaluate", "tiny.yaml", "-r", "tiny.yaml"], 1, ["tiny.yaml"]),
        (["export", "."], 1, ["no run folder"]),
        (["inspect", "nothing.nnp"], 1, ["nothing.nnp"]),
        (["inspect", "tiny.yaml"], 1, ["tiny.yaml"]),
    ],
)
def test_wrong_words_get_one_clear_message(tmp_path, arguments, status, words):
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    refused(call_here(*arguments, cwd=tmp_path), *words, status=status)


def test_a_truncated_nnp_is_refused(finished, tmp_path):
    whole = (finished / "runs/tiny/results.nnp").read_bytes()
    for part in (0.2, 0.9):
        (tmp_path / "cut.nnp").write_bytes(whole[: int(part * len(whole))])
        refused(call_here("inspect", "cut.nnp", cwd=tmp_path), "cut.nnp")
    (tmp_path / "tiny.yaml").write_text(
        RECIPE.replace("{name: mlp, options: {hidden: [12]}}", "{nnp: cut.nnp}")
    )
    refused(call_here("run", "tiny.yaml", cwd=tmp_path), "cut.nnp")


def test_data_of_another_shape_is_refused(finished, tmp_path):
    np.savez(
        tmp_path / "small.npz",
        x_train=np.zeros((20, 3), np.float32),
        y_train=np.zeros(20, np.int32),
        x_test=np.zeros((5, 3), np.float32),
        y_test=np.zeros(5, np.int32),
    )
    other = RECIPE.replace("{source: digits, validation: 0.1}", "{source: npz, path: small.npz}")
    (tmp_path / "other.yaml").write_text(other)
    result = call_here(
        "evaluate", finished / "runs/tiny/results.nnp", "-r", "other.yaml", cwd=tmp_path
    )
    refused(result, "(3,)")


def test_a_full_disk_while_writing_a_checkpoint_is_one_message(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(disk)])
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        (tmp_path / "tiny.yaml").write_text(RECIPE)
        result = call("run", "tiny.yaml", "-o", disk / "run", cwd=tmp_path)
        refused(result, "the disk is full")
        assert not list(disk.rglob(".*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_memory_that_is_short_is_told_as_such(monkeypatch, capsys):
    def short(**options):
        raise ValueError("in a callback") from MemoryError("Unable to allocate 47.7 GiB")

    monkeypatch.setattr(cli.group, "main", short)
    with pytest.raises(SystemExit) as stop:
        cli.main(["verify", "net.nnp", "-n", "1000000000"])
    said = capsys.readouterr().err
    assert stop.value.code == 1 and "out of memory" in said and "internal error" not in said
