# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.simulator.staged import Staged, confidence


class Doubling:
    """A machine whose exit and whose map are twice its input."""

    runs = 0

    def run(self, values):
        self.runs += 1
        return [2 * values[0], 2 * values[0]]

    run_many = run


STAGES = [[(-1, 0)], [(0, 1)], [(1, 1)]]


def test_maps_go_from_stage_to_stage():
    staged = Staged([Doubling(), Doubling(), Doubling()], STAGES)
    found = staged.run_all([np.float32([[1, 2]])])
    assert [each.tolist() for each in found] == [[[2, 4]], [[4, 8]], [[8, 16]]]


@pytest.mark.parametrize("thresholds, exit", [([0, 0], 1), ([0.95, 0], 2), ([2, 2], 3)])
def test_it_stops_at_the_first_confident_exit(thresholds, exit):
    machines = [Doubling(), Doubling(), Doubling()]
    left = Staged(machines, STAGES).leave([np.float32([[1, 2]])], thresholds)
    assert left.exit == exit and left.logits.tolist() == [[2**exit, 2 ** (exit + 1)]]
    assert [machine.runs for machine in machines] == [1] * exit + [0] * (3 - exit)


def test_confidence_is_the_probability_of_the_most_likely_class():
    assert confidence(np.float32([1, 1, 1, 1])) == 0.25
    assert confidence(np.float32([1e4, 0])) == 1
    np.testing.assert_allclose(confidence(np.float32([[-2.0]])), 1 / (1 + np.exp(-2)), rtol=1e-6)
