# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which input positions a convolution or deconvolution reads for each output position."""

from __future__ import annotations

from typing import NamedTuple, Sequence, Tuple

import numpy as np


def positions(room: int, stride: int) -> int:
    """Returns how many places a window takes, as NNabla and the runtime count them.

    Both divide as C does. So a window that is larger than the image, by less than the stride, has
    one place; what it reads beside the image is zero.

    Args:
        room: Size of the image with its padding, less that of the window.
        stride: Step of the window.

    Example:
        >>> positions(4, 2), positions(-1, 2), positions(-2, 2)
        (3, 1, 0)
    """
    return (room // stride if room >= 0 else -(-room // stride)) + 1


def output_shape(
    spatial: Sequence[int],
    kernel: Sequence[int],
    pad: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Tuple[int, ...]:
    """Returns the spatial shape that a convolution gives.

    Args:
        spatial: Sizes of the image.
        kernel: Sizes of the kernel.
        pad: Zeros on both sides.
        stride: Steps of the output.
        dilation: Steps of the taps.

    Example:
        >>> output_shape([3], [2], [1], [2], [1])
        (2,)
    """
    return tuple(
        positions(n + 2 * p - (d * (k - 1) + 1), s)
        for n, k, p, s, d in zip(spatial, kernel, pad, stride, dilation)
    )


class Taps(NamedTuple):
    """Which number of an image each tap reads, apart for the rows of the image and the last axis.

    An output position is one of the rows and one of the last axis, and so is a tap, both in raster
    order. The number read is the sum of both tables' entries, where both are inside.

    Args:
        rows: int32 (output rows, taps): where the row of the image begins, -1 outside.
        columns: int32 (outputs of the last axis, taps): the place in the row, -1 outside.
    """

    rows: np.ndarray
    columns: np.ndarray

    @property
    def positions(self) -> int:
        """Number of output positions."""
        return len(self.rows) * len(self.columns)

    def flat(self) -> np.ndarray:
        """Returns the flat image position of each output position and tap, -1 outside.

        Example:
            >>> Taps(np.int32([[0, 2]]), np.int32([[-1, 0], [0, 1]])).flat().tolist()
            [[-1, 0, -1, 2], [0, 1, 2, 3]]
        """
        rows, columns = self.rows[:, None, :, None], self.columns[None, :, None]
        found = np.where((rows < 0) | (columns < 0), -1, rows + columns)
        return found.reshape(self.positions, -1)


def convolution_taps(
    output: Sequence[int],
    spatial: Sequence[int],
    kernel: Sequence[int],
    pad: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Taps:
    """Returns the taps of a convolution.

    Args:
        output: Sizes of the output.
        spatial: Sizes of the image.
        kernel: Sizes of the kernel.
        pad: Zeros on both sides.
        stride: Steps of the output.
        dilation: Steps of the taps.

    Example:
        >>> convolution_taps([2], [3], [2], [1], [2], [1]).flat().tolist()
        [[-1, 0], [1, 2]]
    """
    axes = [
        np.arange(o)[:, None] * s + np.arange(k)[None] * d - p
        for o, k, p, s, d in zip(output, kernel, pad, stride, dilation)
    ]
    return _joined(axes, spatial)


def deconvolution_taps(
    output: Sequence[int],
    spatial: Sequence[int],
    kernel: Sequence[int],
    pad: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Taps:
    """Returns the taps of a deconvolution, for a kernel that is turned round.

    Args:
        output: Sizes of the output.
        spatial: Sizes of the input.
        kernel: Sizes of the kernel.
        pad: What is cut from both sides.
        stride: Steps of the input.
        dilation: Steps of the taps.

    Example:
        >>> deconvolution_taps([3], [2], [1], [0], [2], [1]).flat().tolist()
        [[0], [-1], [1]]
    """
    axes = []
    for o, k, p, s, d in zip(output, kernel, pad, stride, dilation):
        raw = np.arange(o)[:, None] + np.arange(k)[None] * d - (d * (k - 1) - p)
        axes.append(np.where(raw % s == 0, raw // s, -1))
    return _joined(axes, spatial)


def _joined(axes: Sequence[np.ndarray], spatial: Sequence[int]) -> Taps:
    """Joins (output, tap) tables of single axes: of all but the last, and of that."""
    last = spatial[-1] if spatial else 1
    return Taps(_flat(axes[:-1], spatial[:-1], last), _flat(axes[-1:], spatial[-1:], 1))


def _flat(axes: Sequence[np.ndarray], spatial: Sequence[int], step: int) -> np.ndarray:
    """Joins (output, tap) tables of single axes, times a step; -1 where one lies outside."""
    flat, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
    for positions, size in zip(axes, spatial):
        outputs, taps = flat.shape[0] * positions.shape[0], flat.shape[1] * positions.shape[1]
        within = (positions >= 0) & (positions < size)
        flat = flat[:, None, :, None] * size + positions[None, :, None, :]
        inside = inside[:, None, :, None] & within[None, :, None, :]
        flat, inside = flat.reshape(outputs, taps), inside.reshape(outputs, taps)
    return np.where(inside, flat * step, -1).astype(np.int32)
