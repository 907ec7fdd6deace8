# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that learns how many bits each layer needs: ReLeQ."""

from __future__ import annotations

from typing import Generator, List, Literal, Sequence, Tuple

import numpy as np
from pydantic import Field

from nnabla_compress.search.bit_sampler import BitSampler
from nnabla_compress.search.policies import POLICIES
from nnabla_compress.search.ppo import Episodes, Ppo
from nnabla_compress.search.sampler import register_sampler
from nnabla_compress.search.space import Bits, Space
from nnabla_compress.search.walk import Outcome, Walk


@register_sampler("releq")
class Releq(BitSampler):
    """ReLeQ: reinforcement learning of the bits (Elthakeb et al., IEEE Micro 2020).

    An episode begins with the most bits everywhere and goes through the layers in forward order.
    Of each layer the policy sees where it is, its bits, the share of bits and the accuracy as they
    are now, and what is known of the layer; it chooses its bits. What they come to is known at the
    end. Many episodes go on together, and one question to the policy answers all of them.

    Args:
        policy: ``lstm`` remembers the layers before, ``mlp`` sees the state only.
        actions: ``any`` chooses one of the bits; ``step`` the next lower or higher, or none, in as
            many rounds through the layers as reach all bits.
        episodes: Episodes that an update learns from.
        updates: Updates.
        groups: Groups of episodes in alternation: one is evaluated while the policy decides for
            the next.
        asynchronous: Whether a group goes on as soon as it can; else they take turns, and the same
            seed finds the same.
        accuracy_every: After how many layers the accuracy is evaluated within an episode; 0: at
            its end only, and the state has no accuracy.
        shaping: Whether a choice is rewarded at once by what the reward would gain by it if the
            accuracy stayed that of the float network, and the end by what is left. The sum of an
            episode is the same but for a constant, so the best policy is (A. Ng, D. Harada, S.
            Russell, 1999), and each layer's own part in it is known sooner.
        learning_rate: Of the policy.
        epochs: Passes over the episodes of an update.
        clip: By how much the probability of an action may change in an update and still count.
        entropy: Weight of the entropy, which keeps it trying.
    """

    policy: Literal["lstm", "mlp"] = "lstm"
    actions: Literal["any", "step"] = "any"
    episodes: int = Field(default=16, ge=2)
    updates: int = Field(default=100, ge=1)
    groups: int = Field(default=2, ge=1)
    asynchronous: bool = False
    accuracy_every: int = Field(default=0, ge=0)
    shaping: bool = True
    learning_rate: float = Field(default=3e-3, gt=0)
    epochs: int = Field(default=4, ge=1)
    clip: float = Field(default=0.2, gt=0)
    entropy: float = Field(default=0.01, ge=0)

    @property
    def in_turn(self) -> bool:
        """Whether the groups take turns."""
        return not self.asynchronous

    def walks(self, space: Space, seed: int) -> Sequence[Walk]:
        """Returns one walk for each group of episodes; all learn the same policy."""
        agent = _Agent(self, space, seed)
        return [agent.walk() for _ in range(self.groups)]


class _Agent:
    """The policy, and the episodes that it plays."""

    def __init__(self, options: Releq, space: Space, seed: int) -> None:
        self._options, self._space = options, space
        self._widths = np.array(sorted({w for own in space.choices for w in own}))
        self._own = [np.isin(self._widths, own) for own in space.choices]
        self._features = space.scaled_features()
        self._steps = options.actions == "step"
        actions = 3 if self._steps else len(self._widths)
        size = 3 + bool(options.accuracy_every) + self._features.shape[1]
        self._policy = POLICIES[options.policy](size, actions, seed)
        self._ppo = Ppo(
            self._policy,
            seed + 1,
            options.learning_rate,
            options.clip,
            options.epochs,
            options.entropy,
        )
        self._left = options.updates

    def walk(self) -> Walk:
        """Plays and learns, and in the end plays the likeliest actions once."""
        while self._left > 0:
            self._left -= 1
            played = yield from self._play(self._options.episodes, False)
            self._ppo.learn(played)
        yield from self._play(1, True)

    def _play(self, count: int, greedy: bool) -> Generator[List[Bits], List[Outcome], Episodes]:
        space, every = self._space, self._options.accuracy_every
        bits = np.tile(np.array(space.most), (count, 1))
        memory = self._policy.memory(count)
        rounds = max(map(len, space.choices)) - 1 if self._steps else 1
        accuracy = np.ones(count)
        kept: List[Tuple[np.ndarray, ...]] = []
        hoped = [self._hoped(bits)]
        for step in range(max(1, rounds) * len(space.layers)):
            layer = step % len(space.layers)
            states = self._states(bits, layer, accuracy)
            masks = self._masks(bits, layer)
            actions, logs, values, memory = self._ppo.act(states, masks, memory, greedy)
            kept.append((states, masks, actions, logs, values))
            bits = bits.copy()
            bits[:, layer] = self._taken(bits[:, layer], layer, actions)
            hoped.append(self._hoped(bits))
            if every and (step + 1) % every == 0:
                outcomes = yield _listed(bits)
                accuracy = np.array([each.relative for each in outcomes])
        outcomes = yield _listed(bits)
        states, masks, actions, logs, values = (np.stack(each, axis=1) for each in zip(*kept))
        rewards = np.diff(np.stack(hoped, axis=1), axis=1)
        rewards[:, -1] += [each.reward for each in outcomes] - hoped[-1]
        return Episodes(states, masks, actions, logs, values, rewards)

    def _hoped(self, bits: np.ndarray) -> np.ndarray:
        """The rewards if nothing were lost with these bits; 0 where choices are not rewarded."""
        if not self._options.shaping:
            return np.zeros(len(bits))
        return np.array([self._options.reward.of(self._space, each, 1.0) for each in _listed(bits)])

    def _states(self, bits: np.ndarray, layer: int, accuracy: np.ndarray) -> np.ndarray:
        """What the policy sees, as it was before it acts."""
        space, most = self._space, max(self._space.most)
        count = len(bits)
        state = self._options.reward.quantization_state
        columns = [
            np.full(count, layer / len(space.layers)),
            bits[:, layer] / most,
            np.array([state(space, each) for each in _listed(bits)]),
        ]
        if self._options.accuracy_every:
            columns.append(accuracy)
        columns += [np.full(count, value) for value in self._features[layer]]
        return np.stack(columns, axis=1).astype(np.float32)

    def _masks(self, bits: np.ndarray, layer: int) -> np.ndarray:
        own = self._own[layer]
        if not self._steps:
            return np.tile(own, (len(bits), 1))
        at = np.searchsorted(self._widths[own], bits[:, layer])
        return np.stack([at > 0, at >= 0, at < own.sum() - 1], axis=1)

    def _taken(self, bits: np.ndarray, layer: int, actions: np.ndarray) -> np.ndarray:
        if not self._steps:
            taken: np.ndarray = self._widths[actions]
            return taken
        own = self._widths[self._own[layer]]
        stepped: np.ndarray = own[np.searchsorted(own, bits) + actions - 1]
        return stepped


def _listed(bits: np.ndarray) -> List[Bits]:
    return [tuple(map(int, each)) for each in bits]
