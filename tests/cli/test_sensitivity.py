# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The verbs sensitivity and assign-bits."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import yaml
from click.testing import CliRunner
from nnabla.utils.save import save

from nnabla_compress.cli.assign_bits import command as assign
from nnabla_compress.cli.sensitivity import command as sensitivity
from nnabla_compress.errors import ConfigError


def test_from_a_network_to_the_rules_of_a_recipe(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((2, 6))
    y = PF.affine(PF.affine(x, 64, name="a"), 2, name="b")
    contents = {"name": "main", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    data, labels = np.eye(6, dtype=np.float32), np.arange(6) % 2
    path = str(tmp_path / "data.npz")
    np.savez(path, x_train=data, y_train=labels, x_test=data, y_test=labels)
    words = [str(tmp_path / "net.nnp"), "--data", path, "--bits", "2,4", "-o", str(tmp_path)]
    result = CliRunner().invoke(sensitivity, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "sensitivity.png").read_bytes()[:4] == b"\x89PNG"
    lines = (tmp_path / "sensitivity.csv").read_text().splitlines()
    assert lines[0].startswith("layer,type,") and len(lines) == 5
    words = [str(tmp_path / "sensitivity.json"), "--weights", "10kB"]
    words += ["--limit", "b/affine=2", "-o", str(tmp_path / "rules.yaml")]
    result = CliRunner().invoke(assign, words, catch_exceptions=False)
    assert result.exit_code == 0
    rules = yaml.safe_load((tmp_path / "rules.yaml").read_text())["weights"]
    assert rules[1] == "b/affine=lut:bits=2" and len(rules) == 2
    result = CliRunner().invoke(assign, words[:1])
    assert isinstance(result.exception, ConfigError)
