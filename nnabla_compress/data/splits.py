# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a data set is here: splits of checked arrays, images as NCHW, targets classes or numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from nnabla_compress.data.arrays import reshaped, samples, targets_of
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.node_graph import NodeGraph

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Samples and what a network shall make of them; make one with :meth:`checked`.

    Args:
        x: Samples, shape (N, C, H, W) or (N, D), ``uint8`` or ``float32``.
        y: Class indices, ``int32`` from 0, shape (N,), or (N, 1, H, W) for one a pixel; or numbers,
            ``float32`` (N, ...); or nothing, (N, 0).
        more: Further inputs of a network with several, by name.
        name: Name of the input that ``x`` is for, where there are several.

    Example:
        >>> split = Split.checked(np.zeros((2, 3)), [1, 0], "example")
        >>> len(split), split.x.dtype.name, split.y.tolist()
        (2, 'float32', [1, 0])
    """

    x: np.ndarray
    y: np.ndarray
    more: Mapping[str, np.ndarray] = field(default_factory=dict)
    name: str = "x"

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labelled(self) -> bool:
        """Whether there are targets."""
        return self.y.ndim == 1 or self.y.size > 0

    @property
    def has_classes(self) -> bool:
        """Whether the targets are class indices."""
        return self.labelled and self.y.dtype.kind == "i"

    @property
    def arrays(self) -> Dict[str, np.ndarray]:
        """All inputs by name."""
        return {self.name: self.x, **self.more}

    def take(self, rows: np.ndarray) -> Split:
        """Returns some of the samples.

        Args:
            rows: Their indices.
        """
        more = {name: values[rows] for name, values in self.more.items()}
        return replace(self, x=self.x[rows], y=self.y[rows], more=more)

    def fitted(self, shapes: Mapping[str, Tuple[int, ...]]) -> Split:
        """Returns the samples in the shapes that a network takes, where axes of size 1 differ.

        Args:
            shapes: Shape of a sample of each input by name; those of other names stay.

        Example:
            >>> split = Split.checked(np.zeros((2, 1, 9)), [0, 1], "example")
            >>> split.fitted({"x": (9, 1)}).x.shape
            (2, 9, 1)
        """
        arrays = {
            name: reshaped(values, shapes.get(name, values.shape[1:]))
            for name, values in self.arrays.items()
        }
        return replace(self, x=arrays.pop(self.name), more=arrays)

    @classmethod
    def checked(
        cls,
        x: Any,
        y: Any,
        where: str,
        n_classes: Optional[int] = None,
        layout: str = "auto",
        targets: str = "classes",
    ) -> Split:
        """Makes a split from arrays as found in a file, or says what is wrong with them.

        Args:
            x: Samples, (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C). ``uint8`` is kept, any
                other number becomes ``float32``. Or several such arrays by name of the input.
            y: Targets. Class indices: (N,) or (N, 1) whole numbers from 0, or (N, H, W) for one a
                pixel. Numbers: (N, ...). None for samples without any.
            where: File or source, named in messages.
            n_classes: Class indices must be smaller than this, where given.
            layout: ``"NCHW"``, ``"NHWC"``, or ``"auto"``: channels are last if the last axis has 1,
                3 or 4 entries and the second has not.
            targets: What ``y`` is: ``"classes"``, ``"numbers"``, or ``"either"``: classes if it is
                (N,) or (N, 1) whole numbers from 0; ``"none"``: nobody looks at it.

        Returns:
            The split.

        Raises:
            DataError: If shapes, counts, values or labels do not fit.

        Example:
            >>> Split.checked(np.zeros((5, 32, 32, 3), np.uint8), np.zeros(5), "example").x.shape
            (5, 3, 32, 32)
            >>> Split.checked(np.zeros((5, 3)), np.zeros((5, 2)), "a", targets="numbers").y.shape
            (5, 2)
        """
        given = dict(x) if isinstance(x, Mapping) else {"x": x}
        arrays = {
            name: samples(np.asarray(values), name if len(given) > 1 else "x", where, layout)
            for name, values in given.items()
        }
        first = next(iter(arrays))
        count = len(arrays[first])
        for name, values in arrays.items():
            if len(values) != count:
                raise DataError(
                    f"{where}: {count} samples of {first} but {len(values)} of {name}.",
                    help="all inputs need the same number of rows, in the same order",
                )
        labels = targets_of(y, count, where, n_classes, layout, targets)
        if count != len(labels):
            raise DataError(
                f"{where}: {count} samples but {len(labels)} labels.",
                help="x and y need the same number of rows, in the same order",
            )
        return cls(arrays.pop(first), labels, arrays, first)


@dataclass(frozen=True)
class DataSet:
    """The splits that a source has; those it lacks are None.

    Args:
        name: Name of the source, for messages and reports.
        n_classes: Number of classes, at least every label + 1. Of targets that are numbers: how
            many there are a sample, 0 for other shapes than (N, D).
        train: Samples to learn from.
        validation: Samples to choose by, never part of ``train`` or ``test``.
        test: Samples to report on.
        class_names: Names of the classes where the source knows them, else empty.
        graph: Where samples are numbers of nodes: their features, and which are linked.

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
    graph: Optional[NodeGraph] = None

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
        largest = max((int(s.y.max()) for s in present.values() if s.has_classes), default=-1)
        if n_classes is None:
            n_classes = largest + 1 or max(
                split.y.shape[1] if split.y.ndim == 2 else 0 for split in present.values()
            )
        elif largest >= n_classes:
            raise DataError(
                f"{name}: label {largest} lies outside 0..{n_classes - 1}.",
                help="labels are class indices; check n_classes",
            )
        _same_shapes(name, "samples", {key: split.x for key, split in present.items()})
        for other in next(iter(present.values())).more:
            _same_shapes(name, other, {key: split.more[other] for key, split in present.items()})
        _same_shapes(name, "targets", {key: s.y for key, s in present.items() if s.labelled})
        return cls(name, n_classes, train, validation, test, tuple(class_names))

    @property
    def splits(self) -> Dict[str, Split]:
        """The splits that there are, by name."""
        found = {key: getattr(self, key) for key in SPLITS}
        return {key: split for key, split in found.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """A checksum of all samples and targets: equal data have equal ones."""
        found = hashlib.sha256()
        for name, split in self.splits.items():
            for key, values in (*split.arrays.items(), ("", split.y)):
                found.update(f"{name} {key} {values.dtype} {values.shape}".encode())
                found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()

    def change(self, how: Callable[[Split], Split]) -> DataSet:
        """Returns the data set with each split changed.

        Args:
            how: Returns what takes the place of a split.
        """
        changed: Dict[str, Any] = {key: how(split) for key, split in self.splits.items()}
        return replace(self, **changed)

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
        if name not in SPLITS:
            raise ConfigError(
                f"unknown split {name!r}.", help="the splits are train, validation and test"
            )
        found: Optional[Split] = getattr(self, name)
        if found is None:
            raise DataError(
                f"{self.name} has no {name} set.",
                help="set validation: to a fraction or a number of training samples"
                if name == "validation"
                else f"it has {' and '.join(self.splits)} samples: choose among them, or use a "
                f"source or file with a {name} set",
            )
        return found


def _same_shapes(name: str, what: str, arrays: Mapping[str, np.ndarray]) -> None:
    shapes = {key: values.shape[1:] for key, values in arrays.items()}
    if len(set(shapes.values())) > 1:
        text = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise DataError(
            f"{name}: {what} differ in shape between splits: {text}.",
            help=f"all splits need {what} of one shape",
        )


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
        train=train.take(kept),
        validation=train.take(held),
    )
