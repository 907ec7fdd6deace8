# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many candidates a second ReLeQ evaluates with 1, 2 and 4 workers.

    python -m tests.benchmarks.measure_search_workers --json docs/results/search_workers.json

The objective is a table that sleeps, half to one and a half of --seconds a candidate, so that the
cores of the machine don't matter; workers are processes. With --recipe, a recipe whose search
trains its candidates is carried out by one and by two processes instead, --rounds times in turn:
seconds of the search on the clock, which say something on a machine that does nothing else, and
processor time of the whole run. Workers have started before; --epochs is how long each candidate is
trained, in the place of what the recipe says.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun
from nnabla_compress.search.explore import explore
from nnabla_compress.search.releq import Releq
from nnabla_compress.workers import Workers, workers
from tests.search.oracles import Slow, loaded, published

# Groups of episodes, and whether each goes on as soon as it can.
WAYS = ((1, False), (2, False), (2, True))


def sleeping(counts: List[int], seconds: float, updates: int) -> List[Dict[str, Any]]:
    """Returns a row for each number of workers and each way to group episodes."""
    table, reward = published("lenet")
    rows = []
    for count in counts:
        with workers(count) as crew:
            crew.map(Slow(table, 0.0), [(8, 8, 8, 8)] * 4 * count)  # they have started now
            for groups, asynchronous in WAYS:
                sampler = Releq(groups=groups, asynchronous=asynchronous, updates=updates)
                begin = time.monotonic()
                found = explore(
                    sampler.walks(table.space, 0),
                    Slow(table, seconds),
                    lambda bits, accuracy: reward.of(table.space, bits, accuracy),
                    crew,
                    in_turn=sampler.in_turn,
                )
                took = time.monotonic() - begin
                rows.append(
                    {
                        "workers": count,
                        "groups": groups,
                        "asynchronous": asynchronous,
                        "evaluations": found.evaluated,
                        "a_second": found.evaluated / took,
                        "reward": found.best.reward,
                    }
                )
                print(rows[-1], flush=True)
    return rows


def carried_out(file: Path, count: int, epochs: Optional[float]) -> Dict[str, Any]:
    """Returns what a recipe takes with so many processes."""
    recipe = _with_epochs(Recipe.read(file), epochs)
    at: List[float] = []

    class Watched(type(workers(count))):  # type: ignore[misc]
        """Says when it begins and ends."""

        def serve(self, *given: Any) -> None:
            at.append(time.monotonic())
            super().serve(*given)
            at.append(time.monotonic())

    crew: Workers = Watched() if count == 1 else Watched(count)
    if count > 1:
        crew.map(loaded, range(2 * count))
    before = _processor()
    with tempfile.TemporaryDirectory() as folder, crew:
        Run(recipe, Path(folder) / "run", file.parent).execute(
            lambda name, total: lambda *now: None, crew=crew
        )
    own, children = (now - then for now, then in zip(_processor(), before))
    return {
        "processes": count,
        "seconds": at[-1] - at[0],
        "processor_of_run": own,
        "processor_of_workers": children,
    }


def _with_epochs(recipe: Recipe, epochs: Optional[float]) -> Recipe:
    """The recipe with searches whose candidates are trained for so long."""
    content = recipe.model_dump(mode="json")
    for step in content["steps"]:
        if epochs is not None and "search" in step:
            step["search"]["training"]["epochs"] = epochs
    return Recipe.checked(content)


def _processor() -> List[float]:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return [each.ru_utime + each.ru_stime for each in used]


def main(given: Optional[List[str]] = None) -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args(given)
    load = os.getloadavg()[0]
    if chosen.recipe is not None:
        rows = [
            carried_out(chosen.recipe, count, chosen.epochs)
            for _ in range(chosen.rounds)
            for count in (1, 2)
        ]
        command = f"--recipe {chosen.recipe} --rounds {chosen.rounds}"
        command += "" if chosen.epochs is None else f" --epochs {chosen.epochs:g}"
    else:
        counts = [int(count) for count in chosen.workers.split(",")]
        rows = sleeping(counts, chosen.seconds, chosen.updates)
        command = (
            f"--workers {chosen.workers} --seconds {chosen.seconds} --updates {chosen.updates}"
        )
    print(rows)
    if chosen.json is not None:
        about = begun("search_workers", 0)
        content = {
            "command": f"python -m tests.benchmarks.measure_search_workers {command}",
            "date": about.date,
            "versions": about.versions,
            "cores": os.cpu_count(),
            "load_before": load,
            "rows": rows,
        }
        write_json(chosen.json, content)


if __name__ == "__main__":
    main()
