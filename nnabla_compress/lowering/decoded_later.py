# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights that codes decode to: their values need no memory until a layer reads them."""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Iterator, Mapping, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.function_types import LAYERS
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.nnb.sources import Source


def decoded_later(
    weights: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    encodings: Mapping[Any, Encoding],
) -> Dict[Any, Source]:
    """Frees the values of weights that codes decode to; returns what makes them, by array.

    Those stay that something else than a layer reads, and those whose values have changed since.

    Args:
        weights: Parameters that nobody else uses.
        outputs: Variables of the graphs that read them.
        encodings: How parameters are encoded, by their array.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.graph.constants import constant
        >>> encoding = Encoding(np.int8([[1, -2]]), 3, scale=np.float32(0.5))
        >>> w = constant(encoding.decode(), "fc/W")
        >>> y = F.affine(nn.Variable((1, 1)), w)
        >>> decoded_later([w], [y], {w.data: encoding})[w.data].array().tolist()
        [[0.5, -1.0]]
    """
    others = read_beside_layers(outputs)
    found: Dict[Any, Source] = {}
    for weight in weights:
        encoding = encodings.get(weight.data)
        if encoding is None or weight.data in others or weight.data in found:
            continue
        # A scale behind a layer may have been taken into its values since.
        if all(np.array_equal(weight.d[rows], part) for rows, part in encoding.decoded()):
            found[weight.data] = source_of(encoding)
    for weight in weights:
        if weight.data in found:
            weight.data.clear()
    return found


def read_beside_layers(outputs: Sequence[nn.Variable]) -> Set[Any]:
    """Returns the arrays that something else than a layer reads.

    It may hand an array on, which is emptied behind the reader: these keep their values.

    Args:
        outputs: Variables of a graph.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((1, 2)), nn.Variable((2, 2))
        >>> y = F.affine(F.relu(x), w)
        >>> x.data in read_beside_layers([y]), w.data in read_beside_layers([y])
        (True, False)
    """
    return {
        variable.data
        for function in functions(outputs)
        if function.info.type_name not in LAYERS
        for variable in function.inputs
    }


def source_of(encoding: Encoding) -> Source:
    """Returns what makes the values that codes decode to.

    Args:
        encoding: The codes.

    Example:
        >>> source_of(Encoding(np.int8([[1, -2]]), 3, scale=np.float32(0.5))).array().tolist()
        [[0.5, -1.0]]
    """
    return Source(encoding.shape, partial(_decoded, encoding))


def _decoded(encoding: Encoding) -> Iterator[np.ndarray]:
    return (np.ravel(part) for _, part in encoding.decoded())
