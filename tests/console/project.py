# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A folder of results as Neural Network Console leaves it after a training and an evaluation."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
from nnabla.utils.save import save
from PIL import Image

SAMPLES = 24


def network(x):
    h = F.relu(PF.convolution(x, 8, (3, 3), name="Convolution"))
    return PF.affine(h, 10, name="Affine")


def results_folder(folder: Path, samples: int = SAMPLES) -> Path:
    """Writes results.nnp, net.nntxt, output_result.csv with its images, and training.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    nn.clear_parameters()
    np.random.seed(1)
    x, t = nn.Variable((4, 1, 8, 8)), nn.Variable((4, 1))
    y = network(x)
    loss = F.mean(F.softmax_cross_entropy(y, t))
    answer = F.softmax(network(x))
    solver = S.Momentum(0.01, 0.9)
    solver.set_parameters(nn.get_parameters())
    names = {"Input": x, "T": t}
    save(
        str(folder / "results.nnp"),
        {
            "networks": [
                {"name": "Main", "batch_size": 4, "outputs": {"Loss": loss}, "names": names},
                {
                    "name": "MainRuntime",
                    "batch_size": 4,
                    "outputs": {"y'": answer},
                    "names": {"Input": x},
                },
            ],
            "datasets": [
                {
                    "name": "Training",
                    "uri": "training.csv",
                    "cache_dir": "",
                    "variables": {"x": x, "y": t},
                    "shuffle": True,
                    "batch_size": 4,
                    "no_image_normalization": False,
                }
            ],
            "optimizers": [
                {
                    "name": "Optimizer",
                    "solver": solver,
                    "network": "Main",
                    "dataset": "Training",
                    "weight_decay": 0,
                    "lr_decay": 1,
                    "lr_decay_interval": 1,
                    "update_interval": 1,
                    "data_variables": {"Input": "x", "T": "y"},
                    "loss_variables": ["Loss"],
                }
            ],
            "executors": [
                {
                    "name": "Executor",
                    "network": "MainRuntime",
                    "data": ["Input"],
                    "output": ["y'"],
                    "remp": {"Input": "x"},
                }
            ],
        },
    )
    with zipfile.ZipFile(folder / "results.nnp") as archive:
        (folder / "net.nntxt").write_bytes(archive.read("network.nntxt"))
    nn.clear_parameters()
    _write_data(folder, samples)
    return folder


def _write_data(folder: Path, samples: int) -> None:
    random = np.random.RandomState(2)
    (folder / "data").mkdir(exist_ok=True)
    rows = []
    for number in range(samples):
        pixels = random.randint(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "data" / f"{number}.png")
        # As on Windows.
        rows.append([f".\\data\\{number}.png", number % 10])
    answers = [f"y'__{n}" for n in range(10)]
    for name, more in (("training.csv", []), ("output_result.csv", answers)):
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["x:image", "y:label", *more])
            writer.writerows([*row, *[0.1 for _ in more]] for row in rows)
