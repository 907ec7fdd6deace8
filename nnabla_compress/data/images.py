# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Image files as arrays, with the errors of damaged files made readable."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError


def read_image(path: Union[str, Path]) -> np.ndarray:
    """Reads an image file.

    Args:
        path: Image in any format that pillow reads (PNG, JPEG, BMP, WebP, ...).

    Returns:
        Array (C, H, W), ``uint8``, or ``uint16`` for grey images of 16 bits. Palettes become RGB.

    Raises:
        ConfigError: If pillow is not installed or lacks the format.
        DataError: If the file is missing, cut short or no image.
    """
    try:
        from PIL import Image, features
    except ImportError as error:
        raise ConfigError(
            f"reading {path} needs pillow, which is not installed.",
            help="pip install pillow",
        ) from error
    if str(path).lower().endswith(".webp") and not features.check("webp"):
        raise ConfigError(
            f"reading {path} needs pillow with WebP, which this pillow lacks.",
            help="install pillow from its wheel",
        )
    try:
        with Image.open(path) as opened:
            image: Image.Image = opened
            if image.mode.startswith("I"):
                return np.asarray(image).astype(np.uint16)[np.newaxis]
            if image.mode in ("P", "CMYK", "YCbCr", "HSV", "LAB"):
                image = image.convert("RGB")
            elif image.mode == "1":
                image = image.convert("L")
            pixels = np.asarray(image)
    except FileNotFoundError as error:
        raise DataError(f"image {path} does not exist.", help="check the path") from error
    except Exception as error:  # each decoder has its own exceptions for damaged files
        raise DataError(
            f"can't read the image {path}: it is cut short, damaged or no image ({error}).",
            help="get the file again",
        ) from error
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
