# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Arrays as found in files: made samples and targets, or refused with what is wrong with them."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from nnabla_compress.errors import DataError


def samples(x: np.ndarray, name: str, where: str, layout: str) -> np.ndarray:
    """Returns samples as a network takes them.

    Args:
        x: (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C).
        name: What messages call it.
        where: File or source, named in messages.
        layout: ``"NCHW"``, ``"NHWC"`` or ``"auto"``.

    Returns:
        (N, D) or (N, C, H, W), ``uint8`` or ``float32``.

    Raises:
        DataError: If there is none, or they are no numbers, NaN, infinite or of another shape.
    """
    if x.dtype.kind not in "buif":
        raise DataError(
            f"{where}: {name} holds {x.dtype}, not numbers.", help=f"store {name} as numbers"
        )
    if x.ndim not in (2, 3, 4):
        raise DataError(
            f"{where}: {name} has the shape {x.shape}.",
            help=f"{name} must be (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C)",
        )
    if x.size == 0:
        raise DataError(f"{where}: the set is empty, {name} has the shape {x.shape}.")
    if x.dtype != np.uint8:
        x = _finite(x, name, where)
    if x.ndim == 3:
        x = x[:, np.newaxis]
    return _channels_first(x, layout)


def _finite(values: np.ndarray, name: str, where: str) -> np.ndarray:
    # A number too large for float32 becomes infinite, and is refused like one.
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    bad = int(np.size(values) - np.count_nonzero(np.isfinite(values)))
    if bad:
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        raise DataError(
            f"{where}: {bad} values of {name} are NaN or infinite, the first in sample "
            f"{int(np.argmin(finite))}.",
            help="remove or repair these samples",
        )
    return values


def _channels_first(x: np.ndarray, layout: str) -> np.ndarray:
    last = x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4)
    if x.ndim == 4 and (layout == "NHWC" or (layout == "auto" and last)):
        x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x)


def reshaped(values: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """Gives samples a shape that differs in axes of size 1 only; else leaves them.

    Args:
        values: (N, ...).
        shape: Shape of a sample.

    Example:
        >>> reshaped(np.zeros((5, 8, 8)), (1, 8, 8)).shape, reshaped(np.zeros((5, 3)), (4,)).shape
        ((5, 1, 8, 8), (5, 3))
    """
    without = [tuple(size for size in s if size != 1) for s in (values.shape[1:], shape)]
    return values.reshape((len(values), *shape)) if without[0] == without[1] else values


def targets_of(
    y: Any, count: int, where: str, n_classes: Optional[int], layout: str, targets: str
) -> np.ndarray:
    """Returns targets as :class:`~nnabla_compress.data.splits.Split` keeps them.

    Args:
        y: Class indices or numbers, or None.
        count: Number of samples.
        where: File or source, named in messages.
        n_classes: Class indices must be smaller than this, where given.
        layout: ``"NCHW"``, ``"NHWC"`` or ``"auto"``.
        targets: ``"classes"``, ``"numbers"``, ``"either"`` or ``"none"``.

    Returns:
        Class indices ``int32``, (N,) or (N, 1, H, W); numbers ``float32``, (N, ...); (N, 0) for
        None.

    Raises:
        DataError: If they are no such numbers.
    """
    if y is None or targets == "none":
        return np.zeros((count, 0), np.float32)
    y = np.asarray(y)
    if targets == "classes" or (targets == "either" and _could_be_classes(y)):
        return _labels(y, where, n_classes, layout)
    if y.dtype.kind not in "buif" or y.ndim == 0:
        raise DataError(
            f"{where}: y has the shape {y.shape} of {y.dtype}.",
            help="y must be numbers, one target a sample: (N, ...)",
        )
    if y.size == 0:
        raise DataError(f"{where}: the set is empty, y has the shape {y.shape}.")
    y = _finite(y, "y", where)
    return _channels_first(y[:, np.newaxis] if y.ndim == 1 else y, layout)


def _could_be_classes(y: np.ndarray) -> bool:
    if y.dtype.kind not in "buif" or not (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)):
        return False
    return bool(np.isfinite(y).all() and (y == np.floor(y)).all() and (y >= 0).all())


def _labels(y: np.ndarray, where: str, n_classes: Optional[int], layout: str) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 3:
        y = y[:, np.newaxis]
    elif y.ndim == 4:
        y = _channels_first(y, layout)
    if y.dtype.kind not in "buif" or y.ndim not in (1, 4) or (y.ndim == 4 and y.shape[1] != 1):
        raise DataError(
            f"{where}: y has the shape {y.shape} of {y.dtype}.",
            help="y must be one class index a sample: (N,) or (N, 1) whole numbers from 0; "
            "targets that are numbers need a loss: --loss SquaredError, or loss: in a recipe",
        )
    if len(y) == 0:
        raise DataError(f"{where}: the set is empty, y has no rows.")
    if y.dtype.kind == "f":
        wrong = ~(np.isfinite(y) & (y == np.floor(y)))
        if wrong.any():
            raise DataError(
                f"{where}: label {y[wrong][0]} of sample {np.argwhere(wrong)[0][0]} is not a whole "
                "number.",
                help="labels are class indices 0, 1, 2, ...; targets that are numbers need a loss: "
                "--loss SquaredError, or loss: in a recipe",
            )
    limit = np.iinfo(np.int32).max if n_classes is None else n_classes - 1
    wrong = (y < 0) | (y > limit)
    if wrong.any():
        raise DataError(
            f"{where}: label {int(y[wrong][0])} of sample {np.argwhere(wrong)[0][0]} lies outside "
            f"0..{limit}.",
            help="labels are class indices; check n_classes",
        )
    return y.astype(np.int32)
