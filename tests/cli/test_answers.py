# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What newcomers type first: the answer names the right next step, or the cause of a bad result."""

from __future__ import annotations

import json
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
import yaml
from nnabla.utils.save import save

from nnabla_compress import cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers")
    rng = np.random.RandomState(0)
    nn.clear_parameters()
    nn.random.prng = rng
    x = nn.Variable((1, 4))
    y = PF.affine(F.relu(PF.affine(x, 16, name="a")), 3, name="b")
    contents = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    executor = {"name": "runtime", "network": "net", "data": ["x"], "output": ["y"]}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": [executor]})
    values = rng.randn(120, 4).astype(np.float32)
    numbers = (values @ rng.randn(4, 3)).astype(np.float32)
    classes = rng.permutation(np.arange(120) % 3)  # which nobody can learn from the values
    np.savez(path / "numbers.npz", x_train=values, y_train=numbers, x_test=values, y_test=numbers)
    np.savez(path / "classes.npz", x_train=values, y_train=classes, x_test=values, y_test=classes)
    np.savez(path / "named.npz", images=values, labels=classes)
    np.savez(path / "zeros.npz", x_train=0 * values, y_train=classes)
    pixels = rng.randint(0, 256, (120, 4)).astype(np.uint8)
    np.savez(path / "pixels.npz", x_test=pixels, y_test=classes)
    for name in ("net.onnx", "net.tflite", "net.pth", "empty.yaml"):
        (path / name).touch()
    (path / "others").mkdir()
    (path / "others" / "photo.png").touch()
    return path


@pytest.fixture()
def say(folder, monkeypatch, capfd):
    """Runs a command line in the folder; returns status, standard output and error."""
    monkeypatch.chdir(folder)

    def run(text: str):
        with pytest.raises(SystemExit) as stop:
            cli.main(text.split())
        out, err = capfd.readouterr()
        return stop.value.code, out, " ".join(err.split())

    return run


@pytest.mark.parametrize(
    "typed, words",
    [
        ("run net.nnp", "'nnabla-compress ptq net.nnp --data DATA'"),
        ("run net.onnx", "nnabla_cli convert net.onnx net.nnp"),
        ("compress net.onnx -w lut:bits=4", "pip install nnabla-converter"),
        ("ptq net.tflite", "a TensorFlow Lite network"),
        ("inspect net.pth", "torch.onnx.export"),
        ("export net.onnx", "nnabla_cli convert"),
        ("verify net.tflite", "nnabla_cli convert"),
        ("evaluate net.onnx --data classes.npz", "nnabla_cli convert"),
        ("ptq numbers.npz", "give the network first"),
        ("run empty.yaml", "is empty."),
        ("run others", "is a folder, not a recipe"),
        ("evaluate net.nnp --data cifar10", "--data cifar10:FOLDER"),
        ("evaluate net.nnp --data named.npz", "--data named.npz,x=images,y=labels"),
        ("evaluate net.nnp --data numbers.npz", "--loss SquaredError"),
        ("compress net.nnp -w lut:bits=2 -o others", "-o others/run"),
        ("ptq net.nnp -o others", "-o others/run"),
        ("compress net.nnp -w lut:bits=2 --data classes.npz -e 1 --solver Adma", "'Adam'?"),
        ("ptq net.nnp --data zeros.npz -o none", "hold nothing but 0"),
        ("run --resume -o others", "no recipe.yaml"),
        ("export nowhere", "there is no nowhere"),
        ("evaluate nowhere", "there is no nowhere"),
        ("assign-bits nowhere.json --weights 1kB", "there is no file nowhere.json"),
        ("compress net.nnp --rules classes.npz", "it is no text"),
        ("compress net.nnp -w uniform:bits=4 --budget weights=1kB", "in the shell --epochs 1"),
        (
            "compress net.nnp -w lut:bits=4 --data classes.npz -e 1 --budget weights=1kB",
            "as rules uniform:bits=4",
        ),
        ("evaluate net.nnp --data named.npz,x=images", "--data FILE.npz,y=NAME"),
        ("ptq net.nnp -t int8 -o none", "add --data"),
        ("compress net.nnp -w lut:bits=4 -t int16 -o none", "add --data"),
        ("export net.nnp -t int8 -o none", "add --data"),
    ],
)
def test_the_answer_names_the_next_step(say, typed, words):
    status, _, said = say(typed)
    assert status == 1 and words in said
    assert "internal error" not in said


def test_a_resumed_run_that_is_not_there_begins_and_says_so(say, folder):
    status, _, said = say("compress net.nnp -w lut:bits=2 --no-nnb --resume -o new")
    assert status == 0 and "new holds no run to go on with, so that one begins" in said


def test_a_storage_without_effect_is_noted(say):
    status, _, said = say("export net.nnp --storage packed --no-nnb -o stored")
    assert status == 0 and "have no effect: the network has no quantized weights" in said


def test_calibration_does_not_look_at_targets_and_scores_take_a_loss(say, folder):
    assert say("ptq net.nnp --data numbers.npz --no-nnb -o p1")[0] == 0
    status, out, said = say(
        "ptq net.nnp --data numbers.npz --no-nnb -o p2 --evaluate --loss SquaredError"
    )
    assert status == 0, said
    results = json.loads((folder / "p2" / "results.json").read_text())
    assert results["float"]["metrics"]["mean squared error"] > 0
    assert say("verify p1/results.nnp --data numbers.npz -n 8")[0] == 0


def test_rules_that_assign_bits_wrote_are_taken(say, folder):
    assert say("sensitivity net.nnp --data classes.npz --bits 2,4 -a uniform -o s")[0] == 0
    typed = "assign-bits s/sensitivity.json --weights 60B --no-score -o s/rules.yaml"
    assert say(typed)[0] == 0
    kept = yaml.safe_load((folder / "s" / "rules.yaml").read_text())
    assert set(kept) == {"weights", "activations"}
    status, _, said = say("compress net.nnp --rules s/rules.yaml --data classes.npz --no-nnb -o c")
    assert status == 0, said
    recipe = yaml.safe_load((folder / "c" / "recipe.yaml").read_text())["compression"]
    bits = [str(rule["bits"]) for rule in recipe["weights"]]
    assert bits == [rule.rpartition("bits=")[2] for rule in kept["weights"]]
    assert len(recipe["activations"]) == len(kept["activations"])
    status, _, said = say("ptq net.nnp --rules s/rules.yaml --data classes.npz --no-nnb -o q")
    assert status == 0 and "the rules for weights are taken" in said
    assert say("ptq net.nnp --rules s/rules.yaml --bits 4 -o r")[0] == 1


def test_a_score_at_chance_names_its_likely_cause(say, folder):
    status, out, said = say("evaluate net.nnp --data pixels.npz")
    assert status == 0 and "look like pixels from " in said and "--scale 1/255" in said
    status, _, said = say(
        "compress net.nnp -w lut:bits=2 --data classes.npz -e 1 -l 1e-9 --no-nnb -o chance"
    )
    assert status == 0 and "no better than a guess" in said
    results = json.loads((folder / "chance" / "results.json").read_text())
    assert "no better than a guess" in results["compressed"]["warnings"][0]


@pytest.mark.parametrize("rate", ["1e30", "1e36"])
def test_a_training_that_diverged_is_an_error(say, folder, rate):
    status, _, said = say(
        f"compress net.nnp -w lut:bits=2 --data classes.npz -e 1 -l {rate} --no-nnb -o d{rate}"
    )
    assert status == 1 and "the training diverged: lower the learning rate" in said
    assert not (folder / f"d{rate}" / "results.json").exists()
