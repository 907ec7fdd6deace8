# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Calibration samples: network inputs without labels, checked, a batch at a time."""

from __future__ import annotations

from typing import Any, Iterator, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.errors import DataError


def checked_samples(
    samples: Sequence[Any], inputs: Sequence[nn.Variable]
) -> Tuple[np.ndarray, ...]:
    """Returns the samples as float32 arrays, one for each input of the network.

    Args:
        samples: An array (N, ...) for each input.
        inputs: The inputs.

    Raises:
        DataError: If their number, shapes or values don't fit the network.

    Example:
        >>> x, = checked_samples([np.zeros((5, 3))], [nn.Variable((1, 3))])
        >>> x.dtype.name, x.shape
        ('float32', (5, 3))
    """
    if len(samples) != len(inputs):
        raise DataError(
            f"calibration: {len(samples)} arrays of samples for a network with {len(inputs)} "
            "inputs.",
            help="give one array for each input",
        )
    found = []
    for number, (values, variable) in enumerate(zip(samples, inputs), 1):
        where = "calibration samples" if len(inputs) == 1 else f"calibration samples {number}"
        array = np.asarray(values)
        if array.dtype.kind not in "buif":
            raise DataError(f"{where}: {array.dtype} are no numbers.", help="store them as numbers")
        expected = tuple(variable.shape[1:])
        if array.shape[1:] != expected or array.ndim != variable.ndim:
            raise DataError(
                f"{where} have the shape {array.shape}, the network takes (N, "
                f"{', '.join(map(str, expected))}).",
                help="give the samples as the network takes them: channels first, preprocessed",
            )
        if not len(array):
            raise DataError(f"{where}: there are none.", help="a few hundred are best")
        array = np.ascontiguousarray(array, np.float32)
        finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if not finite.all():
            raise DataError(
                f"{where}: {int((~finite).sum())} of {len(array)} samples hold NaN or infinite "
                f"values, the first is sample {int(np.argmin(finite))}.",
                help="remove or repair these samples",
            )
        found.append(array)
    if len({len(array) for array in found}) > 1:
        raise DataError(
            f"calibration: the inputs have {', '.join(str(len(array)) for array in found)} "
            "samples.",
            help="give the same number for each input",
        )
    return tuple(found)


def refuse_constant(arrays: Sequence[np.ndarray], where: str) -> None:
    """Refuses samples that tell nothing, since all their values are the same.

    Args:
        arrays: Network inputs, (samples, ...).
        where: What messages call them.

    Raises:
        DataError: If no input holds two different values.
    """
    sizes = [array for array in arrays if array.size]
    if sizes and all(np.ptp(array) == 0 for array in sizes):
        raise DataError(
            f"{where}: all {len(sizes[0])} samples hold nothing but {sizes[0].flat[0] + 0.0:g}, "
            "from which no range can be told.",
            help="look at the data: is it what the network is to see, and is the scale right?",
        )


_LEAST_TO_SPLIT = 4


def split_samples(
    samples: Sequence[np.ndarray], part: float, seed: int
) -> Tuple[Tuple[np.ndarray, ...], Tuple[np.ndarray, ...]]:
    """Returns the samples to calibrate on and others to judge on.

    Fewer than four samples serve for both: then both are the very same arrays.

    Args:
        samples: An array (N, ...) for each input.
        part: Which part is held out to judge on.
        seed: Seed of the permutation.

    Example:
        >>> [len(part[0]) for part in split_samples([np.zeros((10, 2))], 0.3, seed=0)]
        [7, 3]
    """
    count = len(samples[0])
    if count < _LEAST_TO_SPLIT:
        return tuple(samples), tuple(samples)
    held = min(max(1, int(round(part * count))), count - 1)
    order = np.random.RandomState(seed).permutation(count)
    return (
        tuple(array[np.sort(order[held:])] for array in samples),
        tuple(array[np.sort(order[:held])] for array in samples),
    )


def batches(
    samples: Sequence[np.ndarray], size: int
) -> Iterator[Tuple[Tuple[np.ndarray, ...], int]]:
    """Gives all samples once, in order; the last batch is filled up by repeating its last sample.

    Args:
        samples: An array (N, ...) for each input.
        size: Rows of a batch.

    Yields:
        The rows for each input, and how many of them count.

    Example:
        >>> [(x.ravel().tolist(), count) for (x,), count in batches([np.arange(3.0)[:, None]], 2)]
        [([0.0, 1.0], 2), ([2.0, 2.0], 1)]
    """
    total = len(samples[0])
    for start in range(0, total, size):
        if start + size <= total:
            yield tuple(array[start : start + size] for array in samples), size
        else:
            rows = np.minimum(np.arange(start, start + size), total - 1)
            yield tuple(array[rows] for array in samples), total - start
