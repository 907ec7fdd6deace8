# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a data set is here: splits of checked arrays, images as NCHW, labels as class indices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional, Tuple, Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError


@dataclass(frozen=True)
class Split:
    """Samples and their labels; make one with :meth:`checked`.

    Args:
        x: Samples, shape (N, C, H, W) or (N, D), ``uint8`` or ``float32``.
        y: Class indices, shape (N,), ``int32``, at least 0.

    Example:
        >>> split = Split.checked(np.zeros((2, 3)), [1, 0], "example")
        >>> len(split), split.x.dtype.name, split.y.tolist()
        (2, 'float32', [1, 0])
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def checked(
        cls, x: Any, y: Any, where: str, n_classes: Optional[int] = None, layout: str = "auto"
    ) -> Split:
        """Makes a split from arrays as found in a file, or says what is wrong with them.

        Args:
            x: Samples, (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C). ``uint8`` is kept, any
                other number becomes ``float32``.
            y: Labels, (N,) or (N, 1): whole numbers from 0.
            where: File or source, named in messages.
            n_classes: Labels must be smaller than this, where given.
            layout: ``"NCHW"``, ``"NHWC"``, or ``"auto"``: channels are last if the last axis has 1,
                3 or 4 entries and the second has not.

        Returns:
            The split.

        Raises:
            DataError: If shapes, counts, values or labels do not fit.

        Example:
            >>> Split.checked(np.zeros((5, 32, 32, 3), np.uint8), np.zeros(5), "example").x.shape
            (5, 3, 32, 32)
        """
        samples = _samples(np.asarray(x), where, layout)
        labels = _labels(np.asarray(y), where, n_classes)
        if len(samples) != len(labels):
            raise DataError(
                f"{where}: {len(samples)} samples but {len(labels)} labels.",
                help="x and y need the same number of rows, in the same order",
            )
        return cls(samples, labels)


def _samples(x: np.ndarray, where: str, layout: str) -> np.ndarray:
    if x.dtype.kind not in "buif":
        raise DataError(f"{where}: x holds {x.dtype}, not numbers.", help="store x as numbers")
    if x.ndim not in (2, 3, 4):
        raise DataError(
            f"{where}: x has the shape {x.shape}.",
            help="x must be (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C)",
        )
    if x.size == 0:
        raise DataError(f"{where}: the set is empty, x has the shape {x.shape}.")
    if x.dtype != np.uint8:
        x = x.astype(np.float32)
        bad = int(np.size(x) - np.count_nonzero(np.isfinite(x)))
        if bad:
            finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
            first = int(np.argmin(finite))
            raise DataError(
                f"{where}: {bad} values of x are NaN or infinite, the first in sample {first}.",
                help="remove or repair these samples",
            )
    if x.ndim == 3:
        x = x[:, np.newaxis]
    elif x.ndim == 4 and (layout == "NHWC" or (layout == "auto" and _channels_are_last(x))):
        x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x)


def _channels_are_last(x: np.ndarray) -> bool:
    return x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3, 4)


def _labels(y: np.ndarray, where: str, n_classes: Optional[int]) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "buif":
        raise DataError(
            f"{where}: y has the shape {y.shape} of {y.dtype}.",
            help="y must be one class index a sample: (N,) or (N, 1) whole numbers from 0",
        )
    if y.dtype.kind == "f":
        wrong = ~(np.isfinite(y) & (y == np.floor(y)))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{where}: label {y[row]} of sample {row} is not a whole number.",
                help="labels are class indices 0, 1, 2, ...",
            )
    if len(y) == 0:
        raise DataError(f"{where}: the set is empty, y has no rows.")
    limit = np.iinfo(np.int32).max if n_classes is None else n_classes - 1
    wrong = (y < 0) | (y > limit)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{where}: label {int(y[row])} of sample {row} lies outside 0..{limit}.",
            help="labels are class indices; check n_classes",
        )
    return y.astype(np.int32)


@dataclass(frozen=True)
class DataSet:
    """The splits that a source has; those it lacks are None.

    Args:
        name: Name of the source, for messages and reports.
        n_classes: Number of classes, at least every label + 1.
        train: Samples to learn from.
        validation: Samples to choose by, never part of ``train`` or ``test``.
        test: Samples to report on.
        class_names: Names of the classes where the source knows them, else empty.

    Example:
        >>> split = Split.checked(np.zeros((4, 2)), [0, 1, 2, 1], "example")
        >>> data = DataSet.checked("example", train=split)
        >>> data.n_classes, data.sample_shape
        (3, (2,))
    """

    name: str
    n_classes: int
    train: Optional[Split] = None
    validation: Optional[Split] = None
    test: Optional[Split] = None
    class_names: Tuple[str, ...] = ()

    @classmethod
    def checked(
        cls,
        name: str,
        n_classes: Optional[int] = None,
        train: Optional[Split] = None,
        validation: Optional[Split] = None,
        test: Optional[Split] = None,
        class_names: Tuple[str, ...] = (),
    ) -> DataSet:
        """Makes a data set whose splits fit together.

        Args:
            name: Name of the source.
            n_classes: Number of classes; by default the largest label of any split + 1.
            train: Samples to learn from.
            validation: Samples to choose by.
            test: Samples to report on.
            class_names: Names of the classes.

        Returns:
            The data set.

        Raises:
            DataError: If there is no split at all, if samples of two splits differ in shape, or
                if a label is not below ``n_classes``.

        Example:
            >>> test = Split.checked(np.zeros((1, 2)), [0], "example")
            >>> DataSet.checked("example", n_classes=2, test=test).n_classes
            2
        """
        splits = {"train": train, "validation": validation, "test": test}
        present = {key: split for key, split in splits.items() if split is not None}
        if not present:
            raise DataError(f"{name}: there is neither a training nor a test set.")
        largest = max(int(split.y.max()) for split in present.values())
        if n_classes is None:
            n_classes = largest + 1
        elif largest >= n_classes:
            raise DataError(
                f"{name}: label {largest} lies outside 0..{n_classes - 1}.",
                help="labels are class indices; check n_classes",
            )
        shapes = {key: split.x.shape[1:] for key, split in present.items()}
        if len(set(shapes.values())) > 1:
            text = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
            raise DataError(
                f"{name}: samples differ in shape between splits: {text}.",
                help="all splits need samples of one shape",
            )
        return cls(name, n_classes, train, validation, test, tuple(class_names))

    @property
    def sample_shape(self) -> Tuple[int, ...]:
        """Shape of one sample, (C, H, W) or (D,)."""
        split = self.train or self.test or self.validation
        assert split is not None  # checked() made sure of one
        return tuple(split.x.shape[1:])

    def split(self, name: str) -> Split:
        """Returns a split by name, or says that the source has none.

        Args:
            name: ``"train"``, ``"validation"`` or ``"test"``.

        Returns:
            The split.

        Raises:
            ConfigError: If the name is none of the three.
            DataError: If the data set lacks that split.

        Example:
            >>> test = Split.checked(np.zeros((1, 2)), [0], "example")
            >>> len(DataSet.checked("example", test=test).split("test"))
            1
        """
        if name not in ("train", "validation", "test"):
            raise ConfigError(
                f"unknown split {name!r}.", help="the splits are train, validation and test"
            )
        found: Optional[Split] = getattr(self, name)
        if found is None:
            raise DataError(
                f"{self.name} has no {name} set.",
                help="set validation: to a fraction or a number of training samples"
                if name == "validation"
                else f"use a source or file with a {name} set",
            )
        return found


def hold_out(data: DataSet, validation: Union[int, float], seed: int = 0) -> DataSet:
    """Moves a seeded random part of the training set to the validation set.

    The test set is never touched; the samples of each part keep their order.

    Args:
        data: Data set with a training set and no validation set.
        validation: A fraction between 0 and 1 (float), or a number of samples (int). 0 changes
            nothing.
        seed: Seed of the permutation.

    Returns:
        The data set with both parts.

    Raises:
        ConfigError: If the part is negative, not less than the whole, or not a number.
        DataError: If there is no training set, or a validation set is there already.

    Example:
        >>> train = Split.checked(np.zeros((10, 2)), np.arange(10), "example")
        >>> parts = hold_out(DataSet.checked("example", train=train), validation=0.2)
        >>> len(parts.split("train")), len(parts.split("validation"))
        (8, 2)
    """
    if isinstance(validation, bool) or not isinstance(validation, (int, float)):
        raise ConfigError(f"validation is {validation!r}.", help="give a fraction or a count")
    if validation == 0:
        return data
    train = data.split("train")
    if data.validation is not None:
        raise DataError(
            f"{data.name} brings its own validation set, but validation={validation} is asked for.",
            help="leave validation out",
        )
    is_fraction = isinstance(validation, float)
    count = int(round(validation * len(train))) if is_fraction and validation < 1 else validation
    if not (0 < count < len(train)) or (is_fraction and not 0 < validation < 1):
        raise ConfigError(
            f"validation={validation} of {len(train)} training samples is not possible.",
            help=f"give a fraction between 0 and 1, or a count from 1 to {len(train) - 1}",
        )
    order = np.random.RandomState(seed).permutation(len(train))
    held, kept = np.sort(order[: int(count)]), np.sort(order[int(count) :])
    return replace(
        data,
        train=Split(train.x[kept], train.y[kept]),
        validation=Split(train.x[held], train.y[held]),
    )
