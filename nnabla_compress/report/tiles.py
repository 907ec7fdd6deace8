# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Samples as small PNG files, pixel for pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnabla_compress.files import atomic_path

_MOST_PIXELS = 128  # along a side: a larger one is thinned out


def write_tile(path: Path, sample: np.ndarray) -> None:
    """Writes an image sample as a PNG file of 8 bits, its values spread from black to white.

    Args:
        path: The file.
        sample: (C, H, W) with 1 or 3 channels.

    Raises:
        ConfigError: If it can't be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.png"
        ...     write_tile(path, np.float32([[[0, 0.5], [1, 0.5]]]))
        ...     path.read_bytes()[1:4]
        b'PNG'
    """
    from PIL import Image  # matplotlib's, which every installation has

    pixels: Any = np.asarray(sample)
    step = -(-max(pixels.shape[1:]) // _MOST_PIXELS)
    pixels = pixels[:, ::step, ::step]
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = np.uint8(np.rint(255 * (pixels - low) / ((high - low) or 1)))
    rows = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    with atomic_path(path) as temporary:
        Image.fromarray(rows[:, :, 0] if rows.shape[2] == 1 else rows).save(temporary, "PNG")
