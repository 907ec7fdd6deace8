# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What ResNet-20 keeps without a quarter of its inner channels, by CHIP, by L1 and at random.

NNABLA_COMPRESS_DATA=DATA PYTHONPATH=. python tests/benchmarks/measure_chip.py RESULT.json

DATA holds the trained network and CIFAR-10. Filters are zeroed with what their normalization adds,
which is what removing them computes. The first 1,000 test images are scored; scores of channels and
new statistics of the normalizations come from training images.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from pathlib import Path

import nnabla as nn
import numpy as np

import nnabla_compress
from nnabla_compress.analysis.couplings import couplings
from nnabla_compress.data.cifar10 import cifar10
from nnabla_compress.files import write_json
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.importances.chip import class_moments
from nnabla_compress.importances.maps import maps
from nnabla_compress.models import NnpFile
from nnabla_compress.models.heads import logits_of

MEAN = np.reshape((0.485, 0.456, 0.406), (3, 1, 1))
STD = np.reshape((0.229, 0.224, 0.225), (3, 1, 1))
PART = 0.25
TESTED, NEW_STATISTICS = 1000, 500


def scaled(images: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them."""
    return np.float32((images / 255 - MEAN) / STD)


def logits(network: Network, images: np.ndarray) -> np.ndarray:
    """Returns what a network gives for images, in batches of 100."""
    on = network.on({name: nn.Variable((100, 3, 32, 32)) for name in network.inputs})
    found = []
    for start in range(0, len(images), 100):
        on.all_inputs[0].d = images[start : start + 100]
        on.output.forward(clear_buffer=True)
        found.append(np.array(on.output.d))
    return np.concatenate(found)


def new_statistics(network: Network, images: np.ndarray) -> None:
    """Makes running statistics those of one batch of images."""

    def replace(function, arguments):
        if function.info.type_name != "BatchNormalization":
            return None
        return clone(function, arguments, {"batch_stat": True, "decay_rate": 0.0})

    x = nn.Variable.from_numpy_array(images)
    (y,) = rebuild([network.output], replace, {network.all_inputs[0]: x})
    y.forward(clear_buffer=True)


def zero(network: Network, groups, scores) -> None:
    """Zeroes the quarter of each group's channels of the lowest scores."""
    parameters = network.parameters
    for group in groups:
        gone = np.argsort(scores[group.name], kind="stable")[: int(PART * group.size)]
        for member in group.members:
            if member.role in ("output", "scale", "shift"):
                places = [place for channel in gone for place in group_places(member, channel)]
                values = parameters[member.parameter].d
                values[(slice(None),) * member.axis + (places,)] = 0


def group_places(member, channel):
    """Returns where a channel of a group stands in one of its members."""
    return member.where[channel]


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--perturbations", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.process_time()
    folder = Path(os.environ["NNABLA_COMPRESS_DATA"])
    data = cifar10(str(folder / "cifar10"))
    train, test = data.split("train"), data.split("test")
    file = NnpFile(folder / "models" / "resnet20_cifar10.nnp")
    built = file.build(batch_size=1)
    network = Network(built.inputs, {"y": logits_of(built.output)})
    groups = [group for group in couplings(network) if group.inner]
    rng = np.random.RandomState(options.seed)
    rows = np.sort(rng.permutation(len(train))[: options.samples])
    samples = {"x": scaled(train.x[rows])}
    classes = np.asarray(train.y[rows], np.int64).reshape(-1)
    chosen = {"random": {}, "l1": {}, "chip mean |w|": {}, "chip max |w|": {}, "chip effect": {}}
    asked = time.process_time()
    for name, places in maps(network, groups, False).items():
        moments = class_moments(
            network, places, samples, classes, options.perturbations, options.seed
        )
        weights = np.abs([of.weights() for of in moments.values()])
        spread = np.array([of.spread() for of in moments.values()])
        chosen["chip mean |w|"][name] = weights.mean(axis=0)
        chosen["chip max |w|"][name] = weights.max(axis=0)
        chosen["chip effect"][name] = (weights * spread).mean(axis=0)
    seconds = time.process_time() - asked
    for group in groups:
        (maker,) = (m for m in group.members if m.role == "output")
        kernel = np.abs(network.parameters[maker.parameter].d)
        chosen["l1"][group.name] = kernel.reshape(group.size, -1).sum(axis=1)
        chosen["random"][group.name] = rng.rand(group.size)
    images, right = scaled(test.x[:TESTED]), np.asarray(test.y[:TESTED]).reshape(-1)

    def accuracy() -> float:
        return round(100 * float((logits(network, images).argmax(axis=1) == right).mean()), 2)

    found = {"float": {"accuracy": accuracy()}}
    print(found, flush=True)
    state = network.state()
    for name, scores in chosen.items():
        zero(network, groups, scores)
        found[name] = {"accuracy": accuracy()}
        new_statistics(network, scaled(train.x[:NEW_STATISTICS]))
        found[name]["with new statistics"] = accuracy()
        network.restore(state)
        print(name, found[name], flush=True)
    write_json(
        options.result,
        {
            "what": "accuracy in % of ResNet-20 on the first 1,000 CIFAR-10 test images without "
            "25 % of the channels of each inner group (9 groups), no training",
            "command": f"python tests/benchmarks/measure_chip.py RESULT.json "
            f"--samples {options.samples} --perturbations {options.perturbations} "
            f"--seed {options.seed}",
            "date": datetime.date.today().isoformat(),
            "seed": options.seed,
            "versions": {
                "nnabla_compress": nnabla_compress.__version__,
                "nnabla": nn.__version__,
                "numpy": np.__version__,
                "python": sys.version.split()[0],
            },
            "cpu_seconds_of_chip": round(seconds, 1),
            "cpu_seconds": round(time.process_time() - begun, 1),
            "groups": {group.name: group.size for group in groups},
            "found": found,
        },
    )


if __name__ == "__main__":
    main()
