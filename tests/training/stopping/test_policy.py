# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.training.stopping.policy import (
    STOP,
    Ascent,
    Memory,
    as_lists,
    decide,
    from_lists,
    gradient,
    new_weights,
    remembered,
)

LOSSES = [2.0, 1.4, 0.9, 0.7]
ACTIONS = [0, 0, 1, 1]


def played(weights, part=1):
    memory, steps = Memory.new(), []
    for loss, action in zip(LOSSES, ACTIONS):
        step = replace(decide(weights, part, loss, memory), action=action)
        memory = remembered(memory, step, loss)
        steps.append(step)
    return steps


def log_probability(weights):
    return sum(np.log(s.chances[s.action]) for part in (0, 1) for s in played(weights, part))


def test_the_cells_get_loss_layer_and_the_embedding_of_the_last_action():
    weights = new_weights(2, 3, np.random.RandomState(0))
    steps = played(weights)
    assert weights["embedding"].shape == (9, 5)
    np.testing.assert_allclose(steps[0].x[:3], 0.1 * np.array([1, 0, 1]))
    np.testing.assert_allclose(steps[2].x[0], 0.1 * (0.9 - 2.0 + 1))
    np.testing.assert_allclose(steps[1].x[3:], 0.1 * weights["embedding"][3 + 0])
    assert [step.head for step in steps] == [0, 1, 2, 2], "the last head goes on"


@pytest.mark.parametrize("name", sorted(new_weights(2, 3, np.random.RandomState(0))))
def test_the_gradient_is_that_of_the_log_probability_of_what_was_done(name):
    weights = new_weights(2, 3, np.random.RandomState(0))
    found = gradient(weights, [played(weights, 0), played(weights, 1)])[name]
    for place in [tuple(p) for p in np.argwhere(found != 0)[::7]]:
        up, down = (from_lists(as_lists(weights)) for _ in range(2))
        up[name][place] += 1e-6
        down[name][place] -= 1e-6
        numeric = (log_probability(up) - log_probability(down)) / 2e-6
        assert found[place] == pytest.approx(numeric, rel=1e-4, abs=1e-7)


def test_going_up_makes_what_was_done_more_probable_and_down_less():
    for factor in (1.0, -1.0):
        weights = new_weights(1, 3, np.random.RandomState(0))
        before = decide(weights, 0, 1.0, Memory.new()).chances[STOP]
        step = replace(decide(weights, 0, 1.0, Memory.new()), action=STOP)
        Ascent(weights, 0.01).step(gradient(weights, [[step]]), factor)
        assert (decide(weights, 0, 1.0, Memory.new()).chances[STOP] - before) * factor > 0


def test_weights_keep_every_bit_as_lists():
    weights = new_weights(2, 3, np.random.RandomState(0))
    again = from_lists(as_lists(weights))
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
