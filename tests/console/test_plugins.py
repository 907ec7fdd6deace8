# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Each plug-in as Neural Network Console runs it: a copy of the script, in a folder of results."""

from __future__ import annotations

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnabla_compress.console.header import TYPES, read_header
from nnabla_compress.console.plugins import NAMES
from nnabla_compress.models import NnpFile
from tests.console.project import results_folder

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "nnabla_compress" / "console" / "plugins"
# What a user changes in the form, so that it is quick; and what comes of it beside the output.
CHANGED = {
    "weight_compression": ({"bits": "2"}, ["weight_compression.nnb", "weight_compression.csv"]),
    "post_training_quantization": ({"samples": "12"}, ["post_training_quantization.csv"]),
    "channel_pruning": ({"epochs": "1"}, ["channel_pruning.nnb", "channel_pruning.csv"]),
    "device_export": ({"target": "int8", "data": "output_result.csv", "c_source": ""}, []),
    "layer_sensitivity": ({"bits": "2", "samples": "8"}, ["layer_sensitivity.png"]),
    "network_inspection": ({}, []),
    "fit_to_device": ({"flash": "40kB", "accuracy_drop": "100"}, ["fit_to_device.nnb"]),
}


def start(script, *words, cwd):
    return subprocess.run(
        [sys.executable, script, *words],
        cwd=cwd,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=280,
    )


def form(script):
    return read_header(start(script, "-h", cwd=SCRIPTS).stdout)


def words_of(header, **changed):
    """As Console: long flags, all fields of the form that hold anything."""
    words = []
    for argument in header.arguments:
        value = changed.get(argument.name, argument.default)
        if value is not None:
            words += [f"--{argument.name}", *([value] if argument.kind != "bool" else [])]
    return words


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Plug-ins in a folder of Console's, which is not that of the package."""
    folder = tmp_path_factory.mktemp("Console 1 (x)") / "_Post_Process" / "_Compression"
    folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(SCRIPTS / f"{name}.py", folder)
    return folder


@pytest.fixture
def results(tmp_path):
    return results_folder(tmp_path / "results of 1", samples=60)


@pytest.mark.parametrize("name", NAMES)
def test_the_header_fills_a_form(name):
    script = SCRIPTS / f"{name}.py"
    began = time.process_time(), os.times().children_user
    result = start(script, "-h", cwd=SCRIPTS)
    assert result.returncode == 0 and result.stderr == "" and "nnabla]" not in result.stdout
    assert os.times().children_user - began[1] < 1, "it imports what only its work needs"
    header = read_header(result.stdout)
    assert header.title and header.text
    flags = [each.name for each in header.arguments]
    assert len(set(flags)) == len(flags)
    for argument in header.arguments:
        assert argument.kind in TYPES and argument.text
        assert argument.default is not None or not argument.required, argument.name
        if argument.kind == "option":
            assert argument.default in argument.choices
        if argument.kind == "bool":
            assert not argument.required


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_not_called_as_a_module_that_others_import(name):
    before = [path for path in sys.path if Path(path or ".").resolve() != SCRIPTS]
    found = importlib.machinery.PathFinder.find_spec(name, before)
    assert found is None and name not in getattr(
        sys, "stdlib_module_names", sys.builtin_module_names
    )


def test_all_scripts_are_listed():
    assert {path.stem for path in SCRIPTS.glob("[a-z]*.py")} == set(NAMES)


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGED)
def test_it_runs_in_a_folder_of_results(name, installed, results):
    header = form(installed / f"{name}.py")
    changed, more = CHANGED[name]
    words = words_of(header, **changed)
    result = start(installed / f"{name}.py", *words, cwd=results)
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1].endswith(f"{header.title} completed successfully.")
    output = results / words[words.index("--output") + 1]
    assert output.stat().st_size and all((results / each).stat().st_size for each in more)
    if output.suffix == ".nnp":
        assert NnpFile(output).build().outputs
    else:
        with open(output, encoding="utf-8", newline="") as file:
            table = list(csv.reader(file))
        assert len(table) > 2 and len({len(row) for row in table}) == 1


@pytest.mark.long
def test_compressions_are_compared_in_one_page_and_paths_are_those_of_windows(installed, results):
    script, report = (installed / f"{n}.py" for n in ("weight_compression", "compression_report"))
    (results / "sub").mkdir()
    for _ in range(2):
        words = words_of(form(script), output="sub\\small.nnp", table="sub\\small.csv")
        assert start(script, *words, cwd=results).returncode == 0
    assert {path.name for path in (results / "sub").iterdir()} == {
        *("small", "small_2", "small.nnp", "small.nnb", "small.csv"),
    }
    words = words_of(form(report), folder="sub\\small", compare="sub\\small_2")
    result = start(report, *words, cwd=results)
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1].endswith("Compression Report completed successfully.")
    assert "<html" in (results / "report.html").read_text("utf-8")


@pytest.mark.long
def test_bad_input_is_one_critical_line(installed, results):
    script = installed / "weight_compression.py"
    words = words_of(form(script), model="missing.nnp")
    result = start(script, *words, cwd=results)
    assert result.returncode == 1 and "Traceback" not in result.stderr + result.stdout
    (line,) = [line for line in result.stderr.splitlines() if "CRITICAL" in line]
    assert "missing.nnp" in line and "help:" in line and result.stderr.strip().endswith(line)
    assert not (results / "weight_compression").exists()
    for output, said in (("results.nnp", "would replace"), ("results.csv", "would replace"),
                         ("data", "is a folder"), ("", "is empty")):  # fmt: skip
        result = start(script, *words_of(form(script), output=output), cwd=results)
        (line,) = [line for line in result.stderr.splitlines() if "CRITICAL" in line]
        assert result.returncode == 1 and said in line, line
    (results / "training.csv").unlink()
    result = start(script, *words_of(form(script), epochs="1"), cwd=results)
    assert result.returncode == 1 and "name a CSV file with inputs and labels" in result.stderr


def test_a_python_without_this_package_is_told_how_to_get_it(installed):
    words = words_of(form(installed / "network_inspection.py"))
    result = subprocess.run(
        [sys.executable, "-S", installed / "network_inspection.py", *words],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        cwd=installed,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"{sys.executable} -m pip install nnabla-compress" in result.stderr
