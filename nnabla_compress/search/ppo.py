# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Proximal policy optimization of a policy over discrete, masked actions in short episodes.

nnabla-rl has a PPO, too. It installs beside NNabla 1.39, but its PPO takes no recurrent policies
and masks no actions, and its actors play one environment each in processes of their own; here one
policy decides for all episodes at once while workers evaluate. It also brings gym and OpenCV along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

from nnabla_compress.search.policies import Policy

_FORBIDDEN = -1e9


@dataclass(frozen=True)
class Episodes:
    """Episodes of the same length, as they were played.

    Args:
        states: (N, T, features).
        masks: (N, T, actions), 1 where an action was allowed.
        actions: (N, T).
        log_probabilities: (N, T), of the actions when they were taken.
        values: (N, T), as they were estimated then.
        rewards: (N, T).
    """

    states: np.ndarray
    masks: np.ndarray
    actions: np.ndarray
    log_probabilities: np.ndarray
    values: np.ndarray
    rewards: np.ndarray


def advantages(rewards: np.ndarray, values: np.ndarray, discount: float, smoothing: float) -> Any:
    """Returns generalized advantage estimates (Schulman et al., 2016) of whole episodes.

    They are ``A_t = d_t + discount smoothing A_{t+1}`` with
    ``d_t = r_t + discount v_{t+1} - v_t``.

    Args:
        rewards: (N, T).
        values: (N, T).
        discount: Of later rewards.
        smoothing: 1: the whole rest of the episode, 0: one step.

    Example:
        >>> advantages(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]), 1.0, 1.0).tolist()
        [[0.5, 0.5]]
    """
    found = np.zeros_like(rewards)
    ahead = np.zeros(len(rewards))
    for t in reversed(range(rewards.shape[1])):
        later = values[:, t + 1] if t + 1 < rewards.shape[1] else 0.0
        ahead = rewards[:, t] + discount * later - values[:, t] + discount * smoothing * ahead
        found[:, t] = ahead
    return found


class Ppo:
    """A policy that learns from the episodes that it played (Schulman et al., 2017).

    Args:
        policy: The policy, with its weights.
        seed: Of the actions drawn.
        learning_rate: Of Adam.
        clip: By how much the probability of an action may change in one update and still count.
        epochs: Passes over the episodes in one update.
        entropy: Weight of the entropy, which keeps it trying.
        value: Weight of the squared error of the values.
        discount: Of later rewards.
        smoothing: Of the advantages.
    """

    def __init__(
        self,
        policy: Policy,
        seed: int,
        learning_rate: float = 1e-3,
        clip: float = 0.2,
        epochs: int = 4,
        entropy: float = 0.01,
        value: float = 0.5,
        discount: float = 1.0,
        smoothing: float = 0.95,
    ) -> None:
        self._policy, self._random = policy, np.random.RandomState(seed)
        self._clip, self._epochs, self._entropy, self._value = clip, epochs, entropy, value
        self._discount, self._smoothing = discount, smoothing
        self._solver = S.Adam(learning_rate, eps=1e-5)
        self._acting: Dict[int, Tuple[Any, ...]] = {}
        self._learning: Dict[Tuple[int, ...], Tuple[Any, ...]] = {}

    def act(
        self, states: np.ndarray, masks: np.ndarray, memory: List[np.ndarray], greedy: bool = False
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, List[np.ndarray]]:
        """Decides for many episodes at once.

        Args:
            states: (N, features).
            masks: (N, actions), 1 where an action is allowed.
            memory: What the policy remembers of each.
            greedy: Whether to take the likeliest action, or to draw.

        Returns:
            Actions (N), their log probabilities, the values, and what it remembers then.
        """
        count = len(states)
        if count not in self._acting:
            with nn.auto_forward(False), nn.parameter_scope("", self._policy.scope):
                x = nn.Variable(states.shape)
                before = [nn.Variable(each.shape) for each in memory]
                logits, value, after = self._policy.step(x, before)
            self._acting[count] = x, before, [logits, value, *after]
        x, before, ends = self._acting[count]
        x.d = states
        for variable, values in zip(before, memory):
            variable.d = values
        nn.forward_all(ends)
        logits, value, after = ends[0].d, ends[1].d, ends[2:]
        logs = _log_softmax(np.where(masks > 0, logits.astype(np.float64), _FORBIDDEN))
        if greedy:
            actions = logs.argmax(axis=1)
        else:
            limits = np.cumsum(np.exp(logs), axis=1)
            drawn = self._random.uniform(size=(count, 1)) * limits[:, -1:]
            actions = (drawn >= limits).sum(axis=1)
        taken = logs[np.arange(count), actions]
        return actions, taken, value[:, 0].astype(np.float64), [each.d.copy() for each in after]

    def learn(self, played: Episodes) -> None:
        """Makes actions that came to more than expected likelier, and the others less likely.

        Args:
            played: Episodes.
        """
        gained = advantages(played.rewards, played.values, self._discount, self._smoothing)
        wanted = gained + played.values
        if np.ptp(played.rewards.sum(axis=1)) > 0:
            gained = (gained - gained.mean()) / (gained.std() + 1e-8)
        else:  # what differs is the error of the values alone, which scaled up would be followed
            gained = np.zeros_like(gained)
        inputs, loss = self._loss(played)
        chosen = np.eye(self._policy.actions)[played.actions]
        forbidden = np.where(played.masks > 0, 0.0, _FORBIDDEN)
        given = (played.states, forbidden, chosen, played.log_probabilities, gained, wanted)
        for variable, values in zip(inputs, given):
            variable.d = values
        for _ in range(self._epochs):
            loss.forward(clear_no_need_grad=True)
            self._solver.zero_grad()
            loss.backward(clear_buffer=True)
            self._solver.clip_grad_by_norm(0.5)
            self._solver.update()

    def _loss(self, played: Episodes) -> Tuple[List[nn.Variable], nn.Variable]:
        shape = played.states.shape
        if shape not in self._learning:
            with nn.auto_forward(False), nn.parameter_scope("", self._policy.scope):
                self._learning[shape] = self._built_loss(played)
                self._solver.set_parameters(nn.get_parameters(), reset=False, retain_state=True)
        inputs, loss = self._learning[shape]
        return inputs, loss

    def _built_loss(self, played: Episodes) -> Tuple[List[nn.Variable], nn.Variable]:
        count, length, _ = played.states.shape
        states, forbidden = nn.Variable(played.states.shape), nn.Variable(played.masks.shape)
        chosen = nn.Variable(played.masks.shape)
        old, gained, wanted = (nn.Variable((count, length)) for _ in range(3))
        memory = [nn.Variable.from_numpy_array(each) for each in self._policy.memory(count)]
        logits, values = [], []
        for t in range(length):
            x = F.reshape(states[:, t : t + 1], (count, states.shape[2]))
            of_step, value, memory = self._policy.step(x, memory)
            logits.append(F.reshape(of_step, (count, 1, self._policy.actions)))
            values.append(value)
        every = F.concatenate(*logits, axis=1) if length > 1 else logits[0]
        value = F.concatenate(*values, axis=1) if length > 1 else values[0]
        logs = F.log_softmax(every + forbidden, axis=2)
        ratio = F.exp(F.sum(logs * chosen, axis=2) - old)
        clipped = F.clip_by_value(ratio, 1 - self._clip, 1 + self._clip)
        gain = F.mean(F.minimum2(ratio * gained, clipped * gained))
        entropy = -F.mean(F.sum(F.exp(logs) * logs, axis=2))
        error = F.mean(F.squared_error(value, wanted))
        loss = -gain + self._value * error - self._entropy * entropy
        return [states, forbidden, chosen, old, gained, wanted], loss


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
