# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Encodings of tensors whose values a function has moved: transposed, reshaped, cut into parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.function_types import MOVES
from nnabla_compress.graph.clone import clone


def moved(encoding: Encoding, function: Any) -> Optional[List[Encoding]]:
    """Returns how the outputs of a function are stored that moves the values of a tensor.

    Args:
        encoding: How the tensor is stored.
        function: The function that reads it.

    Returns:
        An encoding for each output; None if the function does not only move values, or an output
        is none that one axis of scales decodes.

    Example:
        >>> import nnabla.functions as F
        >>> stored = Encoding(np.array([[1, 2], [3, 4]]), 3, scale=np.float32([1, 10]), axis=0)
        >>> turned, = moved(stored, F.transpose(nn.Variable((2, 2)), (1, 0)).parent)
        >>> turned.axis, turned.decode().tolist()
        (1, [[1.0, 30.0], [2.0, 40.0]])
    """
    if function.info.type_name not in MOVES:
        return None
    found: List[Encoding] = []
    for places in _places(function, encoding.codes.shape):
        codes = encoding.codes.reshape(-1)[places]
        if encoding.kept is not None:
            values = encoding.decode().reshape(-1)[places]
            found.append(replace(encoding, codes=codes, kept=values[codes.astype(bool)]))
        elif encoding.axis is None:
            found.append(replace(encoding, codes=codes))
        else:
            index = np.unravel_index(places, encoding.codes.shape)[encoding.axis]
            axis = _only_axis(index)
            if axis is None:
                return None
            along = np.moveaxis(index, axis, 0).reshape(index.shape[axis], -1)[:, 0]
            scale, zero_point = np.asarray(encoding.scale), np.asarray(encoding.zero_point)
            found.append(
                replace(
                    encoding,
                    codes=codes,
                    scale=scale.reshape(-1)[along],
                    zero_point=zero_point.reshape(-1)[along] if zero_point.size > 1 else zero_point,
                    axis=axis,
                )
            )
    return found


def _places(function: Any, shape: Tuple[int, ...]) -> List[np.ndarray]:
    """Where each value of each output stood among those of the input, counted in order."""
    numbers = np.arange(int(np.prod(shape)))
    # Float32 tells whole numbers apart up to 2^24 only: moved in two halves.
    halves = []
    for part in (numbers >> 12, numbers & 0xFFF):
        x = nn.Variable.from_numpy_array(part.reshape(shape).astype(np.float32))
        changes = {"inplace": False} if "inplace" in function.info.args else None
        outputs = clone(function, [x], changes)
        nn.forward_all(outputs)
        halves.append([np.array(output.d).astype(np.int64) for output in outputs])
    return [(high << 12) + low for high, low in zip(*halves)]


def _only_axis(index: np.ndarray) -> Optional[int]:
    """The axis that an array varies along; the first one if it is constant; None if several."""
    varies = [axis for axis in range(index.ndim) if np.any(np.take(index, [0], axis) != index)]
    if len(varies) > 1:
        return None
    return varies[0] if varies else 0
