# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Random changes of training images that keep their class; vectorised, seeded by the caller."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Callable, Dict

import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

Augmentation = Callable[[np.ndarray, np.random.RandomState], np.ndarray]


def pad_crop_flip(
    x: np.ndarray, rng: np.random.RandomState, pad: int = 4, flip: bool = True
) -> np.ndarray:
    """Pads with zeros, crops at a random place and mirrors half of the images left to right.

    The usual augmentation for CIFAR-10 (He et al. 2016, section 4.2).

    Args:
        x: Images (B, C, H, W).
        rng: Source of randomness.
        pad: Pixels added on each side, at least 0.
        flip: Whether to mirror; leave it out for digits and letters.

    Returns:
        Images of the same shape and type.

    Raises:
        ConfigError: If ``x`` holds no images or ``pad`` is negative.

    Example:
        >>> image = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
        >>> pad_crop_flip(image, np.random.RandomState(0), pad=0, flip=False).ravel().tolist()
        [0, 1, 2, 3]
    """
    if x.ndim != 4:
        raise ConfigError(
            f"pad_crop_flip needs images (N, C, H, W), the samples have the shape {x.shape[1:]}.",
            help="leave the augmentation out",
        )
    if not isinstance(pad, int) or isinstance(pad, bool) or pad < 0:
        raise ConfigError(f"pad_crop_flip: pad={pad!r} must be a whole number from 0.")
    count, channels, height, width = x.shape
    padded = np.zeros((count, channels, height + 2 * pad, width + 2 * pad), x.dtype)
    padded[:, :, pad : pad + height, pad : pad + width] = x
    rows = rng.randint(0, 2 * pad + 1, (count, 1)) + np.arange(height)
    columns = rng.randint(0, 2 * pad + 1, (count, 1)) + np.arange(width)
    if flip:
        mirrored = rng.randint(0, 2, count).astype(bool)
        columns[mirrored] = columns[mirrored, ::-1]
    image, channel = np.ogrid[:count, :channels]
    return padded[
        image[:, :, np.newaxis, np.newaxis],
        channel[:, :, np.newaxis, np.newaxis],
        rows[:, np.newaxis, :, np.newaxis],
        columns[:, np.newaxis, np.newaxis, :],
    ]


AUGMENTATIONS: Dict[str, Callable[..., np.ndarray]] = {"pad_crop_flip": pad_crop_flip}
"""The augmentations by their names."""


def augmentation(name: str, **options: Any) -> Augmentation:
    """Finds an augmentation by name and fixes its options.

    Args:
        name: A key of ``AUGMENTATIONS``.
        options: Its keyword arguments.

    Returns:
        Function of a batch of images and a ``RandomState``.

    Raises:
        ConfigError: If the name or an option is unknown.

    Example:
        >>> shift = augmentation("pad_crop_flip", pad=1, flip=False)
        >>> shift(np.zeros((2, 1, 8, 8)), np.random.RandomState(0)).shape
        (2, 1, 8, 8)
    """
    if name not in AUGMENTATIONS:
        raise ConfigError(
            f"unknown augmentation {name!r}.", help=did_you_mean(name, sorted(AUGMENTATIONS))
        )
    function = AUGMENTATIONS[name]
    known = list(inspect.signature(function).parameters)[2:]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"augmentation {name} has no option {option!r}.",
                help=did_you_mean(option, known, "its options are"),
            )
    return partial(function, **options)
