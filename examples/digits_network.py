# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a user of Neural Network Console has: a trained network, and data sets in CSV files.

Trains a small network on real handwritten digits, with NNabla and nothing else, and writes
digits.nnp with the networks Main, MainValidation and MainRuntime, and train.csv and test.csv with
their images beside them.

    python examples/digits_network.py [-o FOLDER]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
from nnabla.utils.save import save
from PIL import Image
from sklearn.datasets import load_digits

BATCH, EPOCHS, SEED = 32, 8, 1


def network(x: nn.Variable, test: bool) -> nn.Variable:
    """Two convolutions with batch normalization and pooling, and an affine layer."""
    h = x
    for number, maps in enumerate((16, 32), 1):
        h = PF.convolution(h, maps, (3, 3), pad=(1, 1), with_bias=False, name=f"conv{number}")
        h = F.relu(PF.batch_normalization(h, batch_stat=not test, name=f"bn{number}"))
        h = F.max_pooling(h, (2, 2))
    return PF.affine(h, 10, name="fc")


def train(images: np.ndarray, labels: np.ndarray) -> None:
    """Trains the parameters of the network."""
    x, t = nn.Variable((BATCH, 1, 8, 8)), nn.Variable((BATCH, 1))
    loss = F.mean(F.softmax_cross_entropy(network(x, test=False), t))
    solver = S.Adam(0.003)
    solver.set_parameters(nn.get_parameters())
    random = np.random.RandomState(SEED)
    for _ in range(EPOCHS):
        order = random.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            x.d, t.d = images[rows] / 255, labels[rows, None]
            solver.zero_grad()
            loss.forward()
            loss.backward()
            solver.update()


def write_data(folder: Path, name: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Writes a data set as Console has them: a CSV file that names images and classes."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["x:image", "y:label"])
        for number, (image, label) in enumerate(zip(images, labels)):
            path = f"{name}/{number:04d}.png"
            Image.fromarray(image[0]).save(folder / path)
            rows.writerow([path, label])


def write_network(path: Path) -> None:
    """Writes the trained network as Console does."""
    x, t = nn.Variable((BATCH, 1, 8, 8)), nn.Variable((BATCH, 1))
    networks = []
    for name, test in (("Main", False), ("MainValidation", True)):
        outputs = {"loss": F.softmax_cross_entropy(network(x, test), t)}
        names = {"x": x, "y": t}
        networks.append({"name": name, "batch_size": BATCH, "outputs": outputs, "names": names})
    outputs = {"y'": F.softmax(network(x, test=True))}
    runtime = {"name": "MainRuntime", "batch_size": BATCH, "outputs": outputs, "names": {"x": x}}
    executor = {"name": "Executor", "network": "MainRuntime", "data": ["x"], "output": ["y'"]}
    save(str(path), {"networks": [*networks, runtime], "executors": [executor]})


def main() -> None:
    """Does what the module says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("digits"), help="folder")
    folder = parser.parse_args().output
    np.random.seed(SEED)
    found = load_digits()
    images = np.round(found.images * (255 / 16)).astype(np.uint8)[:, None]
    is_test = np.arange(len(images)) % 5 == 0
    train(images[~is_test], found.target[~is_test])
    write_data(folder, "train", images[~is_test], found.target[~is_test])
    write_data(folder, "test", images[is_test], found.target[is_test])
    write_network(folder / "digits.nnp")
    print(f"written to {folder}: digits.nnp, train.csv and test.csv")


if __name__ == "__main__":
    main()
