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


@pytest.fixture(scope="module")
def smaller(folder, tmp_path_factory):
    """Sensitivities of channels and ranks beside those of bits."""
    target = tmp_path_factory.mktemp("smaller")
    words = [str(folder / "net.nnp"), "--data", str(folder / "data.npz"), "--bits", "2,4"]
    words += ["--channels", "0.25,0.5", "--ranks", "0.4", "--method", "svd", "-o", str(target)]
    result = CliRunner().invoke(sensitivity, words, catch_exceptions=False)
    assert result.exit_code == 0
    (target / "said.txt").write_text(result.output)
    return target


def test_channels_and_ranks_stand_beside_bits_in_all_files(smaller):
    said = (smaller / "said.txt").read_text()
    assert "-25 % channels" in said and "40 % by ranks" in said and "2 bits" in said
    assert "no channels of c/affine: the network's output y has them" in said
    lines = (smaller / "sensitivity.csv").read_text().splitlines()
    kinds = [line.split(",")[0] for line in lines[1:]]
    assert kinds == 6 * ["weights"] + 4 * ["channels"] + 2 * ["ranks"]
    assert lines[9].startswith("channels,b+*/affine,Affine,6,396,32,12672,")
    assert lines[11].endswith("method svd; ranks 2; layers a$[0]/affine/first a$[0]/affine/last")
    assert (smaller / "sensitivity.png").read_bytes()[:4] == b"\x89PNG"


def test_without_bits_only_what_makes_it_smaller_is_measured(folder, tmp_path):
    words = [str(folder / "net.nnp"), "--data", str(folder / "data.npz"), "--samples", "8"]
    result = CliRunner().invoke(sensitivity, [*words, "--channels", "0.5", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert "bits" not in result.output
    result = _assign(tmp_path, "--macs", "0.7", "--no-score", "-o", str(tmp_path / "r.yaml"))
    assert result.exit_code == 0, result.exception
    assert [*yaml.safe_load((tmp_path / "r.yaml").read_text())["steps"][0]] == ["remove_channels"]


def test_a_recipe_is_written_where_channels_go_and_run_takes_it(smaller, tmp_path):
    from nnabla_compress.cli import group

    words = ["--weights", "130B", "--epochs", "1", "-o", str(tmp_path / "small.yaml")]
    result = _assign(smaller, *words)
    assert result.exit_code == 0, result.exception
    text = (tmp_path / "small.yaml").read_text()
    assert text in result.output and "# a whole recipe, for 'nnabla-compress run'" in text
    content = yaml.safe_load(text)
    assert [*content["steps"][-1]] == ["train"] and content["name"] == "small"
    words = ["run", str(tmp_path / "small.yaml"), "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(group, words, catch_exceptions=False)
    assert result.exit_code == 0 and "weights packed" in result.output


def test_where_only_bits_are_chosen_the_file_holds_rules(smaller, tmp_path):
    result = _assign(smaller, "--weights", "1kB", "--no-score", "-o", str(tmp_path / "x.yaml"))
    assert result.exit_code == 0
    assert [*yaml.safe_load((tmp_path / "x.yaml").read_text())] == ["weights"]


def test_assign_is_the_same_verb():
    from nnabla_compress.cli import group

    result = CliRunner().invoke(group, ["assign", "--help"])
    assert result.exit_code == 0 and "sensitivity.json" in result.output


@pytest.mark.parametrize(
    "words, text",
    [
        (["--channels", "1.5"], "channels: 1.5 is no share"),
        (["--channels", "half"], "--channels is 'half'"),
        (["--ranks", "0"], "ranks: 0 is no share"),
        (["--channels", "0.5", "--importance", "l9"], "unknown importance 'l9'"),
        (["--ranks", "0.5", "--method", "cp"], "unknown method 'cp'"),
    ],
)
def test_wrong_shares_get_one_message_before_anything_is_measured(folder, tmp_path, words, text):
    base = [str(folder / "net.nnp"), "--data", str(folder / "data.npz"), "-o", str(tmp_path)]
    result = CliRunner().invoke(sensitivity, [*base, *words])
    assert isinstance(result.exception, ConfigError) and text in str(result.exception)
    assert "help: " in str(result.exception) and list(tmp_path.iterdir()) == []


def test_channels_without_data_are_refused(folder):
    result = CliRunner().invoke(sensitivity, [str(folder / "net.nnp"), "--channels", "0.5"])
    assert "sensitivities need data" in str(result.exception)


def test_budgets_that_nothing_meets_say_the_least(smaller, folder):
    result = _assign(smaller, "--macs", "10")
    assert isinstance(result.exception, InfeasibleBudgetError)
    assert "macs of at most 10 requested, the least reachable is " in str(result.exception)
    result = _assign(folder, "--macs", "0.5")
    assert isinstance(result.exception, ConfigError) and "--channels" in str(result.exception)
