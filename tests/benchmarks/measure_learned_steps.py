# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""ResNet-20 at 2 bits on a part of CIFAR-10: fixed steps beside ranges and bits that are learned.

    python tests/benchmarks/measure_learned_steps.py docs/results/learned_steps.json

``NNABLA_COMPRESS_DATA`` names the folder of the network and of CIFAR-10. All ways begin with the
trained network, see the same images in the same order, and are scored on all test images. The file
is written after each run, and runs that it holds are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from nnabla_compress import data
from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun

_BUDGET = {"budget": {"weights": "70 kB"}}
_DISTILL = {"distill": {"temperature": 2, "weight": 0.7}}
# The rule for all layers, and what stands beside it in the recipe's compression.
WAYS: Dict[str, List[Dict[str, Any]]] = {
    "fixed": [{"bits": 2, "learn": None}, {}],
    "range, rate 1": [{"bits": 2, "learn": "qmax", "rate": 1}, {}],
    "range, rate 0.1": [{"bits": 2, "learn": "qmax"}, {}],
    "range, rate 0.1, any step": [{"bits": 2, "learn": "qmax", "step": "real"}, {}],
    "bits from 3, rate 1": [{"bits": 3, "rate": 1}, _BUDGET],
    "bits from 3, rate 0.1": [{"bits": 3}, _BUDGET],
    "bits from 2, rate 0.1": [{"bits": 2}, _BUDGET],
    "fixed, distilled": [{"bits": 2, "learn": None}, _DISTILL],
}


def carried_out(way: str, seed: int, images: Path, epochs: float, folder: Path) -> Dict[str, Any]:
    """Returns a row: what a way gave with a seed."""
    rule, beside = WAYS[way]
    content = {
        "name": "learned_steps",
        "seed": seed,
        "model": {"nnp": "$NNABLA_COMPRESS_DATA/models/resnet20_cifar10.nnp"},
        "data": {"source": "npz", "path": str(images), "validation": 1000},
        "preprocessing": {
            "scale": 1 / 255,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
        "augmentation": {"name": "pad_crop_flip"},
        "compression": {
            "weights": [{"layers": "*", "quantizer": "uniform", "step": "pow2", **rule}],
            "training": {
                "epochs": epochs,
                "batch_size": 64,
                "solver": "Momentum",
                "solver_options": {"momentum": 0.9},
                "learning_rate": 0.01,
                "schedule": "cosine",
                "weight_decay": 0.0001,
            },
            **beside,
        },
        "export": {"nnb": False},
    }
    begin = time.process_time()
    results = Run(Recipe.checked(content), folder / "run", folder).execute(
        lambda name, total: lambda *now: None
    )
    assert results.compressed is not None
    compressed = results.compressed.as_dict()
    return {
        "way": way,
        "seed": seed,
        "accuracy": compressed["accuracy"],
        "loss": compressed["loss"],
        "packed_bytes": compressed["packed_weight_bytes"],
        "cpu_s": round(time.process_time() - begin),
    }


def main() -> None:
    """Measures the ways in turn, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--images", type=int, default=13_500, help="1,000 are held out")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    chosen = parser.parse_args()
    whole = data.load("cifar10", path=Path(os.environ["NNABLA_COMPRESS_DATA"]) / "cifar10")
    train, test = whole.split("train"), whole.split("test")
    about = begun("learned_steps", 0)
    found: Dict[str, Any] = {
        "date": about.date,
        "versions": about.versions,
        "images": chosen.images,
        "epochs": chosen.epochs,
        "rows": [],
    }
    if chosen.output.exists():
        found["rows"] = json.loads(chosen.output.read_text(encoding="utf-8"))["rows"]
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npz"
        arrays = {"x_train": train.x[: chosen.images], "y_train": train.y[: chosen.images]}
        np.savez(images, x_test=test.x, y_test=test.y, **arrays)
        for seed in (int(text) for text in chosen.seeds.split(",")):
            for way in chosen.ways:
                if any((row["way"], row["seed"]) == (way, seed) for row in found["rows"]):
                    continue
                place = Path(folder) / f"{seed}-{chosen.ways.index(way)}"
                place.mkdir()
                row = carried_out(way, seed, images, chosen.epochs, place)
                found["rows"].append(row)
                write_json(chosen.output, found)
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
