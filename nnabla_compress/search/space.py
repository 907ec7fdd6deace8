# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What there is to choose from: a bit width for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Iterator, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError

Bits = Tuple[int, ...]
"""A bit width for each layer, in forward order."""


@dataclass(frozen=True)
class Space:
    """Layers, and the bit widths that each may get.

    Args:
        layers: Names, in forward order.
        choices: For each layer its bit widths, rising.
        parameters: Number of weights of each layer; empty: not known.
        macs: Multiply-accumulates of each layer; empty: not known.
        features: What else is known of each layer, one row a layer.

    Example:
        >>> space = Space(("a", "b"), ((2, 4), (2, 4, 8)))
        >>> space.most, len(list(space)), space.size
        ((4, 8), 6, 6)
    """

    layers: Tuple[str, ...]
    choices: Tuple[Tuple[int, ...], ...]
    parameters: Tuple[int, ...] = ()
    macs: Tuple[int, ...] = ()
    features: Tuple[Tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.layers or len(self.layers) != len(self.choices) or not all(self.choices):
            raise ConfigError("there is no layer to choose bits for.", help="name some")

    @staticmethod
    def of(
        layers: Sequence[str], bits: Sequence[int], fixed: Sequence[str] = (), **known: object
    ) -> Space:
        """Returns a space with the same bit widths for all layers.

        Args:
            layers: Names, in forward order.
            bits: Bit widths.
            fixed: Layers that keep the largest.
            known: What else is known of the layers.
        """
        widths = tuple(sorted(set(bits)))
        choices = tuple(widths[-1:] if name in fixed else widths for name in layers)
        return Space(tuple(layers), choices, **known)  # type: ignore[arg-type]

    @property
    def most(self) -> Bits:
        """The largest bit width of each layer."""
        return tuple(own[-1] for own in self.choices)

    @property
    def least(self) -> Bits:
        """The smallest bit width of each layer."""
        return tuple(own[0] for own in self.choices)

    @property
    def size(self) -> int:
        """How many there are to choose from."""
        return prod(map(len, self.choices))

    def __iter__(self) -> Iterator[Bits]:
        return product(*self.choices)

    def with_one(self, bits: Bits, layer: int, width: int) -> Bits:
        """Returns bits with those of one layer changed.

        Args:
            bits: Bits.
            layer: Number of the layer.
            width: Its new bits.
        """
        return (*bits[:layer], width, *bits[layer + 1 :])

    def scaled_features(self) -> np.ndarray:
        """Returns the features of each layer, each scaled to 0 to 1 over all layers."""
        if not self.features:
            return np.zeros((len(self.layers), 0), np.float32)
        values = np.array(self.features, np.float64)
        low, spread = values.min(axis=0), np.ptp(values, axis=0)
        scaled: np.ndarray = ((values - low) / np.where(spread > 0, spread, 1)).astype(np.float32)
        return scaled
