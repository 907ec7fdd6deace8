# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Points of two classes that no line separates, made anew from a seed; and a table of a clinic."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

_TEST_SHARE = 0.3


def two_classes(
    shape: str = "spirals", samples: int = 1200, noise: float = 0.8, draw: int = 0
) -> DataSet:
    """Makes a data set of two classes, half of each class to train and half to test.

    Args:
        shape: ``spirals``: two of them around each other, two turns each; ``rings``: a disk and
            two rings around it, the inner one of the other class; ``bananas``: two bent clouds
            that overlap; ``breast_cancer``: 569 cells of 30 measures that come with scikit-learn,
            to which the next two options don't apply, three tenths of them to test.
        samples: Points of both classes together, an even number from 8.
        noise: How far points lie off: of spirals the side of a square, else a standard deviation.
        draw: Seed of the points, or of the choice of test samples: another one is another set.

    Returns:
        Points ``float32`` (N, 2) with labels 0 and 1; of ``breast_cancer`` (N, 30).

    Raises:
        ConfigError: If an option is out of range.

    Example:
        >>> data = two_classes("rings", samples=400)
        >>> data.split("train").x.shape, data.split("test").y.mean()
        ((200, 2), 0.5)
    """
    if shape not in (*_SHAPES, "breast_cancer"):
        raise ConfigError(
            f"two_classes: shape is {shape!r}.",
            help=did_you_mean(str(shape), [*_SHAPES, "breast_cancer"]),
        )
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 8 or samples % 2:
        raise ConfigError(
            f"two_classes: samples is {samples!r}.", help="give an even number from 8"
        )
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise < 1e6:
        raise ConfigError(f"two_classes: noise is {noise!r}.", help="give 0 or more, such as 0.8")
    if isinstance(draw, bool) or not isinstance(draw, int) or not 0 <= draw < 1 << 32:
        raise ConfigError(
            f"two_classes: draw is {draw!r}.", help="give a whole number from 0 to 4294967295"
        )
    rng = np.random.RandomState(draw)
    if shape == "breast_cancer":
        x, y = _breast_cancer()
        order = rng.permutation(len(y))
        cut = int(round(_TEST_SHARE * len(y)))
        rows = {"test": order[:cut], "train": order[cut:]}
    else:
        half = samples // 2
        parts = [_SHAPES[shape](label, half, float(noise), rng) for label in (0, 1)]
        x, y = np.concatenate(parts), np.repeat([0, 1], half)
        # Points are drawn one after the other, so every second one is as good as a random half.
        rows = {"train": np.arange(0, samples, 2), "test": np.arange(1, samples, 2)}
    splits = {
        name: Split.checked(x[some].astype(np.float32), y[some].astype(np.int32), shape)
        for name, some in rows.items()
    }
    return DataSet.checked(shape, n_classes=2, train=splits["train"], test=splits["test"])


def _spirals(label: int, count: int, noise: float, rng: np.random.RandomState) -> np.ndarray:
    angle = np.sqrt(rng.random_sample(count)) * 4 * np.pi
    arm = np.stack([-angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    return (1 - 2 * label) * arm + noise * rng.random_sample((count, 2))


def _rings(label: int, count: int, noise: float, rng: np.random.RandomState) -> np.ndarray:
    # Class 0: a disk of radius 2 and a ring around 9; class 1: a ring around 5.
    angle = rng.random_sample(count) * 2 * np.pi
    inside = rng.random_sample(count) < 0.5
    disk = 2 * np.sqrt(rng.random_sample(count))
    radius = np.full(count, 5.0) if label else np.where(inside, disk, 9.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + noise * rng.standard_normal((count, 2))


def _bananas(label: int, count: int, noise: float, rng: np.random.RandomState) -> np.ndarray:
    angle = rng.random_sample(count) * np.pi
    turn = 1 - 2 * label
    points = 4 * np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1)
    return points + label * np.array([4.0, 2.0]) + noise * rng.standard_normal((count, 2))


_SHAPES = {"spirals": _spirals, "rings": _rings, "bananas": _bananas}


def _breast_cancer() -> Tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as error:
        raise ConfigError(
            "the data set breast_cancer needs scikit-learn, which is not installed.",
            help="pip install scikit-learn",
        ) from error
    bunch = load_breast_cancer()
    return np.asarray(bunch.data), np.asarray(bunch.target)
