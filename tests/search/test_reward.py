# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The reward of ReLeQ."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.search.reward import Reward
from nnabla_compress.search.space import Space
from tests.search.oracles import published

LENET = Space.of("abcd", [2, 3, 4, 5, 8], parameters=(10, 20, 30, 40), macs=(400, 300, 200, 100))


@pytest.mark.parametrize(
    ("bits", "accuracy", "expected"),
    [((2, 2, 3, 3), 98.65, 0.565041), ((8, 8, 8, 8), 99.53, -0.685475), ((2,) * 4, 11.43, -1)],
)
def test_it_is_that_of_the_authors(bits, accuracy, expected):
    reward = Reward(a=0.6, b=3.0, threshold=0.8)
    assert reward.of(LENET, bits, accuracy / 99.8) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "bits", "expected"),
    [
        ("lenet", (2, 2, 3, 3), 0.5650),
        ("cifar", (3, 4, 5, 4, 3), 0.2131),
        ("svhn", (3, 4, 4, 4, 4, 4, 4, 3), 0.3217),
        ("vgg11", (4, 5, 5, 5, 5, 5, 5), -0.1634),
        ("resnet20", (5, 7, 3, 2, 5, 2, 3, 2, 2, 2, 3, 5, 2, 4, 6, 3, 5, 2, 4, 2), 0.4040),
    ],
)
def test_the_best_of_each_table_is_the_known_one(name, bits, expected):
    table, reward = published(name)
    rewards = {each: reward.of(table.space, each, table(each)) for each in table.accuracies}
    best = max(rewards, key=rewards.get)
    assert best == bits and rewards[best] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ("bits", 17 / 32),
        ("memory", (20 + 40 + 150 + 320) / 800),
        ("hardware", (500 * 2 + 500 * 2 + 500 * 5 + 500 * 8) / (8 * 2000)),
    ],
)
def test_bits_count_as_much_as_they_cost(cost, expected):
    found = Reward(cost=cost, memory_energy=10).quantization_state(LENET, (2, 2, 5, 8))
    assert found == pytest.approx(expected)


def test_the_linear_one_is_that_of_the_script_for_all_layers():
    linear = Reward(shape="linear")
    assert linear.of(LENET, (4, 4, 4, 4), 0.5) == pytest.approx(2 * (4 * (0.25 - 0.5) + 3))
    assert linear.of(LENET, (8, 8, 8, 8), 0.1) == 0


def test_costs_of_layers_without_sizes_are_refused():
    with pytest.raises(ConfigError, match="needs the sizes"):
        Reward(cost="memory").of(Space.of("ab", [2, 4]), (2, 2), 1.0)
