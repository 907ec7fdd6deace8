# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From stored samples to network inputs, a batch at a time: ``(x * scale - mean) / std``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple, Union

import numpy as np

from nnabla_compress.errors import ConfigError

Channels = Union[float, Tuple[float, ...]]


@dataclass(frozen=True)
class Preprocessing:
    """Computes ``(x * scale - mean) / std`` in float32.

    Args:
        scale: Factor of all samples, e.g. 1/255 for 8-bit images; finite, not 0.
        mean: One number, or one for each channel (axis 1).
        std: One number, or one for each channel; positive.

    Raises:
        ConfigError: If a number is not finite, the scale is 0 or a std is not positive.

    Example:
        >>> normalise = Preprocessing(scale=1 / 255, mean=(0.5,), std=(0.25,))
        >>> normalise(np.array([[0], [255]], np.uint8)).ravel().tolist()
        [-2.0, 2.0]
    """

    scale: float = 1.0
    mean: Channels = 0.0
    std: Channels = 1.0

    def __post_init__(self) -> None:
        _numbers("scale", self.scale, scalar=True)
        _numbers("mean", self.mean)
        if self.scale == 0:
            raise ConfigError("preprocessing: scale is 0.", help="use 1/255 for 8-bit images")
        if (_numbers("std", self.std) <= 0).any():
            raise ConfigError(f"preprocessing: std={self.std} must be positive.")
        for name in ("mean", "std"):
            value = getattr(self, name)
            if isinstance(value, (list, np.ndarray)):  # as YAML gives it; keep the object hashable
                object.__setattr__(self, name, tuple(float(number) for number in value))

    def check(self, sample_shape: Tuple[int, ...]) -> None:
        """Makes sure that mean and std fit the channels of a sample.

        Args:
            sample_shape: (C, H, W) or (D,).

        Raises:
            ConfigError: If their number is neither one nor the number of channels.

        Example:
            >>> Preprocessing(mean=(0.1, 0.2, 0.3)).check((3, 32, 32))
        """
        for name in ("mean", "std"):
            count = np.size(getattr(self, name))
            if count not in (1, sample_shape[0]):
                raise ConfigError(
                    f"preprocessing: {name} has {count} values, the samples {tuple(sample_shape)} "
                    f"have {sample_shape[0]} channels.",
                    help="give one number, or one for each channel",
                )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Applies the formula to a batch.

        Args:
            x: Samples (B, C, H, W) or (B, D) of any number type.

        Returns:
            New ``float32`` array of the same shape.

        Raises:
            ConfigError: If mean or std do not fit the channels.
        """
        self.check(x.shape[1:])
        out = x.astype(np.float32)
        along = (1, -1) + (1,) * (x.ndim - 2)
        out *= np.float32(self.scale)
        out -= np.asarray(self.mean, np.float32).reshape(along)
        out /= np.asarray(self.std, np.float32).reshape(along)
        return out


def _numbers(name: str, value: Any, scalar: bool = False) -> np.ndarray:
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim > (0 if scalar else 1) or not numbers.size or not np.isfinite(numbers).all():
        raise ConfigError(
            f"preprocessing: {name} is {value!r}.",
            help="give a number" if scalar else "give a number, or a list of one for each channel",
        )
    return numbers
