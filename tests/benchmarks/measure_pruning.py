# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Prunes the trained ResNet-20 for CIFAR-10 without any training, in many ways, and scores it.

    python tests/benchmarks/measure_pruning.py --json docs/results/pruning_oneshot.json

Layers behind removed channels are refitted on the first 1,024 training images in some rows. Scores
are of the first 1,000 test images, before and after the statistics of the batch
normalizations were estimated anew on the first 500 training images. Importances that look at data
see the first training images; hrank also others, to see how much that decides.
NNABLA_COMPRESS_DATA names the folder of networks and data.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import nnabla as nn
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.calibration.batch_statistics import estimate_statistics
from nnabla_compress.calibration.observe import compute
from nnabla_compress.data import Batch, Split, evaluation_batches
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import Examples
from nnabla_compress.loading.inputs import Inputs, load_inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.transforms import start_quantizers, transform_named

TEST, STATISTICS, IMAGES = 1000, 500, 250
RECIPE = {
    "name": "pruning",
    "model": {"nnp": "$NNABLA_COMPRESS_DATA/models/resnet20_cifar10.nnp"},
    "data": {"source": "cifar10", "path": "$NNABLA_COMPRESS_DATA/cifar10"},
    "preprocessing": {
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
}
# The first convolution reads three channels, which no pattern divides: it stays dense.
CONVOLUTIONS = {"layers": ["*/conv"]}
WEIGHTS: List[Dict[str, Any]] = [
    *({"sparsity": sparsity, **CONVOLUTIONS} for sparsity in (0.5, 0.7, 0.8, 0.9)),
    *({"pattern": pattern, **CONVOLUTIONS} for pattern in ("2:4", "4:8", "1:4")),
    *({"sparsity": 0.8, "importance": name, **CONVOLUTIONS} for name in ("snip", "random")),
]
IMPORTANCES: List[Any] = [
    *("l1", "l2", "fpgm", "bn_gamma", {"hrank": IMAGES}, {"mean_activation": IMAGES}),
    *("l1_times_next", "random", {"apoz": IMAGES}, {"taylor": 512}, {"snip": 128}),
    {"reconstruction": 256},
    {"hessian": {"samples": 256, "probes": 4}},
]
REFITTED: List[Dict[str, Any]] = [
    {"macs": 0.5, "importance": "l1", "reconstruct": 1024},
    {"macs": 0.5, "importance": {"reconstruction": 256}, "reconstruct": 1024},
    {
        "macs": 0.5,
        "importance": {"reconstruction": 256},
        "across": "savings",
        "reconstruct": 1024,
    },
]

BY_RANK = {"prune_channels": {"filters": 0.25, "importance": {"hrank": IMAGES}}}
OTHER_IMAGES = 8


class Images:
    """What transforms look at: the first training images, or those from another one on."""

    seed = 0

    def __init__(self, inputs: Inputs, first: int = 0) -> None:
        self._inputs, self._first = inputs, first

    def batch(self, split: str, most: int, first: int = 0) -> Batch:
        """Returns samples of a split as the network takes them."""
        chosen: Split = self._inputs.data.split(split).take(np.arange(first, first + most))
        return next(iter(evaluation_batches(chosen, most, self._inputs.preprocessing)))

    def samples(self, most: int) -> Optional[Dict[str, np.ndarray]]:
        """Returns images."""
        return {"x": self.batch("train", most, self._first).x}

    def examples(self, most: int) -> Optional[Examples]:
        """Returns images with their classes."""
        batch = self.batch("train", most, self._first)
        return Examples({"x": batch.x}, batch.y, self._inputs.loss.samples)

    def tell(self, line: str) -> None:
        """Tells nobody."""


def cases() -> List[Dict[str, Any]]:
    """Returns what is tried: a transform and its options each."""
    channels = [
        *REFITTED,
        *(
            {"filters": fraction, "importance": importance}
            for fraction in (0.25, 0.5)
            for importance in IMPORTANCES
        ),
    ]
    found = [{"prune_weights": options} for options in WEIGHTS]
    return found + [{"prune_channels": options} for options in channels]


def measured(context: Images, network: Network, case: Dict[str, Any]) -> Dict[str, Any]:
    """Returns what a pruned network scores before and after its statistics are estimated."""
    ((name, options),) = case.items()
    test, start = context.batch("test", TEST), time.process_time()
    copy = network.copy()
    with copy.within():
        made, _ = transform_named(name).checked(options).apply(copy, context)
        start_quantizers(made.all_outputs)
        seconds = time.process_time() - start

        def score() -> float:
            (found,) = compute(made.all_outputs, made.all_inputs, [test.x], 100)
            return round(float((found.argmax(axis=1) == test.y[:, 0]).mean()), 4)

        row: Dict[str, Any] = {name: options, "accuracy": score()}
        images = context.batch("train", STATISTICS).x
        estimate_statistics(made.all_outputs, made.all_inputs, [images], STATISTICS)
        return {**row, "after_statistics": score(), "seconds": round(seconds, 2)}


def main() -> None:
    """Measures all, and writes after each, so that a killed measurement goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args()
    results: Dict[str, Any] = {
        "command": "python tests/benchmarks/measure_pruning.py --json FILE",
        "network": "resnet20_cifar10.nnp",
        "test_images": TEST,
        "seed": 0,
        "date": datetime.date.today().isoformat(),
        "versions": {
            "nnabla_compress": __version__,
            "nnabla": nn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "rows": [],
        "hrank_by_images": [],
    }
    if chosen.json.exists():
        before = json.loads(chosen.json.read_text(encoding="utf-8"))
        results.update((key, before[key]) for key in ("rows", "hrank_by_images") if key in before)

    def keep(key: str, row: Dict[str, Any]) -> None:
        results[key].append(row)
        print(json.dumps(row), flush=True)
        chosen.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    done = [{k: v for k, v in row.items() if k.startswith("prune_")} for row in results["rows"]]
    with own_parameters():
        inputs = load_inputs(Recipe.checked(RECIPE), Path())
        context = Images(inputs)
        x = nn.Variable((1, 3, 32, 32))
        network = Network({"x": x}, {"y": inputs.build(x, True)})
        for case in cases():
            if case in done:
                continue
            keep("rows", measured(context, network, case))
        for first in range(0, OTHER_IMAGES * IMAGES, IMAGES):
            if first not in [row["first_image"] for row in results["hrank_by_images"]]:
                found = measured(Images(inputs, first), network, BY_RANK)
                keep("hrank_by_images", {"first_image": first, **found})


if __name__ == "__main__":
    main()
