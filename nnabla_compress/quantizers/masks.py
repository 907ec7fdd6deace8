# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which weights stay: exactly so many of the largest, or so many of each few input channels."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from typing import Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError


def count_of(rate: float, size: int) -> int:
    """Returns how many of ``size`` weights a rate removes: ``floor(rate * size)``.

    A rate that was computed as a count divided by the size gives that count again.

    Args:
        rate: Fraction of the weights, 0 to 1.
        size: Number of weights.

    Example:
        >>> count_of(0.9, 11), count_of(7 / 49, 49)
        (9, 7)
    """
    return int(rate * size + 1e-6)


def largest(importance: np.ndarray, removed: int) -> np.ndarray:
    """Returns which entries stay when exactly so many go, the least important ones.

    Of entries that are equally important, the first ones go.

    Args:
        importance: Any shape.
        removed: How many go.

    Returns:
        True where an entry stays, in the shape of ``importance``.

    Example:
        >>> largest(np.float32([3, 1, 2, 1, 1]), 2).tolist()
        [True, False, True, False, True]
    """
    flat = np.asarray(importance).reshape(-1)
    if removed == 0:
        return np.ones(np.shape(importance), bool)
    limit = np.partition(flat, removed - 1)[removed - 1]
    kept = flat > limit
    equal = np.flatnonzero(flat == limit)
    kept[equal[removed - int((flat < limit).sum()) :]] = True
    return kept.reshape(np.shape(importance))


def parse_pattern(text: str) -> Tuple[int, int]:
    """Returns N and M of a pattern such as ``"2:4"``.

    Args:
        text: The pattern.

    Raises:
        ConfigError: If it is none.
    """
    parts = str(text).split(":")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise ConfigError(
            f"pattern is {text!r}, not N:M.",
            help="write 2:4 for 2 of every 4 input channels, in YAML with quotes: '2:4'",
        )
    kept, of = map(int, parts)
    if not 1 <= kept < of <= 1024:
        raise ConfigError(
            f"pattern is {text!r}: {kept} of every {of} input channels are to stay.",
            help="choose N from 1 to below M, and M up to 1024, such as 2:4",
        )
    return kept, of


def input_axis(ndim: int) -> int:
    """Returns the axis of a weight that counts the input channels.

    Args:
        ndim: Its axes: 2 of a fully connected layer, (inputs, outputs), more of a convolution,
            (outputs, inputs, kernel).
    """
    return 0 if ndim == 2 else 1


def of_pattern(importance: np.ndarray, kept: int, of: int) -> np.ndarray:
    """Returns which weights stay when of every ``of`` input channels ``kept`` do.

    Each output, and each position of a kernel, chooses for itself. Of equals the first ones go.

    Args:
        importance: That of each weight, as a fully connected or a convolutional layer has them.
        kept: N.
        of: M, a divisor of the number of input channels.

    Returns:
        True where a weight stays, in the shape of ``importance``.

    Example:
        >>> row = np.float32([[0.3, -0.9, 0.2, 0.8, 0.1, -0.4, 0.6, 0.5]])
        >>> of_pattern(np.abs(row).T, 2, 4).T.astype(int).tolist()
        [[0, 1, 0, 1, 0, 0, 1, 1]]
    """
    lead = np.moveaxis(importance, input_axis(importance.ndim), 0)
    blocks = lead.reshape(-1, of, *lead.shape[1:])
    order = np.argsort(blocks, axis=1, kind="stable")
    mask = np.zeros(blocks.shape, bool)
    np.put_along_axis(mask, order[:, of - kept :], True, axis=1)
    return np.moveaxis(mask.reshape(lead.shape), 0, input_axis(importance.ndim))


def mask_as_text(mask: np.ndarray) -> str:
    """Returns a mask as text that JSON can hold: its bits, packed.

    Args:
        mask: True, or 1, where a weight stays.

    Example:
        >>> text = mask_as_text(np.array([[True, False, True]]))
        >>> mask_from_text(text, (1, 3)).tolist()
        [[True, False, True]]
    """
    return b64encode(zlib.compress(np.packbits(np.asarray(mask, bool)).tobytes())).decode("ascii")


def mask_from_text(text: str, shape: Sequence[int]) -> np.ndarray:
    """Returns a mask from what :func:`mask_as_text` made of it.

    Args:
        text: The text.
        shape: Shape of the mask.

    Raises:
        ValueError: If it is no mask of this shape.
    """
    size = int(np.prod(shape))
    packed = zlib.decompressobj().decompress(b64decode(text), -(-size // 8) + 1)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    if len(packed) != -(-size // 8):
        raise ValueError(f"the mask has {bits.size} bits, the weight {size} entries")
    return bits[:size].reshape(tuple(shape)).astype(bool)
