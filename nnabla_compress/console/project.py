# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network of Neural Network Console tells of the project that it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

from nnabla_compress.models import network_file
from nnabla_compress.models.nnp_archive import read_nnp

_TRAINING, _VALIDATION = "Training", "Validation"
_PIXELS = 255


def data_sets(model: Path) -> List[Path]:
    """Returns the CSV files that a network was trained and validated on, if they are here.

    Args:
        model: The network: a file, or a folder of results.

    Returns:
        Nothing, the one to learn from, or that and the one to validate on.

    Raises:
        DataError: If it can't be read.
    """
    file = network_file(model)
    proto = read_nnp(file).proto
    named = {each.name: file.parent / each.uri.replace("\\", "/") for each in proto.dataset}
    learned = [each.dataset_name[0] for each in proto.optimizer if len(each.dataset_name)]
    found: List[Path] = []
    for name in (*learned[:1], *([] if learned else [_TRAINING]), _VALIDATION):
        path = named.get(name)
        if path is None or path.suffix.lower() != ".csv" or not path.is_file():
            break
        found.append(path)
    return found


def pixel_scale(model: Path) -> Optional[int]:
    """Returns what images scaled to 0..1 are multiplied by for a network; None to leave them so.

    Args:
        model: The network.

    Raises:
        DataError: If it can't be read.
    """
    return _PIXELS if _takes_pixels(read_nnp(network_file(model)).proto) else None


def _takes_pixels(proto: Any) -> bool:
    """Whether the network was made with image normalization switched off."""
    if len(proto.executor):
        return bool(proto.executor[0].no_image_normalization)
    return any(each.no_image_normalization for each in proto.dataset)
