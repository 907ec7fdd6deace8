# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Runs that are killed at random moments, and must end with the bits of one that was not.

A run trains a small LeNet on digits, compresses, trains again and exports, in one step or in
several with a search. It is killed by SIGKILL
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

_TRAINING = {"epochs": 1, "batch_size": 64, "checkpoint_interval": 4}
_NETWORK = {
    "name": "killed",
    "seed": 3,
    "data": {"source": "digits"},
    "model": {"name": "lenet", "options": {"maps": 4, "hidden": 16}},
}
RECIPES = {
    "short": {
        **_NETWORK,
        "float_training": _TRAINING,
        "compression": {
            "weights": ["lut:bits=4"],
            "activations": ["uniform:bits=8"],
            "training": _TRAINING,
        },
    },
    "steps": {
        **_NETWORK,
        "steps": [
            {"train": _TRAINING},
            {"search": {"sampler": {"each": ["conv*=lut:bits=2", "conv*=lut:bits=4"]}}},
            {"train": {**_TRAINING, "terms": [{"distill": {}}]}},
            {"quantize": {"weights": "fc*=lut:bits=3", "activations": "uniform:bits=8"}},
            {"train": _TRAINING},
        ],
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
    expected: Dict[str, Dict[str, bytes]] = {}
    duration: Dict[str, float] = {}
    for kind in [*RECIPES, *RECIPES]:  # the first ones wait for the server and for kernels
        whole = folder / f"{kind}_whole"
        shutil.rmtree(whole, ignore_errors=True)
        started = time.monotonic()
        problem = carried_out(whole)
        duration[kind] = time.monotonic() - started
        if problem is not None:
            found.fault(f"a run that nobody kills: {problem}", b"", folder)
            return found
        expected[kind] = results_of(whole)
    rng, kinds = random.Random(seed), list(RECIPES)
    while not budget.is_spent(found.tried):
        kind = rng.choice(kinds)
        run = folder / f"{kind}_{found.tried}"
        shutil.rmtree(run, ignore_errors=True)
        for _ in range(rng.randint(1, MOST_KILLS)):
            if not killed(run, rng.uniform(0, duration[kind])):
                found.count("ended before the kill")
                break
            found.tried += 1
            found.count(f"killed {moment_of(run)}")
        problem = carried_out(run) or difference(run, expected[kind])
        if problem is not None:
            found.fault(f"{run}: {problem}", b"", folder)
            continue
        found.count("runs resumed to the same bits")
        shutil.rmtree(run)
    for kind in kinds:
        shutil.rmtree(folder / f"{kind}_whole")
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
    recipe = Recipe.checked(RECIPES[run.name.partition("_")[0]])
    Run(recipe, run, run.parent, resume=True).execute(lambda name, total: lambda *values: None)


def results_of(run: Path) -> Dict[str, bytes]:
    """All that must be the same: parameters, exported files, series, scores."""
    kinds = ("*.nn[pb]", "*.h5", "steps/*.json", "steps/*.h5", f"*/{_SERIES}", f"steps/*/{_SERIES}")
    paths = [path for kind in kinds for path in sorted(run.glob(kind))]
    names = [path.relative_to(run).as_posix() for path in paths]
    found = {name: (run / name).read_bytes() for name in names}
    results = json.loads((run / "results.json").read_text("utf-8"))
    for part in ("date", "versions"):
        results.pop(part)
    # Commands name the folder.
    text = json.dumps(results).replace(str(run), "RUN")
    return {**found, "results.json": text.encode("utf-8")}


_SERIES = "Training-loss.series.txt"


def difference(run: Path, expected: Dict[str, bytes]) -> Optional[str]:
    """Returns how the results of a run differ from those of the one that nobody killed."""
    found = results_of(run)
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
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
    ("steps/05-train.h5", "before the last export"),
    ("steps/05-train/checkpoints/*.json", "in the third training"),
    ("steps/03-train.h5", "between the trainings"),
    ("steps/03-train/checkpoints/*.json", "in the second training"),
    ("steps/01-train.h5", "between the trainings"),
    ("steps/01-train/checkpoints/*.json", "in the first training"),
)
