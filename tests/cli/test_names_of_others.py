# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names in files are anybody's text: shown as they are, obeyed by nothing."""

from __future__ import annotations

import csv
import json
import sys

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
import yaml
from nnabla.utils.save import save

from nnabla_compress import cli

MARKUP, ESCAPE = "[bold]a[/nope]:smile:", "b\x1b[31m\x07"


def network_with(folder, names, net="net", output="[y][/y]"):
    nn.clear_parameters()
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name=names[0])), 3, name=names[1])
    network = {"name": net, "batch_size": 1, "outputs": {output: y}, "names": {"x": x}}
    executor = {"name": "run", "network": net, "data": ["x"], "output": [output]}
    save(str(folder / "net.nnp"), {"networks": [network], "executors": [executor]})
    rng = np.random.RandomState(0)
    x, y = rng.randn(20, 6).astype(np.float32), rng.randint(0, 3, 20)
    np.savez(folder / "data.npz", x_test=x, y_test=y)
    return folder / "net.nnp"


@pytest.fixture
def path(tmp_path):
    return network_with(tmp_path, (MARKUP, ESCAPE))


@pytest.mark.parametrize(
    "verb",
    [
        ["inspect"],
        ["compress", "-w", "lut:bits=4", "-o", "out"],
        ["ptq", "-o", "out"],
        ["export", "-o", "out"],
        ["verify", "-n", "2"],
        ["compress", "-w", "nothing*=lut:bits=4", "-o", "out"],
    ],
)
def test_names_are_shown_as_they_are_and_the_terminal_obeys_none(verb, path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    with pytest.raises(SystemExit) as stop:
        cli.main([verb[0], str(path), *verb[1:]])
    said = "".join(capsys.readouterr())
    assert stop.value.code == (1 if "nothing*=lut:bits=4" in verb else 0), said
    assert "internal error" not in said and "\x1b" not in said and "\x07" not in said
    if verb[0] == "verify":
        assert "[y][/y]" in said
    else:
        assert MARKUP in said and "[31m" in said


def run(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 0, capsys.readouterr().err
    return "".join(capsys.readouterr())


def test_names_of_5000_characters_are_shown_by_their_ends_and_whole_in_json(
    tmp_path, monkeypatch, capsys
):
    names = "a" * 5000, "b" * 5000
    path = network_with(tmp_path, names, "n" * 5000, "y" * 5000)
    monkeypatch.chdir(tmp_path)
    said = run(["inspect", str(path)], capsys)
    assert "aaaaa...aaaaa" in said and "yyyyy...yyyyy" in said and len(said) < 8000
    layers = json.loads(run(["inspect", str(path), "--json"], capsys))["networks"][0]["layers"]
    assert [layer["name"] for layer in layers] == [f"{name}/affine" for name in names]
    said = run(["compress", str(path), "-w", "lut:bits=4", "-o", "out", "--c"], capsys)
    assert "aaaaa...aaaaa" in said and "a" * 200 not in said
    assert len(run(["verify", "out", "-n", "2"], capsys)) < 5000
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["layers"][0]["name"] == f"{names[0]}/affine"


def test_names_of_any_kind_come_back_from_rules_and_tables(tmp_path, monkeypatch, capfd):
    names = 'c\n#error "*[x]?=:\\', "- {b}: \x1b[31m $x^{$ \u202e"
    path = network_with(tmp_path, names)
    monkeypatch.chdir(tmp_path)
    said = run(
        ["sensitivity", str(path), "--data", "data.npz", "--bits", "2,4", "--jobs", "2"], capfd
    )
    assert "\x1b" not in said and "\u202e" not in said and "[nnabla]" not in said
    with (tmp_path / "sensitivity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["layer"] == f"{names[0]}/affine" and names[1] in rows[2]["layer"]
    words = ["assign-bits", "sensitivity.json", "--weights", "60B", "--no-score", "-o", "r.yaml"]
    assert "\x1b" not in run(words, capfd)
    assert len(yaml.safe_load((tmp_path / "r.yaml").read_text())["weights"]) == 2
    said = run(["compress", str(path), "--rules", "r.yaml", "-o", "out"], capfd)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {row["bits"] for row in results["layers"]} == {2} and "\x1b" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take UTF-8 only")
def test_paths_that_are_no_utf_8_go_through_every_verb(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    network_with(tmp_path, ("a", "b")).rename("\udcff.nnp")
    (tmp_path / "data.npz").rename("\udcff.npz")
    data = ["--data", "\udcff.npz"]
    run(["inspect", "\udcff.nnp"], capfd)
    run(["compress", "\udcff.nnp", *data, "-w", "lut:bits=4", "--c", "-o", "\udcfe"], capfd)
    run(["evaluate", "\udcfe", *data], capfd)
    run(["export", "\udcfe"], capfd)
    run(["verify", "\udcfe/results.nnp", "-n", "2"], capfd)
    run(["ptq", "\udcff.nnp", "--c"], capfd)
    run(["sensitivity", "\udcff.nnp", *data, "--bits", "2"], capfd)
    run(["assign-bits", "sensitivity.json", "--weights", "60B", "--no-score"], capfd)
    (name,) = (path.name for path in (tmp_path / "runs").iterdir())
    assert name.isascii() and name.endswith("-ptq")
    with pytest.raises(SystemExit):
        cli.main(["inspect", "none\udcff.nnp"])
    assert "none\\udcff.nnp" in capfd.readouterr().err
