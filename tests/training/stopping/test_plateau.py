# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.stopping import Plateau, stopping_of


def stops_after(rule: Plateau, losses: list) -> int:
    """The epoch after which the rule first says stop, 0 if it never does."""
    said = (epoch for epoch, loss in enumerate(losses, 1) if rule.after(epoch, loss) is not None)
    return next(said, 0)


def test_it_stops_when_the_loss_of_ten_epochs_fell_by_less_than_a_percent():
    falling = [1 - 0.01 * n for n in range(30)]
    assert stops_after(Plateau(), falling) == 0
    assert stops_after(Plateau(), [1 - 0.0009 * n for n in range(30)]) == 11
    assert stops_after(Plateau(), [*falling, *[0.7] * 30]) == 41


def test_it_trains_the_least_number_of_epochs():
    assert stops_after(Plateau(epochs=2, least=9), [1.0] * 20) == 9


def test_a_loss_that_rises_stops_it_even_where_no_fall_is_asked_for():
    rule = Plateau(epochs=2, fall=0.0)
    assert stops_after(rule, [1.0, 0.9, 0.8, 0.9]) == 4
    assert rule.after(5, 0.9) == "the loss did not fall in 2 epochs (0.8 to 0.9)"


def test_losses_of_zero_and_below_are_taken():
    assert stops_after(Plateau(epochs=1), [0.0, 0.0]) == 2
    assert stops_after(Plateau(epochs=1), [-1.0, -2.0, -2.001]) == 3


def test_it_goes_on_from_what_a_checkpoint_keeps():
    losses = [1.0, 0.9, 0.85, 0.849, 0.8489, 0.8488]
    whole = Plateau(epochs=2)
    expected = [whole.after(epoch, loss) for epoch, loss in enumerate(losses, 1)]
    first, second = Plateau(epochs=2), Plateau(epochs=2)
    found = [first.after(epoch, loss) for epoch, loss in enumerate(losses[:4], 1)]
    second.restore(json.loads(json.dumps(first.state())))
    found += [second.after(epoch, loss) for epoch, loss in enumerate(losses[4:], 5)]
    assert found == expected and found[-1] is not None


@pytest.mark.parametrize(
    "entry", [{"plateau": {"epochs": 0}}, {"plateau": {"fall": 1}}, {"plato": {}}, 3]
)
def test_wrong_options_are_refused(entry):
    with pytest.raises(ConfigError, match="stop"):
        stopping_of(entry)
