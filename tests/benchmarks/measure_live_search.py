# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LeNet on digits at the same size: uniform bits, a knapsack, ReLeQ, and bits that are learned.

    python tests/benchmarks/measure_live_search.py docs/results/search_live.json --seeds 1,2,3

For each seed one float network is trained; all ways begin with it, take Uniform quantizers, keep to
the bytes that 3 bits everywhere take, and train for the same epochs in the end. ReLeQ trains each
candidate for an epoch and is after accuracy alone, which it measures on validation samples.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun

# 10,500 weights of 3 bits and the steps of four layers; searches count the 92 biases, too.
_WEIGHTS = 10_500 * 3 / 8 + 4 * 12
_ALL = _WEIGHTS + 4 * 92
_MOMENTUM = {"batch_size": 32, "solver_options": {"momentum": 0.9}}
_FLOAT = {"epochs": 30, "learning_rate": 0.05, "weight_decay": 0.0001, **_MOMENTUM}
_TRAIN = {"epochs": 15, "learning_rate": 0.01, "weight_decay": 0.0001, **_MOMENTUM}
_BITS = {"bits": [2, 3, 4, 8], "quantizer": "uniform:learn=null,bias=false"}
_ACCURACY = {"shape": "linear", "slope_bits": 0.0}


def ways(evaluations: int) -> Dict[str, List[Dict[str, Any]]]:
    """Returns the steps of each way, without the last training."""
    releq = {**_BITS, "reward": _ACCURACY, "evaluations": evaluations, "updates": 40}
    short = {"epochs": 1, "learning_rate": 0.01, **_MOMENTUM}
    return {
        "uniform": [{"quantize": "uniform:bits=3,learn=null,bias=false"}, {"train": _TRAIN}],
        "knapsack": [
            {"search": {"sampler": {"knapsack": _BITS}, "weights": _ALL}},
            {"train": _TRAIN},
        ],
        "releq": [
            {
                "search": {
                    "sampler": {"releq": releq},
                    "weights": _ALL,
                    "score": "accuracy",
                    "training": short,
                }
            },
            {"train": _TRAIN},
        ],
        "dq": [
            {"quantize": "uniform:bits=4,bias=false"},
            {"train": {**_TRAIN, "terms": [{"budget": {"weights": _WEIGHTS, "strength": 1}}]}},
        ],
    }


def carried_out(folder: Path, name: str, seed: int, steps: List[Any], start: Any = None) -> Results:
    """Returns the results of a run of LeNet on digits."""
    content: Dict[str, Any] = {
        "name": name,
        "seed": seed,
        "model": {"name": "lenet", **({} if start is None else {"parameters": str(start)})},
        "data": {"source": "digits", "validation": 0.2},
        "steps": steps,
        "export": {"nnb": False},
    }
    run = Run(Recipe.checked(content), folder / name, folder)
    return run.execute(lambda name, total: lambda *now: None)


def main() -> None:
    """Measures, and writes after each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--evaluations", type=int, default=60)
    given = parser.parse_args()
    rows: List[Dict[str, Any]] = []
    done: List[str] = []
    for seed in map(int, given.seeds.split(",")):
        done.append(str(seed))
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            carried_out(folder, "float", seed, [{"train": _FLOAT}])
            start = folder / "float" / "steps" / "01-train.h5"
            for name, steps in ways(given.evaluations).items():
                begin = time.process_time()
                results = carried_out(folder, name, seed, steps, start)
                assert results.compressed is not None and results.compressed.accuracy is not None
                training = (results.recipe_steps or [{}])[-1]
                rows.append(
                    {
                        "way": name,
                        "seed": seed,
                        "float": results.float.accuracy,
                        "test": results.compressed.accuracy,
                        "validation": training["best_validation"]["accuracy"],
                        "packed_weight_bytes": results.compressed.packed_weight_bytes,
                        "bits": [row["bits"] for row in results.layers or ()],
                        "cpu_seconds": round(time.process_time() - begin, 1),
                    }
                )
                print(rows[-1], flush=True)
        about = begun("search_live", 0)
        command = f"--seeds {','.join(done)} --evaluations {given.evaluations}"
        content = {
            "command": "python tests/benchmarks/measure_live_search.py "
            f"docs/results/search_live.json {command}",
            "date": about.date,
            "versions": about.versions,
            "rows": rows,
        }
        write_json(given.output, content)


if __name__ == "__main__":
    main()
