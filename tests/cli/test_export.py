# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest
from click.testing import CliRunner

from nnabla_compress.cli import group
from nnabla_compress.exporters import export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.models import NnpFile

RECIPE = """\
name: tiny
seed: 1
model: {name: lenet}
data: {source: digits, validation: 0.1}
compression:
  weights: [{layers: "*", quantizer: lut, bits: 4}]
export: {storage: one_hot, snap_dictionary: true}
"""


def call(*arguments):
    done = CliRunner().invoke(group, [str(argument) for argument in arguments])
    return done.exit_code, done.output, done.exception


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of an untrained network."""
    nn.clear_parameters()
    folder = tmp_path_factory.mktemp("run")
    (folder / "recipe.yaml").write_text(RECIPE)
    code, output, error = call("run", folder / "recipe.yaml", "-o", folder / "run")
    assert code == 0, (output, error)
    return folder / "run", output


def test_a_run_exports_as_its_recipe_says_and_notes_true_sizes(run):
    folder, output = run
    results = json.loads((folder / "results.json").read_text())
    part = results["compressed"]
    assert part["nnb_bytes"] == (folder / "results.nnb").stat().st_size
    assert part["nnb_bytes"] == part["parameter_bytes"] + part["overhead_bytes"]
    assert part["ratio"] == part["nnb_bytes"] / part["float_nnb_bytes"] < 0.25
    assert {row["storage"] for row in results["layers"]} == {"one_hot"}
    assert "4 dictionaries were put on an integer grid" in part["notes"][0]
    assert "of the float .nnb" in output and "NOTE: 4 dictionaries" in output
    assert (folder / "results.settings.yaml").exists()


def test_a_run_is_exported_again_in_another_way(run, tmp_path):
    folder, _ = run
    code, output, error = call("export", folder, "-o", tmp_path, "--storage", "smallest", "--c")
    assert code == 0, (output, error)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"tiny{end}" for end in (".nnp", ".nnb", ".c", ".h", "_main.c",
                                                ".settings.yaml")}  # fmt: skip
    assert "% of them overhead" in output and "bytes for variables" in output
    code, output, error = call("export", folder, "-o", tmp_path, "--storage", "packed", "--no-nnb")
    assert code != 0 and "can't be stored so: its dictionary does not lie" in str(error)


def test_a_file_is_converted_as_it_is(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 8))
    export_nnp(tmp_path / "net.nnp", F.relu(PF.affine(x, 4, name="f")), x)
    code, output, error = call("export", tmp_path / "net.nnp")
    assert code == 0, (output, error)
    assert {path.name for path in (tmp_path / "export").iterdir()} == {"net.nnp", "net.nnb"}
    code, _, error = call("export", tmp_path / "net.nnp", "-o", tmp_path)
    assert code != 0 and "the export would replace" in str(error)


def test_a_packed_file_stays_packed_but_is_not_compressed(run, tmp_path):
    folder, _ = run
    code, output, error = call("export", folder / "results.nnp", "-o", tmp_path)
    assert code == 0, (output, error)
    (packed,), (plain,) = (
        summary(path).networks for path in (folder / "results.nnp", tmp_path / "results.nnp")
    )
    assert plain.parameters == packed.parameters
    assert plain.device.nnb_bytes <= 1.01 * packed.device.nnb_bytes
    code, _, error = call(
        "compress", folder / "results.nnp", "-w", "lut:bits=4", "-o", tmp_path / "r"
    )
    assert code != 0 and "stored as codes" in str(error)


@pytest.mark.parametrize("verb", ["ptq", "sensitivity"])
def test_a_packed_file_is_not_quantized_again(verb, run, tmp_path):
    folder, _ = run
    file = folder / "results.nnp"
    code, _, error = call(verb, file, "--data", "digits", "--samples", "8", "-o", tmp_path / "r")
    assert code != 0 and "stored as codes" in str(error)


def test_an_nnb_is_inspected_but_refused_where_an_nnp_is_needed(run):
    code, output, _ = call("inspect", run[0] / "results.nnb")
    assert code == 0 and "flash: " in output and "RAM: " in output
    code, _, error = call("compress", run[0] / "results.nnb", "-w", "lut:bits=4", "-o", "x")
    assert code != 0 and "is an .nnb file, an .nnp is needed here" in str(error)


def test_a_target_with_one_way_to_store_weights_says_so(run, tmp_path):
    arguments = ("export", run[0], "-o", tmp_path, "-t", "binary-weight", "--storage", "packed")
    code, output, error = call(*arguments, "--no-nnb")
    assert code == 0, (output, error)
    assert "of no use to 'binary-weight'" in " ".join(output.split())
    code, output, error = call("evaluate", tmp_path / "tiny.nnp", "--data", "digits")
    assert code == 0 and "tiny.reference.nnp" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "tpu"], "'tpu' is not one of"),
        (["--storage", "zip"], "'zip' is not one of"),
        (["--api", "99"], "99 is not in the range"),
    ],
)
def test_wrong_options_are_refused(arguments, message, tmp_path):
    code, output, _ = call("export", tmp_path, *arguments)
    assert code == 2 and message in output


def test_a_project_of_console_lies_beside_any_export(run, tmp_path):
    folder, _ = run
    code, output, error = call("export", folder, "-o", tmp_path / "a", "--console", "int8")
    assert code == 0, (output, error)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    project = next(name for name in names if name.endswith(".console.nnp"))
    stem = project[: -len(".console.nnp")]
    assert {f"{stem}.training.csv", f"{stem}.validation.csv", f"{stem}.nnb"} <= names
    assert "holds floats: " in output, "free dictionaries are no integers"
    words = ("export", tmp_path / "a" / project, "-o", tmp_path / "b", "--console")
    code, output, error = call(*words)
    assert code == 0, (output, error)
    file = NnpFile(tmp_path / "b" / project.replace(".nnp", ".console.nnp"))
    assert file.head().loss == "SoftmaxCrossEntropy" and "holds floats" not in output
