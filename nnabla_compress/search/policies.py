# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Policies over bit widths: what is known of a layer in, a choice and a value out."""

from __future__ import annotations

from typing import Dict, List, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.initializer import NormalInitializer

Memory = List[nn.Variable]


class Policy:
    """A policy and its estimate of the reward; a subclass is one network.

    Args:
        features: How many numbers a state has.
        actions: How many actions there are.
        seed: Of its first weights.
        units: Units of each hidden layer.
    """

    def __init__(self, features: int, actions: int, seed: int, units: int = 128) -> None:
        self._features, self.actions, self._units = features, actions, units
        self._random = np.random.RandomState(seed)
        self.scope: Dict[str, object] = {}

    def memory(self, count: int) -> List[np.ndarray]:
        """Returns what it remembers at first of so many episodes."""
        return []

    def step(self, x: nn.Variable, memory: Memory) -> Tuple[nn.Variable, nn.Variable, Memory]:
        """Returns logits (N, actions), values (N, 1), and what it remembers then.

        Args:
            x: States (N, features).
            memory: What it remembers of the steps before.
        """
        raise NotImplementedError

    def _affine(self, x: nn.Variable, units: int, name: str, scale: float = 1.0) -> nn.Variable:
        # 1 / sqrt(inputs) keeps the size of what goes in; a small last layer begins undecided.
        spread = scale / np.sqrt(x.shape[1])
        return PF.affine(x, units, w_init=NormalInitializer(spread, self._random), name=name)

    def _ends(self, x: nn.Variable, of_value: nn.Variable) -> Tuple[nn.Variable, nn.Variable]:
        return self._affine(x, self.actions, "logits", 0.01), self._affine(of_value, 1, "value")


class Mlp(Policy):
    """Two hidden layers for the policy and two for the value, which see the state only."""

    def step(self, x: nn.Variable, memory: Memory) -> Tuple[nn.Variable, nn.Variable, Memory]:
        """Returns logits, values, and no memory."""
        ends = []
        for name in ("policy", "value"):
            h = F.tanh(self._affine(x, self._units, f"{name}1"))
            ends.append(F.tanh(self._affine(h, self._units, f"{name}2")))
        return (*self._ends(*ends), [])


class Lstm(Policy):
    """An LSTM that both share, which remembers the layers before, then a hidden layer for each."""

    def memory(self, count: int) -> List[np.ndarray]:
        """Returns a hidden state and a cell of zeros."""
        return [np.zeros((count, self._units), np.float32) for _ in range(2)]

    def step(self, x: nn.Variable, memory: Memory) -> Tuple[nn.Variable, nn.Variable, Memory]:
        """Returns logits, values, and the hidden state and cell."""
        hidden, cell = memory
        gates = self._affine(F.concatenate(x, hidden, axis=1), 4 * self._units, "gates")
        i, f, o, g = F.split(F.reshape(gates, (x.shape[0], 4, self._units)), axis=1)
        cell = F.sigmoid(f + 1.0) * cell + F.sigmoid(i) * F.tanh(g)
        hidden = F.sigmoid(o) * F.tanh(cell)
        ends = [F.tanh(self._affine(hidden, self._units, n)) for n in ("policy1", "value1")]
        return (*self._ends(*ends), [hidden, cell])


POLICIES = {"lstm": Lstm, "mlp": Mlp}
"""The policies by the names that recipes use."""
