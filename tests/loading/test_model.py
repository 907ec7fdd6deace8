# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which loss a network is trained by: given, its own, that of its activation, a classifier's."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.loading.model import LossChoice
from nnabla_compress.models.heads import Head
from nnabla_compress.recipes import LossPart

SIGMOID, SOFTMAX = "SigmoidCrossEntropy", "SoftmaxCrossEntropy"


@pytest.mark.parametrize(
    "head, name, on_logits",
    [
        (Head("Sigmoid", loss="BinaryCrossEntropy"), SIGMOID, True),
        (Head("Softmax", loss="CategoricalCrossEntropy"), SOFTMAX, True),
        (Head(None, loss="BinaryCrossEntropy"), "BinaryCrossEntropy", False),
        (Head("Sigmoid", loss="SquaredError"), "SquaredError", False),
        (Head("Softmax", loss=SOFTMAX, before_activation=True), SOFTMAX, True),
        # Softmax twice is odd, but it is what the file was trained with.
        (Head("Softmax", loss=SOFTMAX), SOFTMAX, False),
        (Head("Softmax"), SOFTMAX, True),
        (Head("LogSoftmax"), SOFTMAX, True),
        (Head("Sigmoid"), SIGMOID, True),
        (Head(), None, True),
    ],
)
def test_the_networks_own_loss_is_chosen(head, name, on_logits):
    choice = LossChoice.of(head)
    assert (choice.name, choice.on_logits) == (name, on_logits)


@pytest.mark.parametrize(
    "given, activation, name, on_logits",
    [
        ("SquaredError", "Sigmoid", "SquaredError", False),
        ("BinaryCrossEntropy", "Sigmoid", SIGMOID, True),
        (SIGMOID, "Sigmoid", SIGMOID, True),
        (SOFTMAX, "Softmax", SOFTMAX, True),
        (SOFTMAX, "LogSoftmax", SOFTMAX, True),
        (SOFTMAX, "Sigmoid", SOFTMAX, False),
        ("CategoricalCrossEntropy", None, "CategoricalCrossEntropy", False),
    ],
)
def test_a_loss_that_is_given_overrules_the_networks_own(given, activation, name, on_logits):
    choice = LossChoice.of(Head(activation, loss="AbsoluteError"), LossPart(name=given))
    assert (choice.name, choice.on_logits) == (name, on_logits)


def test_the_arguments_of_the_loss_are_kept():
    head = Head(loss="HuberLoss", arguments={"delta": 0.25})
    assert LossChoice.of(head)((4, 3)).delta == 0.25
    assert LossChoice.of(head, LossPart(name="huber_loss", delta=2))((4, 3)).delta == 2
    assert LossChoice.of(Head("Softmax", axis=3))((4, 5, 5, 3)).axis == 3


def test_without_a_loss_a_network_is_a_classifier_or_held_to_the_float_one():
    choice = LossChoice.of(Head())
    assert choice((4, 10)).name == SOFTMAX
    assert choice((4, 3, 8, 8), labelled=False).name == "SquaredError"
    # One number without a Sigmoid behind it is more likely a value than the odds of a class.
    assert choice((4, 1), labelled=False).name == "SquaredError"
    assert LossChoice.of(Head("Sigmoid"))((4, 1), labelled=False).name == SIGMOID
    with pytest.raises(DataError, match="one row of logits"):
        choice((4, 3, 8, 8))
