# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks are scored as the device computes them, and numbers by what their mean leaves."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.fitting.judge import Judge
from nnabla_compress.fitting.question import question_of
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs import Run


@pytest.fixture(scope="module")
def judge_of_numbers(tmp_path_factory):
    """y = 2 x + 1 + an error of variance 1/4 in targets of variance 1."""
    folder = tmp_path_factory.mktemp("judge")
    nn.clear_parameters()
    x = nn.Variable((4, 1))
    y = PF.affine(x, 1, name="a")
    parameters = nn.get_parameters()
    parameters["a/affine/W"].d, parameters["a/affine/b"].d = 2, 1
    contents = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(folder / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    x = np.linspace(-1, 1, 400, dtype=np.float32)[:, None]
    error = np.where(np.arange(400) % 2, 0.5, -0.5)[:, None]
    np.savez(folder / "data.npz", x=x, y=2 * x + 1 + error)
    data = DataOptions(str(folder / "data.npz"), loss="SquaredError")
    question = question_of(folder / "net.nnp", data)
    return folder, question, Judge(question)


def test_numbers_are_judged_by_what_their_mean_leaves_unexplained(judge_of_numbers):
    _, _, judge = judge_of_numbers
    y = judge.split.y
    expected = 1 - np.mean((2 * judge.split.x + 1 - y) ** 2) / np.mean((y - y.mean()) ** 2)
    assert judge.float.value == pytest.approx(float(expected), abs=1e-5)
    assert judge.float.name == "explained share" and judge.float.samples == 300


def test_what_a_target_rounds_is_run_in_the_simulator(judge_of_numbers):
    folder, question, judge = judge_of_numbers
    quality = {}
    for target in ("int16", "portable"):
        run = Run(question.recipe(target, [], target), folder / target, folder)
        run.execute(lambda name, total: lambda *now: None)
        quality[target] = judge.of_attempt(folder / target)
    assert quality["portable"] == judge.float
    assert quality["int16"].value != judge.float.value
    assert quality["int16"].value == pytest.approx(judge.float.value, abs=1e-3)
