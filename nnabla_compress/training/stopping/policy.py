# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small recurrent policy that says stop or go on, and its training by policy gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

CELLS = 8
"""Inputs and cells of the recurrent layer."""
GO_ON, STOP = 0, 1
Weights = Dict[str, np.ndarray]
_NO_ACTION = 2  # in front of the first decision


@dataclass
class Memory:
    """What the policy remembers between two decisions of one training.

    Args:
        h: Output of the cells.
        c: State of the cells.
        decisions: How many decisions were made.
        action: The last of them.
        first: The loss at the first of them; NaN in front of it.
    """

    h: np.ndarray
    c: np.ndarray
    decisions: int = 0
    action: int = _NO_ACTION
    first: float = float("nan")

    @classmethod
    def new(cls) -> Memory:
        """Returns an empty one."""
        return cls(np.zeros(CELLS), np.zeros(CELLS))


@dataclass(frozen=True)
class Step:
    """One decision, with what its gradient needs.

    Args:
        place: Which row of the embedding was read.
        head: Which head decided.
        x: Inputs of the cells.
        before: Output and state of the cells before it.
        gates: Input, forget, candidate and output gates.
        c: State of the cells after it.
        h: Output of the cells after it.
        chances: Probabilities to go on and to stop.
        action: What was done.
    """

    place: int
    head: int
    x: np.ndarray
    before: Tuple[np.ndarray, np.ndarray]
    gates: Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    c: np.ndarray
    h: np.ndarray
    chances: np.ndarray
    action: int


def new_weights(parts: int, decisions: int, rng: np.random.RandomState) -> Weights:
    """Returns the weights of an untrained policy, drawn as those of linear layers are.

    Args:
        parts: Parts of a network that are trained in order, 1 to 6.
        decisions: Most decisions of one part; each has a head of its own.
        rng: Where they are drawn from.
    """
    bound = 1 / np.sqrt(CELLS)
    return {
        "input": rng.uniform(-bound, bound, (4 * CELLS, CELLS)),
        "recurrent": rng.uniform(-bound, bound, (4 * CELLS, CELLS)),
        "bias": rng.uniform(-bound, bound, 4 * CELLS),
        "embedding": rng.randn(3 * decisions, CELLS - 1 - parts),
        "heads": rng.uniform(-bound, bound, (decisions, 2, CELLS)),
        "head_biases": rng.uniform(-bound, bound, (decisions, 2)),
    }


def decide(weights: Weights, part: int, loss: float, memory: Memory) -> Step:
    """Returns the next decision of a training: the probability to stop is ``chances[STOP]``.

    What it says is to go on; who does something else replaces its ``action``.

    The cells get ``0.1 [loss - first loss + 1, part as one of several, embedding of the number of
    the decision and the last action]``.

    Args:
        weights: As of :func:`new_weights`.
        part: Which part is trained, from 0.
        loss: The loss of the last epoch.
        memory: What is remembered; it is left as it is.
    """
    heads, width = len(weights["heads"]), weights["embedding"].shape[1]
    head = min(memory.decisions, heads - 1)
    parts = CELLS - 1 - width
    one_of = np.zeros(parts)
    one_of[min(part, parts - 1)] = 1
    first = loss if np.isnan(memory.first) else memory.first
    place = 3 * head + memory.action
    x = 0.1 * np.concatenate([[loss - first + 1], one_of, weights["embedding"][place]])
    z = weights["input"] @ x + weights["recurrent"] @ memory.h + weights["bias"]
    i, f, o = (_sigmoid(z[k * CELLS : (k + 1) * CELLS]) for k in (0, 1, 3))
    g = np.tanh(z[2 * CELLS : 3 * CELLS])
    c = f * memory.c + i * g
    h = o * np.tanh(c)
    logits = weights["heads"][head] @ h + weights["head_biases"][head]
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    return Step(place, head, x, (memory.h, memory.c), (i, f, g, o), c, h, chances, GO_ON)


def remembered(memory: Memory, step: Step, loss: float) -> Memory:
    """Returns what is remembered after a decision.

    Args:
        memory: What was remembered before.
        step: The decision.
        loss: The loss that it was made by.
    """
    first = loss if np.isnan(memory.first) else memory.first
    return Memory(step.h, step.c, memory.decisions + 1, step.action, first)


def gradient(weights: Weights, courses: Sequence[Sequence[Step]]) -> Weights:
    """Returns the gradient of the log-probability of all actions that were done.

    Args:
        weights: Those that the decisions were made with.
        courses: The decisions of each part in their order.
    """
    found = {name: np.zeros_like(values) for name, values in weights.items()}
    for course in courses:
        dh, dc = np.zeros(CELLS), np.zeros(CELLS)
        for step in reversed(course):
            d_logits = -step.chances
            d_logits = d_logits + np.eye(2)[step.action]
            found["heads"][step.head] += np.outer(d_logits, step.h)
            found["head_biases"][step.head] += d_logits
            dh = dh + weights["heads"][step.head].T @ d_logits
            i, f, g, o = step.gates
            wave = np.tanh(step.c)
            dc = dc + dh * o * (1 - wave**2)
            dz = np.concatenate(
                [
                    dc * g * i * (1 - i),
                    dc * step.before[1] * f * (1 - f),
                    dc * i * (1 - g**2),
                    dh * wave * o * (1 - o),
                ]
            )
            found["input"] += np.outer(dz, step.x)
            found["recurrent"] += np.outer(dz, step.before[0])
            found["bias"] += dz
            width = weights["embedding"].shape[1]
            found["embedding"][step.place] += 0.1 * (weights["input"].T @ dz)[CELLS - width :]
            dh, dc = weights["recurrent"].T @ dz, dc * f
    return found


class Ascent:
    """Adam, upwards.

    Args:
        weights: What is changed, in place.
        rate: Its learning rate.
    """

    def __init__(self, weights: Weights, rate: float) -> None:
        self.weights, self.rate, self._count = weights, rate, 0
        self._mean = {name: np.zeros_like(values) for name, values in weights.items()}
        self._square = {name: np.zeros_like(values) for name, values in weights.items()}

    def step(self, gradients: Weights, factor: float) -> None:
        """Moves the weights along a gradient times a factor.

        Args:
            gradients: By name.
            factor: Its factor.
        """
        self._count += 1
        for name, values in self.weights.items():
            slope = factor * gradients[name]
            self._mean[name] += 0.1 * (slope - self._mean[name])
            self._square[name] += 0.001 * (slope**2 - self._square[name])
            mean = self._mean[name] / (1 - 0.9**self._count)
            square = self._square[name] / (1 - 0.999**self._count)
            values += self.rate * mean / (np.sqrt(square) + 1e-8)


def as_lists(weights: Weights) -> Dict[str, List[Any]]:
    """Returns weights as JSON takes them, every bit."""
    return {name: values.tolist() for name, values in weights.items()}


def from_lists(content: Mapping[str, Any]) -> Weights:
    """Returns weights from what :func:`as_lists` returned."""
    return {name: np.array(values, np.float64) for name, values in content.items()}


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))
