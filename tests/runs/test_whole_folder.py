# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A run folder: damage is refused, a full disk or a second process costs nothing."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.cli as cli
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.locks import locked
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run, export_run
from nnabla_compress.runs.verified import verify_run

ROOT = Path(__file__).parents[2]
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: what lets root write everywhere.
_ROOTS_RIGHTS, _DROP = (1, 2, 3), 24


def verb(*words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    return stop.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network, data, and a folder of ``run`` and of ``ptq``."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.RandomState(0)
    y = np.arange(60) % 2
    x = (rng.randn(60, 6) + 2 * y[:, None]).astype(np.float32)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    x = nn.Variable((1, 6))
    h = nn.functions.relu(PF.affine(x, 8, name="a"))
    export_nnp(folder / "net.nnp", PF.affine(h, 2, name="b"), x)
    recipe = {
        "name": "small",
        "model": {"nnp": str(folder / "net.nnp")},
        "data": {"source": "npz", "path": str(folder / "data.npz"), "validation": 0.2},
        "float_training": {"epochs": 1, "batch_size": 8},
        "compression": {
            "weights": ["lut:bits=2"],
            "training": {"epochs": 1, "batch_size": 8, "checkpoint_interval": 2},
        },
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    run_of(folder / "run", recipe).execute(lambda name, total: lambda *values: None)
    nn.clear_parameters()
    data = ("-d", folder / "data.npz", "--calibration", "min_max", "--no-rounding")
    assert verb("ptq", folder / "net.nnp", *data, "-o", folder / "ptq") == 0
    return folder


def run_of(folder, recipe, resume=False):
    return Run(Recipe.checked(recipe), folder, folder.parent, resume)


@pytest.fixture
def copy(made, tmp_path):
    def copied(name):
        return Path(shutil.copytree(made / name, tmp_path / name))

    return copied


def flip(path, part=0.4):
    content = bytearray(path.read_bytes())
    content[int(part * len(content))] ^= 1
    path.write_bytes(content)


READ = {
    "run": ["recipe.yaml", "source.json", "compressed.h5", "steps/02-quantize.json"],
    "ptq": ["recipe.yaml", "source.json", "steps/01-calibrate.h5", "steps/01-calibrate.json"],
}


@pytest.mark.parametrize("part", [0.1, 0.6, 0.9])
@pytest.mark.parametrize("kind, name", [(k, n) for k, names in READ.items() for n in names])
def test_a_flipped_bit_in_what_is_read_is_refused_by_name(copy, tmp_path, kind, name, part):
    folder = copy(kind)
    flip(folder / name, part)
    for use in (
        lambda: evaluate_run(folder),
        lambda: verify_run(folder, count=4),
        lambda: export_run(folder, tmp_path / "out"),
    ):
        with pytest.raises(DataError, match=name) as caught:
            use()
        assert caught.value.help
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["float.h5", "results.nnp", "results.nnb", "checksums.json"])
def test_verify_refuses_what_only_it_reads(copy, name):
    folder = copy("run")
    assert verify_run(folder, count=4).comparisons
    flip(folder / name)
    with pytest.raises(DataError, match=name):
        verify_run(folder, count=4)


def test_folders_of_earlier_versions_are_read(copy, tmp_path):
    folder = copy("run")
    expected = evaluate_run(folder)
    (folder / "checksums.json").unlink()
    for path in (folder / "recipe.yaml", *folder.rglob("*.h5")):
        content = path.read_bytes()
        path.write_bytes(content[: content.rindex(b"\n# sha256")])
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        content.pop("sha256_of_the_rest", None)
        path.write_text(json.dumps(content))
    assert evaluate_run(folder) == expected
    assert verify_run(folder, count=4).comparisons
    assert export_run(folder, tmp_path / "out").paths


@pytest.mark.parametrize("name", ["float.h5", "compressed.h5", "steps/01-train.json"])
def test_a_damaged_result_is_made_again_to_the_same_bits(made, copy, name):
    folder, recipe = copy("run"), json.loads((made / "recipe.yaml").read_text())
    flip(folder / name)
    with pytest.raises(
        DataError, match="remove .*, and 'nnabla-compress run -o FOLDER --resume' makes it again"
    ):
        run_of(folder, recipe, resume=True).execute(lambda name, total: lambda *values: None)
    (folder / name).unlink()
    run_of(folder, recipe, resume=True).execute(lambda name, total: lambda *values: None)
    for result in ("float.h5", "compressed.h5", "results.nnp", "results.nnb"):
        assert (folder / result).read_bytes() == (made / "run" / result).read_bytes(), result


def test_a_folder_of_ptq_is_a_run_that_goes_on_to_the_same_bits(made, copy):
    folder = copy("ptq")
    for words in (["-o", folder], [folder / "recipe.yaml", "-o", folder]):
        for name in ("results.nnp", "results.nnb", "results.json"):
            (folder / name).unlink()
        assert verb("run", *words, "--resume") == 0
        for name in ("results.nnp", "results.nnb", "steps/01-calibrate.h5"):
            assert (folder / name).read_bytes() == (made / "ptq" / name).read_bytes(), name


def test_a_run_that_has_not_finished_names_the_command_that_goes_on(copy):
    folder = copy("run")
    (folder / "compressed.h5").unlink()
    with pytest.raises(DataError) as caught:
        evaluate_run(folder)
    assert f"'nnabla-compress run -o {folder} --resume'" in caught.value.help


def test_a_folder_that_is_written_to_is_refused_by_all_that_write(made, copy, capsys):
    folder = copy("run")
    recipe, net, data = made / "recipe.yaml", made / "net.nnp", made / "data.npz"
    with locked(folder):
        for words in (
            ("run", recipe, "-o", folder, "--resume"),
            ("run", recipe, "-o", folder),
            ("run", "-o", folder, "--resume"),
            ("compress", net, "-w", "lut:bits=2", "-o", folder),
            ("ptq", net, "-o", folder),
            ("sensitivity", net, "-d", data, "-o", folder),
            ("export", net, "-o", folder),
            ("export", folder),
        ):
            assert verb(*words) == 1, words
            said = capsys.readouterr().err
            assert f"{folder} is written to by process {os.getpid()}" in said, words
        assert verb("evaluate", folder) == 0
    assert verb("export", folder) == 0


_FULL = """
import json, resource, sys
import nnabla_compress.cli as cli
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for line in sys.stdin:
    limit, words = json.loads(line)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or hard, hard))
    try:
        cli.main(words)
    except SystemExit as stop:
        print("STATUS", stop.code, file=sys.stderr, flush=True)
"""


def test_where_files_can_not_grow_all_verbs_end_with_one_message(made, tmp_path):
    """HDF5 itself would end the process; 100 bytes stop the first file, more stop later ones."""
    net, data = made / "net.nnp", made / "data.npz"
    out, new = tmp_path / "out", tmp_path / "new"
    run = ["run", made / "recipe.yaml", "-o", out, "--resume"]
    scored = ["sensitivity", net, "-d", data, "--bits", "2", "--samples", "8", "-o"]
    again = [
        ["compress", net, "-w", "lut:bits=2", "-o", new],
        ["ptq", net, "-o", new],
        [*scored, new],
        ["assign-bits", tmp_path / "s" / "sensitivity.json", "--weights", "1kB", "-o", out / "r"],
        *(["export", made / "run", "-t", target, "-o", new] for target in ("portable", "callback")),
    ]
    calls = [(0, [*scored, tmp_path / "s"]), *((limit, run) for limit in (100, 900, 4000, 9000))]
    calls += [(0, run), *((30, words) for words in again)]
    text = "".join(json.dumps([n, [str(word) for word in words]]) + "\n" for n, words in calls)
    done = subprocess.run(
        [sys.executable, "-c", _FULL],
        input=text,
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(ROOT), NUMBA_NUM_THREADS="1"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parts = done.stderr.split("STATUS ")
    statuses = [int(part.split("\n")[0]) for part in parts[1:]]
    assert statuses == [0, 1, 1, 1, 1, 0] + [1] * len(again), done.stderr
    assert done.stderr.count("larger than this process may write") == statuses.count(1)
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert not (tmp_path / "new").exists()
    assert [path for path in tmp_path.rglob(".*")] == []
    for result in ("float.h5", "compressed.h5", "results.nnp", "results.nnb"):
        assert (out / result).read_bytes() == (made / "run" / result).read_bytes(), result


def _as_anybody():
    """Takes root's right to write everywhere from the program that is started."""
    for right in _ROOTS_RIGHTS if os.geteuid() == 0 else ():
        ctypes.CDLL(None).prctl(_DROP, right, 0, 0, 0)


def test_a_folder_and_an_installation_that_can_only_be_read(copy, tmp_path):
    folder, home, site = copy("run"), tmp_path / "home", tmp_path / "site"
    home.mkdir()
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "nnabla_compress", site / "nnabla_compress", ignore=hidden)
    closed = [home, site, *site.rglob("*"), folder, *folder.rglob("*")]
    for path in closed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    environment.update(PYTHONPATH=str(site), NUMBA_NUM_THREADS="1")
    environment.pop("NUMBA_CACHE_DIR", None)
    script = (
        "import json, sys, nnabla_compress.cli as cli\n"
        "from nnabla_compress.kernels.cache import CACHE\n"
        "print('CACHE', CACHE, cli.__file__)\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try:\n        cli.main(words)\n"
        "    except SystemExit as stop:\n        print('STATUS', stop.code)\n"
    )
    words = [["evaluate", folder], ["verify", folder, "-n", "4"]]
    words += [["export", folder, "-o", tmp_path / "out"], ["export", folder]]
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, json.dumps([[str(w) for w in each] for each in words])],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            preexec_fn=_as_anybody,
            check=False,
        )
    finally:
        for path in closed:
            path.chmod(0o755)
    assert f"CACHE False {site}" in done.stdout, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if "STATUS" in line] == [
        *("STATUS 0", "STATUS 0", "STATUS 0", "STATUS 1")
    ], done.stderr
    assert "can't write" in done.stderr and "permission denied" in done.stderr
    assert (tmp_path / "out" / "small.nnb").is_file()


def test_nothing_is_left_of_a_refused_run(made, tmp_path):
    recipe = json.loads((made / "recipe.yaml").read_text())
    recipe["compression"]["weights"] = ["nothing*=lut:bits=2"]
    with pytest.raises(CompressError):
        run_of(tmp_path / "new", recipe).execute(lambda name, total: lambda *values: None)
    assert not (tmp_path / "new").exists()
