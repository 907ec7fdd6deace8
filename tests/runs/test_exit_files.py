# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.nnb import read_nnb
from nnabla_compress.recipes import ExportPart, Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run, evaluate_run, export_file, export_run
from nnabla_compress.runs.exit_files import check_exits
from tests.anytime.test_measured import RECIPE, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("exits") / "run")


def test_stages_add_up_and_prefixes_begin_anew(finished, tmp_path):
    rows = {}
    for way in ("stages", "prefixes"):
        found = export_run(finished, tmp_path / way, exits=way)
        said = found.as_dict()["exits"]
        assert said["as"] == way and said["largest_difference"] == 0
        rows[way] = said["files"]
        for row in said["files"]:
            assert (tmp_path / way / row["file"]).stat().st_size == row["nnb_bytes"]
    stages, prefixes = rows["stages"], rows["prefixes"]
    assert stages[0]["operations"] == prefixes[0]["operations"]
    assert stages[1]["operations"] < prefixes[1]["operations"]
    assert [row["handed_bytes"] for row in stages] == [4 * 16, 0]
    plan = json.loads((tmp_path / "stages" / "exits-stages.json").read_text())
    assert plan["sources"] == [[[-1, 0]], [[0, 1]]]
    assert len(read_nnb(tmp_path / "stages" / plan["stages"][0]).outputs) == 2


def test_a_stored_network_has_its_exits_written_too(finished, tmp_path):
    found = export_file(finished / "results.nnp", tmp_path, exits="stages", c=True)
    names = {path.name for path in found.paths}
    assert {"results-stage1.nnb", "results-stage2.nnb", "results-exits_main.c"} <= names
    assert "results-exits_main.c" in found.commands["compile exits"]
    assert "exits" not in found.commands["compile"]


def test_kernels_that_all_share_are_in_both_compile_commands(tmp_path):
    steps = [RECIPE["steps"][0], {"quantize": "lut:bits=4"}]
    asked = {"target": "callback", "exits": "stages", "c": True}
    folder = run(tmp_path / "run", steps=steps, export=asked)
    commands = json.loads((folder / "results.json").read_text())["compressed"]["commands"]
    for name in ("compile", "compile exits"):
        assert "packed_nnablart.c packed_kernels.c" in commands[name], name


def test_a_run_says_what_its_exits_take(tmp_path):
    folder = run(tmp_path / "run", export={"exits": "prefixes"})
    results = json.loads((folder / "results.json").read_text())
    assert [row["exit"] for row in results["compressed"]["exits"]["files"]] == ["exit1", "exit2"]
    assert len(results["compressed"]["exit_accuracies"]) == 2


TRAIN = {"train": {"epochs": 2, "learning_rate": 0.01, "solver": "Adam"}}
BUDGET = {"train": {**TRAIN["train"], "terms": [{"budget": {"weights": "1.2 kB"}}]}}
LEARNED = {"weights": "uniform:bits=5,step=pow2", "activations": "uniform:bits=6"}
WAYS = {
    "lut-q": [{"quantize": {"weights": "lut:bits=4"}}, TRAIN],
    "dq": [{"quantize": LEARNED}, BUDGET],
    "qat": [{"quantize": {"weights": "movingrange:bits=4", "activations": "movingrange"}}, TRAIN],
    "ptq": [{"calibrate": {"bits": 8}}],
}


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_compressed_exits_keep_their_answers_and_go_into_stages(way, tmp_path):
    steps = [*RECIPE["steps"], *WAYS[way]]
    folder = run(tmp_path / "run", steps=steps, export={"exits": "stages"})
    compressed = Results.read(folder).compressed
    before = evaluate_run(run(tmp_path / "float")).exit_accuracies
    assert len(compressed.exit_accuracies) == 2
    for found, expected in zip(compressed.exit_accuracies, before):
        assert found > expected - 0.1
    assert compressed.exits["largest_difference"] == 0
    quantized = {row["name"] for row in Results.read(folder).layers if row["quantizer"]}
    assert {"exit1/fc/affine", "fc1/affine"} <= quantized


def test_a_network_without_exits_is_refused_before_anything_is_trained(tmp_path):
    recipe = Recipe.checked({**RECIPE, "steps": RECIPE["steps"][1:], "export": {"exits": "stages"}})
    with pytest.raises(ConfigError, match="has no exits"):
        Run(recipe, tmp_path / "run", tmp_path).execute(lambda name, total: pytest.fail("trained"))


@pytest.mark.parametrize(
    "part, said",
    [
        ({"exits": "stages", "nnb": False}, "are .nnb files"),
        ({"exits": "stages", "target": "int8"}, "hand floats on"),
    ],
)
def test_what_can_not_be_written_is_refused(part, said):
    y = PF.affine(nn.Variable((1, 3)), 2)
    with pytest.raises(ConfigError, match=said):
        check_exits({"exit1": y, "exit2": y}, ExportPart(**part))
