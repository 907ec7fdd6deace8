# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verbs sensitivity and assign-bits."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from nnabla.utils.save import save

from nnabla_compress.cli.assign_bits import command as assign
from nnabla_compress.cli.sensitivity import command as sensitivity
from nnabla_compress.errors import CompressError, ConfigError, DataError, InfeasibleBudgetError
from nnabla_compress.recipes import CompressionPart
from nnabla_compress.rules import Candidate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network whose layers have names that look like patterns, its data and sensitivities."""
    folder = tmp_path_factory.mktemp("sensitivity")
    nn.clear_parameters()
    x = nn.Variable((2, 6))
    h = F.relu(PF.affine(x, 64, name="a$[0]"))
    y = PF.affine(F.tanh(PF.affine(h, 8, name="b+*")), 2, name="c")
    contents = {"name": "main", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(folder / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    data, labels = np.random.RandomState(0).randn(60, 6).astype(np.float32), np.arange(60) % 2
    path = str(folder / "data.npz")
    np.savez(path, x_train=data, y_train=labels, x_test=data, y_test=labels)
    words = [str(folder / "net.nnp"), "--data", path, "--bits", "2,4", "-a", "uniform"]
    result = CliRunner().invoke(sensitivity, [*words, "-o", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    return folder


def _assign(folder, *words):
    return CliRunner().invoke(assign, [str(folder / "sensitivity.json"), *words])


def test_a_table_a_file_and_a_heat_map_are_written(folder):
    assert (folder / "sensitivity.png").read_bytes()[:4] == b"\x89PNG"
    lines = (folder / "sensitivity.csv").read_text().splitlines()
    assert lines[0].startswith("kind,layer,type,") and len(lines) == 1 + 2 * (3 + 2)
    assert lines[1].startswith("weights,a$[0]/affine,Affine,384,384,2,")


def test_bits_are_chosen_under_several_budgets_scored_and_written_as_rules(folder):
    words = ["--weights", "330B", "--activations", "24B", "--limit", "c/affine=2"]
    result = _assign(folder, *words, "-o", str(folder / "rules.yaml"))
    assert result.exit_code == 0, result.exception
    assert "reachable: weights" in result.output and "reachable: activations" in result.output
    text = (folder / "rules.yaml").read_text()
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert "all at once, 60 samples: loss " in head[1] and "accuracy" in head[1]
    assert text in result.output
    rules = CompressionPart.checked(yaml.safe_load(text))
    names = ["a$[0]/affine", "b+*/affine", "c/affine"]
    candidates = [Candidate(name) for name in [*names, "b+x/affine"]]
    assert [rule.choose(candidates) for rule in rules.weights] == [[name] for name in names]
    assert rules.weights[2].make().bits == 2
    # 64 elements at 2 bits and 8 at 4.
    assert [rule.make().bits for rule in rules.activations] == [2, 4]


def test_the_rules_are_taken_by_compress(folder, tmp_path):
    from nnabla_compress import compress
    from nnabla_compress.analysis import layers

    _assign(folder, "--weights", "330B", "--no-score", "-o", str(tmp_path / "rules.yaml"))
    content = yaml.safe_load((tmp_path / "rules.yaml").read_text())
    network = compress(folder / "net.nnp", content)
    found = [layer.quantizer.info.args["bits"] for layer in layers([network.output])]
    assert found == [rule.make().bits for rule in CompressionPart.checked(content).weights]


def test_a_result_that_is_not_scored_says_so(folder):
    result = _assign(folder, "--activations-max", "16B", "--no-score")
    assert "# not scored as a whole" in result.output and result.exit_code == 0


@pytest.mark.parametrize(
    "words, error, text",
    [
        ([], ConfigError, "no budget"),
        (["--weights", "1B"], InfeasibleBudgetError, "least reachable"),
        (["--weights", "x"], ConfigError, "--weights"),
        (["--weights", "1kB", "--limit", "x"], ConfigError, "--limit is 'x'"),
        (["--weights", "1kB", "--limit", "x=1"], ConfigError, "no layer 'x'"),
        (["--activations-max", "1B"], InfeasibleBudgetError, "fewest bits measured are 2"),
    ],
)
def test_what_can_not_be_chosen_is_said(folder, words, error, text):
    result = _assign(folder, *words)
    assert isinstance(result.exception, error) and text in str(result.exception)


def test_a_budget_of_what_was_not_measured_is_refused(folder, tmp_path):
    words = [str(folder / "net.nnp"), "--data", str(folder / "data.npz"), "--bits", "2"]
    result = CliRunner().invoke(sensitivity, [*words, "--samples", "4", "-o", str(tmp_path)])
    assert result.exit_code == 0
    result = _assign(tmp_path, "--activations", "1kB")
    assert isinstance(result.exception, ConfigError) and "not measured" in str(result.exception)


@pytest.mark.parametrize(
    "words",
    [["--bits", "x"], ["--bits", "99"], ["-q", "prune"], ["-q", "none"], ["-a", "nothing*=lut"]],
)
def test_wrong_options_get_one_message_before_anything_is_written(folder, tmp_path, words):
    base = [str(folder / "net.nnp"), "--data", str(folder / "data.npz"), "-o", str(tmp_path)]
    result = CliRunner().invoke(sensitivity, [*base, *words])
    assert isinstance(result.exception, CompressError) and "help: " in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named_before_missing_data(tmp_path):
    result = CliRunner().invoke(sensitivity, [str(tmp_path / "missing.nnp")])
    assert isinstance(result.exception, DataError)
    assert "missing.nnp' does not exist" in str(result.exception)
