# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best choice of each thing within budgets, against trying all."""

from __future__ import annotations

import csv
import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from nnabla_compress.knapsack import Choice, fill, least


def best_of_all(choices, budgets):
    kept = [
        sum(choice.cost for choice in picked)
        for picked in product(*choices.values())
        if all(sum(c.sizes[place] for c in picked) <= most for place, most in budgets.items())
    ]
    return min(kept) if kept else None


@pytest.mark.parametrize("budgets", [{0: 12}, {1: 20}, {0: 12, 1: 20}, {0: 2}, {}])
def test_it_finds_what_trying_all_finds(budgets):
    for seed in range(20):
        rng = np.random.RandomState(seed)
        choices = {
            name: [
                Choice(float(rng.rand()), tuple(int(n) for n in rng.randint(0, 9, 2)))
                for _ in range(4)
            ]
            for name in "abcd"
        }
        found, wanted = fill(choices, budgets), best_of_all(choices, budgets)
        if wanted is None:
            assert found is None
            continue
        picked = [choices[name][number] for name, number in found.picked.items()]
        assert sum(choice.cost for choice in picked) == pytest.approx(wanted)
        for place, most in budgets.items():
            assert sum(choice.sizes[place] for choice in picked) <= most


def test_the_least_is_the_sum_of_the_smallest():
    choices = {"a": [Choice(0, (3, 9)), Choice(1, (2, 10))], "b": [Choice(0, (4, 1))]}
    assert (least(choices), least(choices, 1)) == (6, 10)


HAWQ = [
    # network, layers with the same bits, budget, limit, what it is for, the least perturbation
    ("resnet18", [(4, 6), (9, 11), (14, 16)], "size", 7.98047, 0.074506),
    ("resnet18", [(4, 6), (9, 11), (14, 16)], "bops", 66.23232, 0.215689),
    ("resnet18", [(4, 6), (9, 11), (14, 16)], "latency", 4.24618, 0.202674),
    ("resnet50", [(0, 3), (10, 13), (23, 26), (42, 45)], "size", 16.76953, 0.031024),
    ("resnet50", [(0, 3), (10, 13), (23, 26), (42, 45)], "bops", 146.01216, 0.056440),
    ("resnet50", [(0, 3), (10, 13), (23, 26), (42, 45)], "latency", 9.76265, 0.054861),
]


def hawq(network, ties):
    """Choices of 4 and 8 bits of each layer, or of layers tied together: bits, BOPs, time."""
    folder = Path(os.environ.get("NNABLA_COMPRESS_DATA", "")) / "oracles" / "hawq"
    if not folder.is_dir():
        pytest.skip("NNABLA_COMPRESS_DATA names no folder with the tables of HAWQ")
    with (folder / f"{network}_ilp.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    leader = {second: first for first, second in ties}
    choices = {}
    for number, row in enumerate(rows):
        made = []
        for bits in (4, 8):
            noise = float(row["hutchinson_trace_per_parameter"]) * float(
                row[f"delta_w_int{bits}_sq"]
            )
            time = round(1e9 * float(row[f"latency_int{bits}_ms"]))
            sizes = bits * int(row["parameters"]), bits * bits * int(row["macs"]), time
            made.append(Choice(noise, sizes))
        key = leader.get(number, number)
        before = choices.get(key, [Choice(0.0, (0, 0, 0))] * 2)
        choices[key] = [
            Choice(a.cost + b.cost, tuple(x + y for x, y in zip(a.sizes, b.sizes)))
            for a, b in zip(before, made)
        ]
    return choices


UNITS = {"size": (0, 8 * 2**20), "bops": (1, 1.024e9), "latency": (2, 1e9)}


@pytest.mark.parametrize(("network", "ties", "budget", "limit", "least"), HAWQ)
def test_the_optima_of_hawq_are_found(network, ties, budget, limit, least):
    choices = hawq(network, ties)
    place, unit = UNITS[budget]
    found = fill(choices, {place: int(limit * unit)})
    cost = sum(choices[key][n].cost for key, n in found.picked.items())
    assert found.exact and round(cost, 6) == least


def test_all_budgets_of_hawq_at_once_are_those_of_a_solver():
    choices = hawq("resnet18", HAWQ[0][1])
    limits = {UNITS[b][0]: int(limit * UNITS[b][1]) for _, _, b, limit, _ in HAWQ[:3]}
    found = fill(choices, limits)
    cost = sum(choices[key][n].cost for key, n in found.picked.items())
    keys = list(choices)
    gains = np.array([choices[k][1].cost - choices[k][0].cost for k in keys])
    extra = np.array([np.subtract(choices[k][1].sizes, choices[k][0].sizes) for k in keys]).T
    room = [limits[p] - sum(choices[k][0].sizes[p] for k in keys) for p in range(3)]
    scale = np.maximum(extra.max(axis=1), 1)
    solved = milp(
        gains,
        constraints=LinearConstraint(extra / scale[:, None], ub=np.array(room) / scale),
        integrality=np.ones(len(keys)),
        bounds=Bounds(0, 1),
    )
    assert found.exact
    assert cost == pytest.approx(sum(choices[k][0].cost for k in keys) + solved.fun, rel=1e-9)
