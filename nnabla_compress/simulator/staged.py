# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Stages of a network with exits in the simulator: it stops at the first confident exit."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from nnabla_compress.simulator.machine import Machine


class Left(NamedTuple):
    """Where a sample left, and with which answer.

    Args:
        exit: Number of the exit, from 1.
        logits: What it gave.
    """

    exit: int
    logits: np.ndarray


class Staged:
    """Stages as machines, each fed with inputs of the network and maps of the stages before.

    Args:
        machines: One for each stage.
        sources: Of each, where its inputs come from: (stage from 0, its output), or (-1, input of
            the network).
    """

    def __init__(
        self, machines: Sequence[Machine], sources: Sequence[Sequence[Tuple[int, int]]]
    ) -> None:
        self.machines, self.sources = list(machines), [list(each) for each in sources]

    def run_all(self, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Returns what every exit gives for samples.

        Args:
            rows: Arrays (samples, ...) for the inputs of the network.
        """
        made: List[List[np.ndarray]] = []
        for machine, sources in zip(self.machines, self.sources):
            made.append(machine.run_many([_source(rows, made, *each) for each in sources]))
        return [outputs[0] for outputs in made]

    def leave(self, row: Sequence[np.ndarray], thresholds: Sequence[float]) -> Left:
        """Computes stages for one sample until an exit is confident.

        Args:
            row: Arrays (1, ...) for the inputs of the network.
            thresholds: Least confidence of each exit but the last.
        """
        made: List[List[np.ndarray]] = []
        for number, (machine, sources) in enumerate(zip(self.machines, self.sources)):
            made.append(machine.run([_source(row, made, *each) for each in sources]))
            logits = made[-1][0]
            if number == len(self.machines) - 1 or confidence(logits) >= thresholds[number]:
                return Left(number + 1, logits)
        raise AssertionError("the last exit is confident enough")


def confidence(logits: np.ndarray) -> np.float32:
    """Returns the probability of the most likely class as the C program computes it, in float32.

    Args:
        logits: Of one sample.

    Example:
        >>> round(float(confidence(np.float32([0, np.log(3.0)]))), 6)
        0.75
    """
    values = np.asarray(logits, np.float32).ravel()
    if values.size == 1:
        values = np.concatenate([np.zeros(1, np.float32), values])
    total = np.float32(0)
    for each in np.exp(values - values.max()):
        total = np.float32(total + each)
    return np.float32(np.float32(1) / total)


def _source(
    rows: Sequence[np.ndarray], made: Sequence[Sequence[np.ndarray]], stage: int, number: int
) -> np.ndarray:
    return rows[number] if stage < 0 else made[stage][number]
