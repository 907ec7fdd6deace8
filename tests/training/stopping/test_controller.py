# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.stopping import stopping_of

RULE = {"controller": {"every": 2, "least": 4, "rounds": 40, "preset_rounds": 10, "rate": 0.05}}


def curve(epoch, falls):
    """A loss that falls to 0.2, or one that is there at once."""
    return 0.2 + 2 * 0.5**epoch if falls else 0.2


def practised(cost=1e-4, falls=True, **changes):
    options = stopping_of({"controller": {**RULE["controller"], "cost": cost, **changes}})
    epochs = []

    def play(number, rule_for):
        total = 0
        for part in (1, 2):
            rule = rule_for(part)
            for epoch in range(1, 13):
                total += 1
                if rule.after(epoch, curve(epoch, falls)) is not None:
                    break
        epochs.append(total)

    return options, options.practise(play, 2, 12, seed=1), epochs


def test_practice_is_the_same_for_the_same_seed_and_can_be_written_as_json():
    (_, one, epochs), (_, other, again) = practised(), practised()
    assert json.dumps(one) == json.dumps(other) and epochs == again
    assert len(one["worth_of_rounds"]) == 40


def test_preset_rounds_stop_at_random_and_every_fifth_at_the_same_place_in_all_layers():
    _, _, epochs = practised()
    assert epochs[4] == 2 * 2 and epochs[9] == 2 * 4
    assert len(set(epochs[:10])) > 3 and all(4 <= total <= 24 for total in epochs)


def test_a_policy_learns_to_stop_early_where_epochs_cost_much_and_gain_nothing():
    _, _, epochs = practised(cost=1.0, falls=False, rounds=150)
    assert np.mean(epochs[-20:]) < 0.6 * np.mean(epochs[:10])


def test_it_stops_at_the_first_decision_after_the_least_epochs_and_says_why():
    options, learned, _ = practised()
    rule = options.start(1, {**learned, "threshold": 0.0})
    said = [rule.after(epoch, curve(epoch, True)) for epoch in range(1, 9)]
    assert said[:5] == [None] * 5 and said[6] is None
    assert said[5].startswith("the policy stops with probability 0.")
    assert [epoch for epoch, _ in rule.outcome()["decisions"]] == [2, 4, 6, 8]
    never = options.start(1, {**learned, "threshold": 1.1})
    assert [never.after(epoch, 0.1) for epoch in range(1, 30)] == [None] * 29


def test_it_goes_on_from_what_a_checkpoint_keeps():
    options, learned, _ = practised()
    whole, first, second = (options.start(2, learned) for _ in range(3))
    for epoch in range(1, 9):
        whole.after(epoch, curve(epoch, True))
    for epoch in range(1, 4):
        first.after(epoch, curve(epoch, True))
    second.restore(json.loads(json.dumps(first.state())))
    for epoch in range(4, 9):
        second.after(epoch, curve(epoch, True))
    assert second.outcome() == whole.outcome()


@pytest.mark.parametrize("parts, epochs", [(7, 80), (2, 9)])
def test_too_many_layers_and_too_few_epochs_are_refused(parts, epochs):
    options = stopping_of("controller")
    with pytest.raises(ConfigError, match="a decision every 10"):
        options.practise(lambda number, rule: None, parts, epochs, 0)


def test_without_practice_it_is_refused():
    with pytest.raises(ConfigError, match="has not practised"):
        stopping_of("controller").start()
