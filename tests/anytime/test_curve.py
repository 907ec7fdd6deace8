# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.anytime.curve import Answers, budget_point, budgeted_curve, within_budget
from nnabla_compress.errors import InfeasibleBudgetError
from tests.anytime.test_thresholds import CONFIDENCE

COSTS = [10, 20, 30]


def answers(count=400, seed=0):
    """Exits that are right as often as they are confident, later ones more."""
    rng = np.random.RandomState(seed)
    confidence = 1 - rng.rand(3, count) * np.array([[0.8], [0.5], [0.2]])
    return Answers(confidence, rng.rand(3, count) < confidence)


@pytest.mark.parametrize("p, cost", [(0.5, 17.5), (1.0, 22.5), (1.5, 25.0)])
def test_the_worked_example_costs_what_it_should(p, cost):
    known = Answers(CONFIDENCE, np.eye(3, 8) > 0)
    assert budget_point(known, known, COSTS, p).operations == cost


def test_accuracy_is_that_of_the_exits_where_samples_leave():
    known = Answers(CONFIDENCE, np.array([[True] * 8, [False] * 8, [True] * 8]))
    point = budget_point(known, known, COSTS, 0.5)
    assert point.accuracy == 6 / 8 and point.shares == (0.5, 0.25, 0.25)


def test_thresholds_of_some_samples_hold_for_others():
    point = budget_point(answers(seed=0), answers(seed=1), COSTS, 1.0)
    assert point.operations != point.validation_operations
    assert abs(point.operations - point.validation_operations) < 2


def test_the_curve_goes_from_few_operations_to_many_and_lies_above_the_exits():
    known = answers(4000)
    points = budgeted_curve(known, known, COSTS)
    spent = [point.validation_operations for point in points]
    assert len(points) == 39 and spent == sorted(spent)
    alone = known.right.mean(axis=1)
    for point in points:
        assert point.accuracy > np.interp(point.operations, COSTS, alone)


@pytest.mark.parametrize("budget", [10, 14.5, 20, 29, 30, 1000])
def test_a_budget_is_kept_on_the_validation_samples(budget):
    point = within_budget(answers(seed=0), answers(seed=1), COSTS, budget)
    assert point.validation_operations <= budget
    assert point.operations <= 1.1 * budget


def test_a_larger_budget_is_no_worse_on_the_validation_samples():
    known = answers()
    found = [within_budget(known, known, COSTS, b).validation_accuracy for b in range(10, 31)]
    assert found == sorted(found)


def test_a_budget_below_the_first_exit_is_refused():
    with pytest.raises(InfeasibleBudgetError, match="the first exit takes 10"):
        within_budget(answers(), answers(), COSTS, 9.99)
