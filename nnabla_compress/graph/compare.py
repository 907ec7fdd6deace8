# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running graphs on the same inputs and comparing what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.graph.inputs import SEED

_HARDLY = 1e-3
_TINY = 1e-300


@dataclass(frozen=True)
class Difference:
    """How far two graphs are apart.

    Args:
        largest: Largest absolute difference, over the largest magnitude of that output.
        root_mean_square: Root of the mean squared difference, over that of the output itself.
    """

    largest: float
    root_mean_square: float


def run(
    inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable], values: Sequence[np.ndarray]
) -> List[np.ndarray]:
    """Returns what a graph computes.

    Args:
        inputs: Its inputs.
        outputs: Its outputs.
        values: An array for each input.
    """
    for variable, array in zip(inputs, values):
        variable.d = array
    nn.forward_all(list(outputs))
    return [np.array(output.d) for output in outputs]


def same_values(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Returns which numbers of two arrays are equal: what "value for value" means everywhere.

    +0 and -0 are one value, and so are all NaN. A sum of products that starts with the first
    product is -0 where all of them are; one that starts with 0 is +0.

    Args:
        expected: The one array.
        got: The other one, of the same shape.

    Example:
        >>> same_values(np.float32([0.0, np.nan, np.inf]), np.float32([-0.0, np.nan, -np.inf]))
        array([ True,  True, False])
    """
    return np.asarray((expected == got) | (np.isnan(expected) & np.isnan(got)))


def difference(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> Difference:
    """Compares outputs; :func:`same_values` says which numbers don't differ.

    Args:
        expected: Outputs of the one graph.
        got: Outputs of the other one.

    Returns:
        The largest values over all outputs; infinite where shapes differ, or where numbers that
        are not both finite are not the same.

    Example:
        >>> difference([np.float32([1, 2])], [np.float32([1, 2.5])]).largest
        0.25
    """
    largest, root_mean_square = 0.0, 0.0
    for a, b in zip(expected, got):
        if a.shape != b.shape:
            return Difference(np.inf, np.inf)
        finite = np.isfinite(a) & np.isfinite(b)
        if not (finite | same_values(a, b)).all():
            return Difference(np.inf, np.inf)
        if not finite.any():
            continue
        x, y = a[finite].astype(np.float64), b[finite].astype(np.float64)
        tiny = np.finfo(np.float32).tiny
        largest = max(largest, float(np.abs(x - y).max() / max(np.abs(x).max(), tiny)))
        ratio = np.sqrt(np.mean((x - y) ** 2)) / max(float(np.sqrt(np.mean(x**2))), tiny)
        root_mean_square = max(root_mean_square, float(ratio))
    return Difference(largest, root_mean_square)


def response(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    values: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
) -> float:
    """Returns how far a network's outputs move, root mean square, when its inputs hardly do.

    Args:
        inputs: Its inputs.
        outputs: Its outputs.
        values: An array for each input; it is moved by a thousandth of its spread.
        expected: What the outputs are for these.
    """
    rng = np.random.RandomState(SEED)
    moved = [
        (x + _HARDLY * (x.std() or 1.0) * rng.randn(*x.shape)).astype(np.float32) for x in values
    ]
    return difference(expected, run(inputs, outputs, moved)).root_mean_square


def decibels(signal: float, noise: float) -> float:
    """Returns ``10 log10(signal / noise)``, between -300 and 300.

    Args:
        signal: Energy of the signal, 0 or more.
        noise: Energy of the noise, 0 or more.

    Example:
        >>> decibels(100.0, 1.0), decibels(1.0, 0.0)
        (20.0, 300.0)
    """
    return float(np.clip(10 * np.log10(max(signal, _TINY) / max(noise, _TINY)), -300, 300))


def same_class(expected: np.ndarray, got: np.ndarray) -> Optional[float]:
    """Compares the classes that two computations of an output choose.

    Args:
        expected: The one, (samples, ...).
        got: The other one, of the same shape.

    Returns:
        Share of samples whose largest entry is the same one, 0 to 1; None where there is no
        sample, or a sample has one number or more than one axis.

    Example:
        >>> same_class(np.float32([[1, 2], [3, 4]]), np.float32([[1, 2], [3, 2.5]]))
        0.5
    """
    if expected.ndim != 2 or expected.shape[1] < 2 or not len(expected):
        return None
    return float(np.mean(expected.argmax(axis=1) == got.argmax(axis=1)))
