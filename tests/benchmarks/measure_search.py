# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Lets samplers search the tables of ReLeQ's authors, and writes what they found.

    python tests/benchmarks/measure_search.py TABLES OUTPUT.json --evaluations lenet=250

TABLES is a folder with lenet.csv, cifar.csv, ... Each row of OUTPUT.json has a sampler, a seed, the
best reward, how many different bits were evaluated, and seconds of CPU; where accuracies that the
table lacks are modelled, the root of the mean squared error of the model, in points.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from pathlib import Path
from typing import Tuple

import nnabla
import numpy as np

from nnabla_compress import __version__
from nnabla_compress.files import write_json
from nnabla_compress.search.bit_sampler import BitSampler
from nnabla_compress.search.explore import Explored, explore
from nnabla_compress.search.greedy import Greedy
from nnabla_compress.search.random_bits import Random
from nnabla_compress.search.releq import Releq
from nnabla_compress.search.reward import Reward
from nnabla_compress.search.table import Table

# Accuracy of the float network, and the constants of the authors' script.
TABLES = {
    "lenet": (99.8, Reward(a=0.6, b=3.0, threshold=0.8)),
    "cifar": (75.0, Reward(a=0.8, b=1.0, threshold=0.1)),
    "svhn": (97.0, Reward(a=0.8, b=1.0, threshold=0.1)),
    "resnet20": (93.0, Reward(a=0.8, b=1.0, threshold=0.6)),
}


def main() -> None:
    """Searches and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", default="lenet=250,cifar=400,svhn=400,resnet20=400")
    parser.add_argument("--samplers", default="greedy,random,releq")
    parser.add_argument("--missing", default="nearest,fewer", help="what bits get without a row")
    given = parser.parse_args()
    rows = []
    wanted = dict(entry.split("=") for entry in given.evaluations.split(","))
    for name, most in wanted.items():
        accuracy, reward = TABLES[name]
        for missing in given.missing.split(","):
            table = Table.read(given.tables / f"{name}.csv", accuracy, missing)
            error = table.model.error() if missing == "modelled" else None
            known = {bits: reward.of(table.space, bits, table(bits)) for bits in table.accuracies}
            samplers = [Greedy(), Random(evaluations=int(most)), Releq()]
            for sampler in (each for each in samplers if each.name in given.samplers.split(",")):
                for seed in range(1 if sampler.name == "greedy" else given.seeds):
                    found, seconds = _searched(table, reward, sampler, seed, int(most))
                    rows.append(
                        {
                            "table": name,
                            "missing": missing,
                            **({} if error is None else {"error_of_model": round(error, 3)}),
                            "best_of_table": max(known.values()),
                            "sampler": sampler.name,
                            "seed": seed,
                            "reward": found.best.reward,
                            "bits": found.best.bits,
                            "in_table": found.best.bits in table.accuracies,
                            "evaluations": len(found.outcomes),
                            "proposals": found.asked,
                            "cpu_seconds": round(seconds, 2),
                        }
                    )
                    print(rows[-1], flush=True)
    write_json(
        given.output,
        {
            "command": "python tests/benchmarks/measure_search.py TABLES OUTPUT.json "
            f"--seeds {given.seeds} --evaluations {given.evaluations} --samplers {given.samplers} "
            f"--missing {given.missing}",
            "date": datetime.date.today().isoformat(),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "nnabla": nnabla.__version__,
                "nnabla_compress": __version__,
            },
            "rows": rows,
        },
    )


def _searched(
    table: Table, reward: Reward, sampler: BitSampler, seed: int, most: int
) -> Tuple[Explored, float]:
    """What a sampler finds in so many evaluations, and seconds of CPU."""
    begun = time.process_time()
    found = explore(
        sampler.walks(table.space, seed),
        table,
        lambda bits, accuracy: reward.of(table.space, bits, accuracy),
        most=most,
    )
    return found, time.process_time() - begun


if __name__ == "__main__":
    main()
