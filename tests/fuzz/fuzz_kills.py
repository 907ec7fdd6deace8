# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs that are killed at random moments, and must end with the bits of one that was not.

A run trains a small LeNet on digits, compresses, trains again and exports. It is killed by SIGKILL
up to six times, at moments drawn evenly from the time that it takes, and resumed after each; then
it may end. Processes are forked from a server that has imported everything: kills hit the work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any, Dict, Optional

from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from tests.fuzz.findings import Budget, Findings

RECIPE = {
    "name": "killed",
    "seed": 3,
    "data": {"source": "digits"},
    "model": {"name": "lenet", "options": {"maps": 4, "hidden": 16}},
    "float_training": {"epochs": 1, "batch_size": 64, "checkpoint_interval": 4},
    "compression": {
        "weights": ["lut:bits=4"],
        "activations": ["uniform:bits=8"],
        "training": {"epochs": 1, "batch_size": 64, "checkpoint_interval": 4},
    },
}
MOST_KILLS = 6
_PATIENCE = 600.0


def fuzz(budget: Budget, seed: int, folder: Path) -> Findings:
    """Kills runs until the budget is spent.

    Args:
        budget: Kills or seconds.
        seed: Of the moments.
        folder: For run folders; those that show a fault stay.
    """
    found = Findings("kill -9 at random moments of runs, resumed until they end")
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    for _ in range(2):  # the first one waits for the server and for compiled kernels
        shutil.rmtree(folder / "whole", ignore_errors=True)
        started = time.monotonic()
        problem = carried_out(folder / "whole")
        seconds = time.monotonic() - started
        if problem is not None:
            found.fault(f"a run that nobody kills: {problem}", b"", folder)
            return found
    expected, rng = results_of(folder / "whole"), random.Random(seed)
    while not budget.is_spent(found.tried):
        run = folder / f"run_{found.tried}"
        shutil.rmtree(run, ignore_errors=True)
        for _ in range(rng.randint(1, MOST_KILLS)):
            if not killed(run, rng.uniform(0, seconds)):
                found.count("ended before the kill")
                break
            found.tried += 1
            found.count(f"killed {moment_of(run)}")
        problem = carried_out(run) or difference(run, expected)
        if problem is not None:
            found.fault(f"{run}: {problem}", b"", folder)
            continue
        found.count("runs resumed to the same bits")
        shutil.rmtree(run)
    shutil.rmtree(folder / "whole")
    return found


def carried_out(run: Path) -> Optional[str]:
    """Starts a run or goes on with it, lets it end, and returns what went wrong."""
    process = started_in(run)
    process.join(_PATIENCE)
    if process.exitcode != 0:
        return f"it ended with status {process.exitcode}"
    return None


def killed(run: Path, seconds: float) -> bool:
    """Starts a run or goes on with it and kills it; returns whether it was still alive."""
    process = started_in(run)
    process.join(seconds)
    if process.exitcode is not None:
        return False
    process.kill()
    process.join()
    return True


def started_in(run: Path) -> Any:
    """Forks a process that does the run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "nnabla_compress.exporters", "sklearn.datasets"])
    process = context.Process(target=execute, args=(run,))
    process.start()
    return process


def execute(run: Path) -> None:
    """Does a run or goes on with it, in the process that may be killed."""
    os.environ["OMP_NUM_THREADS"] = "1"
    recipe = Recipe.checked(RECIPE)
    Run(recipe, run, run.parent, resume=True).execute(lambda name, total: lambda *values: None)


def results_of(run: Path) -> Dict[str, bytes]:
    """All that must be the same: parameters, exported files, series, scores."""
    names = ["float.h5", "compressed.h5", "float.nnp", "float.nnb", "results.nnp", "results.nnb"]
    names += [path.relative_to(run).as_posix() for path in sorted(run.glob("steps/*"))]
    names += [f"{phase}/{name}" for phase in ("float", "compressed") for name in _SERIES]
    found = {name: (run / name).read_bytes() for name in names}
    results = json.loads((run / "results.json").read_text("utf-8"))
    for part in ("date", "versions"):
        results.pop(part)
    # Commands name the folder.
    text = json.dumps(results).replace(str(run), "RUN")
    return {**found, "results.json": text.encode("utf-8")}


_SERIES = ("Training-loss.series.txt",)


def difference(run: Path, expected: Dict[str, bytes]) -> Optional[str]:
    """Returns how the results of a run differ from those of the one that nobody killed."""
    found = results_of(run)
    for name, content in expected.items():
        if found[name] != content:
            return f"{name} differs"
    left = [path for path in run.rglob(".*") if path.is_file()]
    return f"{left[0].name} is left over" if left else None


def moment_of(run: Path) -> str:
    """What a killed run was doing, from what it left."""
    for sign, moment in _MOMENTS:
        if any(run.glob(sign)):
            return moment
    return "at its start"


# The first sign that is there says how far a run had come.
_MOMENTS = (
    ("results.*", "in the last export"),
    ("compressed.h5", "before the last export"),
    ("compressed/checkpoints/*.json", "in the second training"),
    ("float.h5", "between the trainings"),
    ("float/checkpoints/*.json", "in the first training"),
)
