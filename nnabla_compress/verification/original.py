# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The float network that a compressed file was made of: where it is, and whether it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.reading import check_regular
from nnabla_compress.verification.engines import FLOAT, FloatEngine, GraphEngine

# Names of the files that a run and a post-training quantization leave in one folder.
_COMPRESSED, _FLOAT_FILE = "results", "float.nnp"
_FLOAT_BITS = 32


def original_of(
    file: Path, given: Optional[Path], report: Mapping[str, Any], batch_size: int
) -> Tuple[Optional[GraphEngine], Optional[str]]:
    """Returns the float network of a compressed file, and what is to be said of it.

    Args:
        file: The ``.nnp`` or ``.nnb``.
        given: The ``.nnp`` of the float network; by default ``float.nnp`` beside ``results.nnp``.
        report: What the export noted in the file.
        batch_size: Rows of a batch.

    Returns:
        The engine, None if there is none; and a sentence if one was to be expected.

    Raises:
        DataError: If a file that is given is missing or damaged.
    """
    beside = file.with_name(_FLOAT_FILE)
    if given is not None:
        check_regular(given)
        if not given.is_file():
            raise DataError(f"there is no file {given}.", help="--float names the float .nnp")
        return FloatEngine(given, batch_size), None
    if file.stem == _COMPRESSED and beside.is_file():
        return FloatEngine(beside, batch_size), None
    if file.stem != _COMPRESSED and not _is_compressed(report):
        return None, None
    return None, (
        f"the {FLOAT} takes no part: there is no {_FLOAT_FILE} beside {file.name}; --float FILE "
        "names one"
    )


def misfit(
    original: GraphEngine, shapes: Sequence[Tuple[int, ...]], outputs: Sequence[np.ndarray]
) -> Optional[str]:
    """Returns why a float network can't be compared with a compressed one, None if it can.

    Args:
        original: The float network.
        shapes: Shapes of a sample of each input of the compressed one.
        outputs: What the compressed one computed.
    """
    own = [tuple(variable.shape[1:]) for variable in original.inputs.values()]
    if own != list(shapes):
        return f"the {FLOAT} takes no part: its inputs have the shapes {own}, not {list(shapes)}"
    gives = [tuple(variable.shape[1:]) for variable in original.outputs.values()]
    wanted = [array.shape[1:] for array in outputs]
    if gives != wanted:
        return f"the {FLOAT} takes no part: its outputs have the shapes {gives}, not {wanted}"
    return None


def _is_compressed(report: Mapping[str, Any]) -> bool:
    """Whether an export noted weights of fewer bits than floats have."""
    rows = report.get("layers")
    rows = rows if isinstance(rows, list) else []
    bits = [row.get("bits") for row in rows if isinstance(row, dict)]
    return any(isinstance(number, (int, float)) and number < _FLOAT_BITS for number in bits)
