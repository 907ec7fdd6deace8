# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Updates of ResNet-20 on one core, with kernels on two threads, and in two shares.

    python tests/benchmarks/measure_shares.py --json docs/results/training_shares.json

On the clock, so the machine must have nothing else to do. The ways take turns, and each counts by
the median of its updates.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List

import nnabla as nn
import numba

from nnabla_compress.files import write_json
from nnabla_compress.runs.results import begun
from tests.benchmarks.measure_training import TRAININGS, Measured

# Threads of kernels, and shares of a batch.
WAYS = {"one thread": (1, 1), "two threads": (2, 1), "two shares": (2, 2)}


def measured(rounds: int, folder: Path) -> List[Dict[str, Any]]:
    """Returns a row for each training."""
    rows = []
    for name, how in TRAININGS.items():
        ways = {
            way: Measured(f"{name}, {way}", folder, 64, True, how, shares)
            for way, (_, shares) in WAYS.items()
        }
        seconds: Dict[str, List[float]] = {way: [] for way in ways}
        with ExitStack() as stack:
            for training in ways.values():
                if training.trainer.shares is not None:
                    stack.enter_context(training.trainer.shares.at_work())
            for number in range(rounds + 2):  # the first ones make memory and processes
                for way, training in ways.items():
                    numba.set_num_threads(WAYS[way][0])
                    begin = time.perf_counter()
                    with nn.parameter_scope("", training.scope):
                        training.trainer._update(number)
                    seconds[way].append(time.perf_counter() - begin)
        medians = {way: round(statistics.median(s[2:]), 4) for way, s in seconds.items()}
        first = medians["one thread"]
        rows.append(
            {
                "training": name,
                "update_s": medians,
                "times_as_quick": {w: round(first / s, 3) for w, s in medians.items()},
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measures and prints; writes a file where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(chosen.rounds, Path(folder))
    about = begun("training_shares", 0)
    if chosen.json is not None:
        found = {"date": about.date, "versions": about.versions, "cores": os.cpu_count()}
        command = "NUMBA_NUM_THREADS=2 python tests/benchmarks/measure_shares.py --json FILE"
        write_json(chosen.json, {"command": command, **found, "rows": rows})


if __name__ == "__main__":
    main()
