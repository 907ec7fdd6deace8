# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Comparing the time of two functions on a machine that others use at the same time."""

from __future__ import annotations

import gc
import statistics
import time
from typing import Callable, Dict, List, NamedTuple

import pytest


class Ratio(NamedTuple):
    """Time of one function over the time of another."""

    best: float  # of the least processor times, all threads added
    wall: float  # median over the rounds of the ratio on the clock
    cpu: float  # median over the rounds of the ratio of processor times
    first_ms: float  # least processor time
    second_ms: float
    first_wall_ms: float  # median on the clock
    second_wall_ms: float
    spread: float  # how far apart the quartiles of the ratios on the clock are


def compare(first: Callable[[], object], second: Callable[[], object], rounds: int) -> Ratio:
    """Runs both in turn, the order changing each round.

    Other processes only ever add time, so the least processor time is nearest to what a function
    costs: on a quiet machine that is its time on the clock if it runs on one thread, and more than
    that if it runs on several. The medians and the spread tell how much the machine was disturbed.

    Args:
        first: The numerator.
        second: The denominator.
        rounds: Rounds measured, after one that is not.
    """
    times: Dict[Callable[[], object], List[List[float]]] = {first: [], second: []}
    first(), second()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            for function in (first, second) if number % 2 else (second, first):
                wall, cpu = time.perf_counter(), time.process_time()
                function()
                times[function].append([time.perf_counter() - wall, time.process_time() - cpu])
    finally:
        gc.enable()
    walls = [a[0] / b[0] for a, b in zip(times[first], times[second])]
    cpus = [a[1] / b[1] for a, b in zip(times[first], times[second])]
    quarters = statistics.quantiles(walls, n=4)
    least = [min(t[1] for t in times[function]) for function in (first, second)]
    median = [statistics.median(t[0] for t in times[function]) for function in (first, second)]
    return Ratio(
        best=least[0] / least[1],
        wall=statistics.median(walls),
        cpu=statistics.median(cpus),
        first_ms=1e3 * least[0],
        second_ms=1e3 * least[1],
        first_wall_ms=1e3 * median[0],
        second_wall_ms=1e3 * median[1],
        spread=quarters[2] - quarters[0],
    )


@pytest.fixture(name="compare")
def compare_fixture() -> Callable[..., Ratio]:
    """The function above; files in this folder can't import each other."""
    return compare


@pytest.fixture
def report(benchmark: object) -> Callable[[str, str, str, Ratio], None]:
    """Prints a comparison and puts it into the file that ``--benchmark-json`` names."""

    def show(what: str, first: str, second: str, ratio: Ratio) -> None:
        print(
            f"\n{what}\n  {first} {ratio.first_ms:.1f} ms, {second} {ratio.second_ms:.1f} ms, "
            f"{first} / {second} = {ratio.best:.4g} (least processor time)\n"
            f"  on the clock {ratio.first_wall_ms:.1f} and {ratio.second_wall_ms:.1f} ms; median "
            f"of the rounds {ratio.wall:.4g}, by processor time {ratio.cpu:.4g}; quartiles "
            f"{ratio.spread:.2g} apart"
        )
        benchmark.extra_info.update({first + "/" + second: ratio._asdict()})  # type: ignore[attr-defined]

    return show
