# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_compress import cli
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run, export_run
from nnabla_compress.runs.finished import open_run
from nnabla_compress.runs.trust import code_of, confined_recipe
from nnabla_compress.runs.verified import verify_run

CODE = """
from pathlib import Path
import nnabla.parametric_functions as PF
Path({witness!r}).touch()

def network(x, test):
    Path({witness!r}).touch()
    return PF.affine(x, 10)

def samples():
    return [(sample, 1) for sample in [[0.0, 1.0, 2.0, 3.0]] * 4]
"""
MODEL = """
name: foreign
model: {python: "code.py:network"}
data: {source: digits}
compression: {weights: ["lut:bits=4"]}
"""
DATA = """
name: foreign
model: {name: mlp}
data: {source: python, path: code.py, function: samples}
compression: {weights: ["lut:bits=4"]}
"""


@pytest.fixture(params=[MODEL, DATA], ids=["model", "data"])
def foreign(request, tmp_path):
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(request.param)
    (folder / "code.py").write_text(CODE.format(witness=str(tmp_path / "RAN_CODE")))
    return folder


@pytest.mark.parametrize("verb", ["evaluate", "export", "verify", "run"])
def test_code_that_a_run_folder_names_is_refused_and_not_run(verb, foreign, tmp_path, capsys):
    words = ["-o", str(foreign), "--resume"] if verb == "run" else [str(foreign)]
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, *words])
    said = capsys.readouterr().err
    assert stop.value.code == 1 and "names Python code" in said and "--trust" in said
    assert "code.py:" in said and not (tmp_path / "RAN_CODE").exists()


@pytest.mark.parametrize("use", [evaluate_run, verify_run, open_run])
def test_the_library_trusts_no_folder_by_itself(use, foreign, tmp_path):
    with pytest.raises(ConfigError, match="names Python code"):
        use(foreign)
    with pytest.raises(ConfigError, match="names Python code"):
        export_run(foreign, tmp_path / "out")
    assert not (tmp_path / "RAN_CODE").exists() and not (tmp_path / "out").exists()


def test_code_runs_for_a_recipe_that_is_named_and_for_a_folder_that_is_trusted(tmp_path):
    (tmp_path / "code.py").write_text(CODE.format(witness=str(tmp_path / "RAN_CODE")))
    (tmp_path / "mine.yaml").write_text(MODEL)
    run = Run(Recipe.read(tmp_path / "mine.yaml"), tmp_path / "out", tmp_path)
    results = run.execute(lambda name, total: lambda *now: None)
    assert (tmp_path / "RAN_CODE").exists()
    (tmp_path / "RAN_CODE").unlink()
    with pytest.raises(ConfigError, match="names Python code"):
        evaluate_run(tmp_path / "out")
    score = evaluate_run(tmp_path / "out", trust=True)
    assert score.accuracy == results.compressed.accuracy and run.trusted
    assert (tmp_path / "RAN_CODE").exists()


def test_code_in_the_data_that_a_network_is_scored_on_is_refused(foreign, tmp_path):
    recipe = {"name": "a", "model": {"nnp": "net.nnp"}, "data": {"source": "digits"}}
    recipe["evaluate"] = {"source": "python", "path": "code.py", "function": "samples"}
    (foreign / "recipe.yaml").write_text(json.dumps(recipe))
    with pytest.raises(ConfigError, match="data code.py:samples"):
        evaluate_run(foreign)
    assert not (tmp_path / "RAN_CODE").exists()


def test_model_and_data_are_both_named():
    recipe = Recipe.parse(MODEL, "a").model_copy(update={"evaluate": Recipe.parse(DATA, "b").data})
    assert code_of(recipe) == ["model code.py:network", "data code.py:samples"]


@pytest.mark.parametrize("cell", ["../secret.npy", "{}/secret.npy", "link/secret.npy"])
def test_cells_of_a_foreign_data_set_stay_below_its_folder(cell, tmp_path):
    np.save(tmp_path / "secret.npy", np.zeros(4))
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "test.csv").write_text(f"x,y\n{cell.format(tmp_path)},1\n")
    content = {"name": "a", "model": {"name": "mlp"}, "data": {"source": "csv", "test": "test.csv"}}
    (folder / "recipe.yaml").write_text(json.dumps(content))
    with pytest.raises(DataError, match="not below"):
        evaluate_run(folder)


def test_a_foreign_recipe_can_not_lift_the_limit_itself():
    content = {
        "name": "a",
        "model": {"name": "mlp"},
        "data": {"source": "csv", "test": "t.csv", "outside": True},
    }
    assert confined_recipe(Recipe.checked(content)).data.model_extra["outside"] is False
