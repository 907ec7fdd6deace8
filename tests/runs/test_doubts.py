# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Results that can't be believed say so, with the cause."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.calibration.samples import refuse_constant
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.errors import DataError
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.model import LossChoice
from nnabla_compress.quantizers import Uniform
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.runs import doubts
from nnabla_compress.training import Score

LABELS = np.arange(400) % 10
SPLIT = Split.checked(np.zeros((400, 2)), LABELS, "example")


@pytest.mark.parametrize(
    "loss, accuracy, words",
    [
        (2.4, 0.09, "no better than a guess (10.00 %)"),
        (183.9, 0.9, "far above that of a guess (2.3)"),
        (float("nan"), 0.1, "not finite"),
    ],
)
def test_a_score_at_chance_is_doubtful(loss, accuracy, words):
    (found,) = doubts.doubts(Score(loss, accuracy, 400), SPLIT)
    assert words in found


@pytest.mark.parametrize(
    "score", [Score(0.1, 0.97, 400), Score(2.2, 0.2, 400), Score(99.0, None, 9)]
)
def test_other_scores_are_not(score):
    assert doubts.doubts(score, SPLIT) == []


def test_pixels_are_doubtful_only_where_the_network_does_not_scale_them():
    pixels = np.random.RandomState(0).randint(0, 256, (8, 4)).astype(np.float32)
    pixels[0, 0] = 255
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    plain, scaled = PF.affine(x, 2, name="a"), PF.affine(F.mul_scalar(x, 1 / 255), 2, name="b")
    assert "--scale 1/255" in doubts.of_inputs([pixels], [x], [plain])[0]
    assert doubts.of_inputs([pixels], [x], [scaled]) == []
    assert doubts.of_inputs([pixels / 255], [x], [plain]) == []


def test_samples_without_two_values_are_refused():
    with pytest.raises(DataError, match="all 8 samples hold nothing but 0"):
        refuse_constant([np.zeros((8, 3))], "calibration samples")
    refuse_constant([np.zeros((8, 3)), np.arange(8)], "an input that never changes beside one")


def test_a_missed_budget_tells_by_how_much():
    nn.clear_parameters()
    y = PF.affine(nn.Variable((1, 64)), 64, with_bias=False, apply_w=Uniform(bits=4), name="fc")
    found = doubts.of_budget(MemoryBudget([y], weights="2 kB"), packed_bytes=2252)
    assert found == {"weights": {"bytes": 2048, "used_bytes": 2252, "missed_by_bytes": 204}}
    (line,) = doubts.missed(found)
    assert "budget for weights of 2.00 kB is missed by 204 B: 2.20 kB" in line
    assert doubts.missed(doubts.of_budget(MemoryBudget([y], weights="3 kB"), 2252)) == []


@pytest.mark.parametrize(
    "values, words",
    [
        (np.arange(160) % 256, "pixels from 0 to 159; if the network was trained on others, add "),
        (np.arange(160) / 159, "from 0 to 1; if the network was trained on pixels from 0 to 255"),
        (np.arange(160) / 80 - 1, "scale, mean and std (--scale, --mean, --std"),
    ],
)
def test_the_likely_cause_fits_what_the_inputs_look_like(values, words):
    nn.clear_parameters()
    x = values.reshape(40, 4).astype(np.float32)
    split = Split.checked(x, np.arange(40) % 2, "example")
    inputs = Inputs(
        DataSet.checked("example", 2, test=split),
        Preprocessing(),
        lambda x, test: PF.affine(x, 2, name="fc") * 0,
        {"x": (4,)},
        LossChoice(),
    )
    (found,) = doubts.scored(inputs, inputs.build, split).doubts
    assert words in found


def test_a_training_without_a_best_epoch_is_said():
    last = {"last_validation": {"accuracy": 0.9}}
    records = [{}, last, {**last, "best_validation": {"accuracy": 0.9}}, {"step": "quantize"}]
    (found,) = doubts.of_trainings(records)
    assert found.startswith("no epoch could be the best")
