# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Image files as arrays, with the errors of damaged files made readable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

import numpy as np

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import open_file

# Formats of arrays only: for some others pillow starts programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def read_image(path: Union[str, Path]) -> np.ndarray:
    """Reads an image file.

    Args:
        path: Image in one of the formats PNG, JPEG, BMP, GIF, TIFF, WebP and PNM.

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
        with open_file(path) as file, Image.open(file, formats=_FORMATS) as opened:
            image: Image.Image = opened
            values = opened.width * opened.height * len(opened.getbands())
            limit = Limits.of(os.stat(path).st_size).bytes
            check_limit(str(path), "is an image of {:,} values", values, limit)
            if image.mode.startswith("I"):
                return np.asarray(image).astype(np.uint16)[np.newaxis]
            if image.mode in ("P", "CMYK", "YCbCr", "HSV", "LAB"):
                image = image.convert("RGB")
            elif image.mode == "1":
                image = image.convert("L")
            pixels = np.asarray(image)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"image {path} does not exist.", help="check the path") from error
    except Exception as error:  # each decoder has its own exceptions for damaged files
        raise DataError(
            f"can't read the image {path}: it is cut short, damaged or no image ({error}).",
            help="get the file again",
        ) from error
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
