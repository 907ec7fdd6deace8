# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers as matrices: rows of weights, and patches of the input that they are multiplied with."""

from __future__ import annotations

import math
from typing import Any, Callable, Iterator, List, Tuple, Union

import numpy as np

from nnabla_compress.analysis.layers import Layer
from nnabla_compress.graph.replay import ComputedRows

_CHUNK = 2048  # positions at a time, fewer of layers with many outputs
_OUTPUTS = 1 << 21


class Patches:
    """Patches and outputs of a layer, some positions at a time, as often as they are asked for.

    Args:
        chosen: Numbers of the positions.
        outputs: Outputs of a position.
        inputs_at: Returns patches (P, groups, row) at some positions.
        outputs_at: Returns outputs (P, groups, outputs of a group) there.
    """

    def __init__(
        self,
        chosen: np.ndarray,
        outputs: int,
        inputs_at: Callable[[np.ndarray], np.ndarray],
        outputs_at: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        most = min(_CHUNK, max(1, _OUTPUTS // outputs))
        self._parts = np.array_split(chosen, -(-len(chosen) // most))
        self._inputs_at, self._outputs_at = inputs_at, outputs_at

    def __iter__(self) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        return ((self._inputs_at(part), self._outputs_at(part)) for part in self._parts)

    def inputs(self) -> Iterator[np.ndarray]:
        """Returns the patches alone."""
        return (self._inputs_at(part) for part in self._parts)


def patches(
    layer: Layer,
    x: np.ndarray,
    y: Union[np.ndarray, ComputedRows],
    positions: int,
    rng: np.random.RandomState,
) -> Patches:
    """Returns what the rows of a layer's weight are multiplied with at random positions.

    Args:
        layer: One of ``FORWARD_LAYERS``, its channels first.
        x: Its inputs for all samples.
        y: Outputs to reproduce, for all samples; computed rows are found as they are reached.
        positions: Number of positions; fewer if there are no more.
        rng: Chooses them.
    """
    if layer.type == "Affine":
        base = int(layer.function.info.args["base_axis"]) % x.ndim
        rows = x.reshape(int(np.prod(x.shape[:base])), 1, -1)
        targets = y if len(y) == len(rows) else np.asarray(y).reshape(len(rows), -1)
        outputs = math.prod(targets.shape[1:])
        chosen = _choose(len(rows), positions, rng)

        def inputs_at(part: np.ndarray) -> np.ndarray:
            return rows[_slice(part)]

        def outputs_at(part: np.ndarray) -> np.ndarray:
            return targets[_slice(part)].reshape(len(part), 1, -1)

        return Patches(chosen, outputs, inputs_at, outputs_at)
    args = layer.function.info.args
    base = int(args["base_axis"]) % x.ndim
    x = x.reshape(-1, *x.shape[base:])
    y = np.asarray(y).reshape(-1, *y.shape[base:])
    groups = x.shape[1] if layer.type == "DepthwiseConvolution" else int(args["group"])
    kernel_shape = layer.shape[1 if layer.type == "DepthwiseConvolution" else 2 :]
    # A kernel may be larger than the padded map, by less than the stride.
    ends = [(p, p + s - 1) for p, s in zip(args["pad"], args["stride"])]
    padded = np.pad(x, [(0, 0), (0, 0), *ends])
    maps = y.shape[2:]
    chosen = _choose(len(y) * int(np.prod(maps)), positions, rng)

    def patches_at(part: np.ndarray) -> np.ndarray:
        sample, *place = np.unravel_index(part, (len(y), *maps))
        index: List[np.ndarray] = [sample.reshape(-1, *[1] * (len(maps) + 1))]
        index.append(np.arange(x.shape[1]).reshape(1, -1, *[1] * len(maps)))
        for axis, (where, size) in enumerate(zip(place, kernel_shape)):
            along = [1] * (len(maps) + 2)
            along[axis + 2] = -1
            taps = (np.arange(size) * args["dilation"][axis]).reshape(along)
            corner = (where * args["stride"][axis]).reshape(-1, *[1] * (len(maps) + 1))
            index.append(corner + taps)
        return padded[tuple(index)].reshape(len(part), groups, -1)

    def maps_at(part: np.ndarray) -> np.ndarray:
        sample, *place = np.unravel_index(part, (len(y), *maps))
        at: Any = (sample, slice(None), *place)
        return y[at].reshape(len(part), groups, -1)

    return Patches(chosen, y.shape[1], patches_at, maps_at)


def _slice(part: np.ndarray) -> Any:
    """The same positions, where they follow each other without a copy."""
    if len(part) and part[-1] - part[0] + 1 == len(part):
        return slice(part[0], part[-1] + 1)
    return part


def _choose(count: int, most: int, rng: np.random.RandomState) -> np.ndarray:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))


def rows_of(layer: Layer, weight: np.ndarray) -> np.ndarray:
    """Returns an array of the weight's shape as (groups, outputs of a group, row).

    Args:
        layer: One of ``FORWARD_LAYERS``.
        weight: Values, codes or scales, one for each weight.
    """
    if layer.type == "Affine":
        return np.ascontiguousarray(weight.reshape(weight.shape[0], -1).T)[None]
    args = layer.function.info.args
    if layer.type == "DepthwiseConvolution":
        groups = weight.shape[0] // int(args["multiplier"])
    else:
        groups = int(args["group"])
    return np.ascontiguousarray(weight).reshape(groups, weight.shape[0] // groups, -1)


def weight_of(layer: Layer, rows: np.ndarray) -> np.ndarray:
    """Returns what :func:`rows_of` made, in the weight's shape again.

    Args:
        layer: The layer.
        rows: (groups, rows, elements), as of :func:`rows_of`.
    """
    shape = layer.shape
    if layer.type == "Affine":
        return np.ascontiguousarray(rows[0].T).reshape(shape)
    return rows.reshape(shape)
