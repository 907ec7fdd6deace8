# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks at the same size: uniform bits, a knapsack, ReLeQ, and bits that are learned.

    python tests/benchmarks/measure_live_search.py docs/results/search_live.json --seeds 1,2,3
    python tests/benchmarks/measure_live_search.py docs/results/search_live_resnet20.json \
        --network resnet20 --seeds 1 --evaluations 40

LeNet is trained on digits first, for each seed; ResNet-20 on CIFAR-10 is the file in
$NNABLA_COMPRESS_DATA/models. All ways begin with that float network, take Uniform quantizers, keep
to the bytes that 3 bits everywhere take, and train for the same epochs in the end. ReLeQ is after
accuracy alone, which it measures on validation samples; for LeNet each candidate is trained for an
epoch before that, for ResNet-20 not at all. ResNet-20 has the first 4,000 training images of
CIFAR-10, of which 500 are held out, and the first 1,000 test images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from nnabla_compress.data import load
from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun

_MOMENTUM = {"solver_options": {"momentum": 0.9}}
_BITS = {"bits": [2, 3, 4, 8], "quantizer": "uniform:learn=null,bias=false"}
_ACCURACY = {"shape": "linear", "slope_bits": 0.0}


@dataclass(frozen=True)
class Case:
    """A network, and how it is trained.

    Args:
        content: What its recipes begin with.
        weights: How many weights are quantized.
        layers: In how many layers.
        others: How many biases searches count besides.
        train: The training in the end.
        before: The training of the float network; None where a file has it.
        short: The training of a candidate; None: none.
        samples: Samples that searches measure on.
    """

    content: Dict[str, Any]
    weights: int
    layers: int
    others: int
    train: Dict[str, Any]
    before: Optional[Dict[str, Any]] = None
    short: Optional[Dict[str, Any]] = None
    samples: int = 256

    @property
    def budget(self) -> float:
        """Bytes of the weights with 3 bits each, and of the steps of their layers."""
        return self.weights * 3 / 8 + 12 * self.layers


CASES = {
    "lenet": Case(
        {"model": {"name": "lenet"}, "data": {"source": "digits", "validation": 0.2}},
        10_500,
        4,
        92,
        {
            "epochs": 15,
            "batch_size": 32,
            "learning_rate": 0.01,
            "weight_decay": 0.0001,
            **_MOMENTUM,
        },
        {
            "epochs": 30,
            "batch_size": 32,
            "learning_rate": 0.05,
            "weight_decay": 0.0001,
            **_MOMENTUM,
        },
        {"epochs": 1, "batch_size": 32, "learning_rate": 0.01, **_MOMENTUM},
    ),
    "resnet20": Case(
        {
            "model": {"nnp": "$NNABLA_COMPRESS_DATA/models/resnet20_cifar10.nnp"},
            "data": {"source": "npz", "path": "some.npz", "layout": "NCHW", "validation": 500},
            "preprocessing": {
                "scale": 0.00392156862745098,
                "mean": [0.485, 0.456, 0.406],
                "std": [0.229, 0.224, 0.225],
            },
            "augmentation": {"name": "pad_crop_flip"},
        },
        268_336,
        20,
        10,
        {"epochs": 0.5, "batch_size": 64, "learning_rate": 0.002, **_MOMENTUM},
        samples=128,
    ),
}


def ways(case: Case, evaluations: int) -> Dict[str, List[Dict[str, Any]]]:
    """Returns the steps of each way."""
    every = case.budget + 4 * case.others
    train = {"train": case.train}
    releq: Dict[str, Any] = {
        "sampler": {
            "releq": {**_BITS, "reward": _ACCURACY, "evaluations": evaluations, "updates": 40}
        },
        "weights": every,
        "score": "accuracy",
        "samples": case.samples,
        **({} if case.short is None else {"training": case.short}),
    }
    learned = {"budget": {"weights": case.budget, "strength": 1}}
    return {
        "uniform": [{"quantize": "uniform:bits=3,learn=null,bias=false"}, train],
        "knapsack": [
            {
                "search": {
                    "sampler": {"knapsack": _BITS},
                    "weights": every,
                    "samples": case.samples,
                }
            },
            train,
        ],
        "releq": [{"search": releq}, train],
        "dq": [
            {"quantize": "uniform:bits=4,bias=false"},
            {"train": {**case.train, "terms": [learned]}},
        ],
    }


def carried_out(
    case: Case, folder: Path, name: str, seed: int, steps: List[Any], start: Any = None
) -> Results:
    """Returns the results of a run."""
    content = {**case.content, "name": name, "seed": seed, "steps": steps}
    if start is not None:
        content["model"] = {**case.content["model"], "parameters": str(start)}
    run = Run(Recipe.checked({**content, "export": {"nnb": False}}), folder / name, folder)
    return run.execute(lambda name, total: lambda *now: None)


def write_some(folder: Path) -> None:
    """Writes some images of CIFAR-10."""
    data = load("cifar10", path=f"{os.environ['NNABLA_COMPRESS_DATA']}/cifar10")
    arrays = {}
    for name, count in (("train", 4000), ("test", 1000)):
        split = data.split(name)
        arrays[f"x_{name}"], arrays[f"y_{name}"] = split.x[:count], split.y[:count]
    np.savez(folder / "some.npz", **arrays)


def rows_of(case: Case, folder: Path, seed: int, evaluations: int) -> List[Dict[str, Any]]:
    """Returns a row for each way."""
    rows, start = [], None
    if case.content["data"]["source"] == "npz":
        write_some(folder)
    if case.before is not None:
        carried_out(case, folder, "float", seed, [{"train": case.before}])
        start = folder / "float" / "steps" / "01-train.h5"
    for name, steps in ways(case, evaluations).items():
        begin = time.process_time()
        results = carried_out(case, folder, name, seed, steps, start)
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
    return rows


def main() -> None:
    """Measures, and writes after each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--network", choices=list(CASES), default="lenet")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--evaluations", type=int, default=60)
    given = parser.parse_args()
    rows: List[Dict[str, Any]] = []
    done: List[str] = []
    for seed in map(int, given.seeds.split(",")):
        done.append(str(seed))
        with tempfile.TemporaryDirectory() as place:
            rows += rows_of(CASES[given.network], Path(place), seed, given.evaluations)
        about = begun("search_live", 0)
        command = f"--network {given.network} --seeds {','.join(done)}"
        content = {
            "command": "python tests/benchmarks/measure_live_search.py OUTPUT.json "
            f"{command} --evaluations {given.evaluations}",
            "date": about.date,
            "versions": about.versions,
            "rows": rows,
        }
        write_json(given.output, content)


if __name__ == "__main__":
    main()
