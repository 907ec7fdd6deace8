# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A layer as factorizations see it: its weight's shape, and how it is moved over its input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Tuple

import numpy as np

from nnabla_compress.analysis.layers import Layer


@dataclass(frozen=True)
class Kernel:
    """A convolution, or an affine layer, without values.

    Args:
        affine: Whether it is an affine layer.
        outputs: Output channels of a group.
        inputs: Input channels of a group.
        kernel: Sizes of the kernel, () of an affine layer.
        groups: Groups of channels that don't meet.
        map_shape: Shape of the input map; of an affine layer the axes it is repeated over.
        pad: Padding, one number an axis of the kernel; like the next ones.
        stride: Steps.
        dilation: Distances of weights.
        output_shape: Of an affine layer: the shape of what one row becomes.
    """

    affine: bool
    outputs: int
    inputs: int
    kernel: Tuple[int, ...] = ()
    groups: int = 1
    map_shape: Tuple[int, ...] = ()
    pad: Tuple[int, ...] = ()
    stride: Tuple[int, ...] = ()
    dilation: Tuple[int, ...] = ()
    output_shape: Tuple[int, ...] = ()

    @classmethod
    def of(cls, layer: Layer) -> Kernel:
        """Returns the kernel of a layer.

        Args:
            layer: A layer of type Convolution or Affine.
        """
        args, shape = layer.function.info.args, layer.shape
        base = int(args["base_axis"]) % len(layer.input_shape)
        if layer.type == "Affine":
            repeated = layer.input_shape[1:base]
            size = int(np.prod(shape[1:]))
            return cls(True, size, shape[0], map_shape=repeated, output_shape=shape[1:])
        groups = int(args["group"])
        return cls(
            False,
            shape[0] // groups,
            shape[1],
            tuple(shape[2:]),
            groups,
            tuple(layer.input_shape[base + 1 :]),
            *(tuple(int(n) for n in args[key]) for key in ("pad", "stride", "dilation")),
        )

    @property
    def points(self) -> bool:
        """Whether each output reads one position of the input only."""
        return self.affine or all(size == 1 for size in self.kernel)

    @property
    def weights(self) -> int:
        """Number of its weights."""
        return int(self.groups * self.outputs * self.inputs * np.prod(self.kernel, dtype=np.int64))

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one sample."""
        if self.affine:
            return int(self.weights * np.prod(self.map_shape, dtype=np.int64))
        moved = {"pad": self.pad, "stride": self.stride, "dilation": self.dilation}
        positions = map_behind(self.map_shape, self.kernel, moved)
        return int(self.weights * np.prod(positions, dtype=np.int64))

    def blocks(self, weight: np.ndarray) -> np.ndarray:
        """Returns a weight as (groups, outputs, inputs, kernel...), float64.

        Args:
            weight: The layer's weight.
        """
        values = np.asarray(weight, np.float64)
        if self.affine:
            return values.reshape(self.inputs, self.outputs).T[None]
        return values.reshape(self.groups, self.outputs, self.inputs, *self.kernel)

    def whole(self, blocks: np.ndarray) -> np.ndarray:
        """Returns what :meth:`blocks` took apart.

        Args:
            blocks: Of shape (groups, outputs, inputs, kernel...).
        """
        if self.affine:
            return np.ascontiguousarray(blocks[0].T.reshape(self.inputs, *self.output_shape))
        return blocks.reshape(self.groups * self.outputs, self.inputs, *self.kernel)


@dataclass(frozen=True)
class Piece:
    """One of the layers that take the place of another one.

    Args:
        name: What it is called, within the scope of the layer.
        type: Type of its function.
        shape: Shape of its weight.
        moved: ``pad``, ``stride``, ``dilation``, one number an axis of the kernel.
        groups: Groups of channels that don't meet; of a depthwise layer kernels a channel.
    """

    name: str
    type: str
    shape: Tuple[int, ...]
    moved: Dict[str, Tuple[int, ...]] = field(default_factory=dict)
    groups: int = 1

    @property
    def arguments(self) -> Dict[str, Any]:
        """What its function is called with, beside tensors and the base axis."""
        if self.type == "Affine":
            return {}
        kind = "multiplier" if self.type == "DepthwiseConvolution" else "group"
        return {**self.moved, kind: self.groups}


def map_behind(
    shape: Tuple[int, ...], kernel: Tuple[int, ...], moved: Dict[str, Tuple[int, ...]]
) -> Tuple[int, ...]:
    """Returns the shape of the map that a convolution makes.

    Args:
        shape: Shape of the map that it reads.
        kernel: Sizes of its kernel.
        moved: Its padding, stride and dilation; those left out are 0, 1 and 1.

    Example:
        >>> map_behind((32, 32), (3, 3), {"pad": (1, 1), "stride": (2, 2)})
        (16, 16)
    """
    ones = (1,) * len(shape)
    pad, stride = moved.get("pad", (0,) * len(shape)), moved.get("stride", ones)
    dilation = moved.get("dilation", ones)
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, p, s, d in zip(shape, kernel, pad, stride, dilation)
    )
