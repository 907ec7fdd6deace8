# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""ReLeQ on the authors' tables."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.search.random_bits import Random
from nnabla_compress.search.releq import Releq, _Agent
from nnabla_compress.search.reward import Reward
from nnabla_compress.search.space import Space
from nnabla_compress.search.walk import Outcome
from tests.search.oracles import searched


@pytest.mark.long
def test_it_finds_more_than_greedy_in_two_fifths_of_the_evaluations():
    found = searched("lenet", Releq(), most=250)
    assert found.best.reward >= 0.55 and len(found.outcomes) <= 250


def test_the_same_seed_finds_the_same_and_another_one_tries_others():
    sampler = Releq(updates=2)
    first, second, other = (searched("lenet", sampler, seed) for seed in (0, 0, 1))
    assert first == second and list(first.outcomes) != list(other.outcomes)


@pytest.mark.parametrize(
    "options", [{"policy": "mlp"}, {"asynchronous": True}, {"accuracy_every": 2}]
)
def test_it_goes_other_ways_too(options):
    found = searched("lenet", Releq(updates=4, **options))
    assert found.best.reward > 0


def test_steps_reach_all_bits_and_no_others():
    space = Space(("a", "b"), ((2, 4, 8), (8,)))
    sampler = Releq(actions="step", updates=6, groups=1, episodes=32)
    (walk,) = sampler.walks(space, 0)
    batch, tried = next(walk), set()
    while True:
        tried.update(batch)
        try:
            batch = walk.send([Outcome(bits, 1.0, 0.0) for bits in batch])
        except StopIteration:
            break
    assert tried == {(2, 8), (4, 8), (8, 8)}


def played_once(space, **options):
    """Bits of four episodes of which all come to a half, and what the policy learns from."""
    agent, seen = _Agent(Releq(episodes=4, groups=1, updates=1, **options), space, 0), []
    learn = agent._ppo.learn
    agent._ppo.learn = lambda played: seen.append(played) or learn(played)
    walk = agent.walk()
    bits = next(walk)
    walk.send([Outcome(each, 0.9, 0.5) for each in bits])
    return bits, seen[0]


def test_each_episode_begins_with_the_most_bits_and_states_are_what_was_seen():
    """Observations are copies: what happens later in the episode does not change them."""
    space = Space.of("ab", [2, 8])
    bits, played = played_once(space, shaping=False)
    assert np.allclose(played.states[:, 0], [0, 1, 1])  # where, own bits, share of bits
    chosen = np.array(bits)[:, 0] / 8
    assert np.allclose(played.states[:, 1], np.stack([[0.5] * 4, [1] * 4, (chosen + 1) / 2], 1))
    assert played.rewards.tolist() == [[0, 0.5]] * 4


@pytest.mark.parametrize("options", [{}, {"actions": "step"}])
def test_a_choice_is_rewarded_by_what_it_gains_and_the_end_by_what_is_left(options):
    space, reward = Space.of("ab", [2, 4, 8]), Reward()
    bits, played = played_once(space, **options)
    whole = reward.of(space, (8, 8), 1.0)
    assert np.allclose(played.rewards.sum(axis=1), 0.5 - whole)
    for step in range(played.rewards.shape[1] - 1):
        before, after = played.states[:, step, 2], played.states[:, step + 1, 2]
        gained = 2 * ((before - 0.25) ** 0.8 - (after - 0.25) ** 0.8)
        assert np.allclose(played.rewards[:, step], gained, atol=1e-6)


@pytest.mark.long
def test_it_finds_more_than_random_draws_in_twenty_layers():
    """Of the table of ResNet-20, with what is modelled on it; both evaluate as many."""
    drawn = searched("resnet20", Random(evaluations=200), missing="modelled")
    found = searched("resnet20", Releq(), most=200, missing="modelled")
    assert len(drawn.outcomes) == len(found.outcomes) == 200
    assert found.best.reward > drawn.best.reward + 0.1
