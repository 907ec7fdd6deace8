# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Samples that choose rows which a network has not are refused wherever it is run on them."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.calibration import post_training_quantize
from nnabla_compress.data import Split
from nnabla_compress.data.preprocessing import Preprocessing
from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.choosing import ChoosingInputs
from nnabla_compress.training.evaluate import Evaluator
from nnabla_compress.verification.engines import NnpEngine

OUTSIDE = "holds the number 1e.08, the network has rows 0 to 9 for it"


def network(x, test=True):
    return PF.affine(PF.embed(x, 10, 3, name="e"), 3, name="f")


@pytest.fixture
def rows():
    nn.clear_parameters()
    rows = np.tile(np.arange(10, dtype=np.float32), (6, 1))[:, :4].copy()
    rows[4, 2] = 1e8
    return rows


@pytest.mark.parametrize("number", [-1, 10, np.nan, np.inf])
def test_rows_from_0_to_below_their_number_are_let_through(number):
    nn.clear_parameters()
    ids, x = nn.Variable((1, 2)), nn.Variable((1, 1, 3))
    y = F.add2(PF.embed(ids, 10, 3), x)
    choosing = ChoosingInputs({"ids": ids, "x": x}, [y])
    anything = np.float32([[[1e9, -1e9, np.nan]]])
    choosing.check([np.float32([[0, 9]]), anything])
    with pytest.raises(DataError, match="input ids holds the number"):
        choosing.check([np.float32([[0, number]]), anything])


def test_scoring_says_so(rows):
    split = Split.checked(rows, np.arange(6) % 3, "words")
    evaluator = Evaluator(network, split, 2, Preprocessing())
    with pytest.raises(DataError, match=OUTSIDE):
        evaluator.score(split)


def test_a_post_training_quantization_says_so(rows):
    x = nn.Variable((1, 4))
    with pytest.raises(DataError, match=OUTSIDE):
        post_training_quantize([network(x)], [x], [rows])


def test_an_export_says_so(rows, tmp_path):
    x = nn.Variable((1, 4))
    with pytest.raises(DataError, match=OUTSIDE):
        export_nnp(tmp_path / "not.nnp", network(x), {"x": x}, samples={"x": rows})


def test_a_file_that_is_run_says_so(rows, tmp_path):
    x = nn.Variable((1, 4))
    contents = {
        "networks": [
            {"name": "net", "batch_size": 1, "outputs": {"y": network(x)}, "names": {"x": x}}
        ],
        "executors": [{"name": "run", "network": "net", "data": ["x"], "output": ["y"]}],
    }
    save(str(tmp_path / "net.nnp"), contents)
    engine = NnpEngine(tmp_path / "net.nnp", 2)
    assert engine.run([rows[:4]])[0].shape == (4, 3)
    with pytest.raises(DataError, match=OUTSIDE):
        engine.run([rows])
