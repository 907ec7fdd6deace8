# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Proximal policy optimization."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.search.policies import POLICIES
from nnabla_compress.search.ppo import Episodes, Ppo, advantages


def test_advantages_are_those_written_out():
    rewards, values = np.array([[0.0, 0.0, 1.0]]), np.array([[0.2, 0.4, 0.6]])
    g, s = 0.9, 0.8
    d = [g * 0.4 - 0.2, g * 0.6 - 0.4, 1 - 0.6]
    expected = [d[0] + g * s * (d[1] + g * s * d[2]), d[1] + g * s * d[2], d[2]]
    assert advantages(rewards, values, g, s)[0] == pytest.approx(expected)


def played(ppo, policy, masks, wanted):
    """Two steps of 32 episodes, whose reward is the share of wanted actions."""
    count, memory, kept = 32, policy.memory(32), []
    for step in range(2):
        states = np.full((count, 1), step, np.float32)
        actions, logs, values, memory = ppo.act(states, masks, memory)
        kept.append((states, masks, actions, logs, values))
    stacked = [np.stack(each, axis=1) for each in zip(*kept)]
    rewards = np.zeros((count, 2))
    rewards[:, 1] = (stacked[2] == wanted).mean(axis=1)
    return Episodes(*stacked, rewards)


@pytest.mark.parametrize("name", list(POLICIES))
def test_it_learns_what_is_rewarded_at_the_end_and_takes_nothing_forbidden(name):
    policy = POLICIES[name](1, 4, seed=0, units=16)
    ppo = Ppo(policy, seed=0, learning_rate=0.02)
    masks = np.tile(np.array([1, 1, 1, 0]), (32, 1))
    for _ in range(40):
        episodes = played(ppo, policy, masks, (2, 0))
        assert episodes.actions.max() < 3
        ppo.learn(episodes)
    assert episodes.rewards.sum() / 32 > 0.85  # drawn at random: a third


def test_episodes_that_are_worth_the_same_say_nothing_of_their_actions():
    policy = POLICIES["mlp"](1, 3, seed=0, units=8)
    before = played(Ppo(policy, seed=1), policy, np.ones((32, 3)), (1, 1))
    ppo = Ppo(policy, seed=0, entropy=0.0)
    episodes = played(ppo, policy, np.ones((32, 3)), (1, 1))
    ppo.learn(replace(episodes, rewards=np.array([[0.0, -1.0]] * 32)))
    after = played(Ppo(policy, seed=1), policy, np.ones((32, 3)), (1, 1))
    assert np.array_equal(before.log_probabilities, after.log_probabilities)
    assert not np.array_equal(before.values, after.values)  # these have learned


def test_the_same_seeds_do_the_same():
    found = []
    for _ in range(2):
        policy = POLICIES["lstm"](1, 3, seed=0, units=8)
        ppo = Ppo(policy, seed=0)
        for _ in range(3):
            episodes = played(ppo, policy, np.ones((32, 3)), (1, 1))
            ppo.learn(episodes)
        found.append(episodes.log_probabilities)
    assert np.array_equal(*found)
