# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""How alike the filters of a layer are, told from the weights alone.

With the singular values s of the matrix whose rows are the filters, each of length 1::

    effective rank = exp(-sum_i p_i log p_i),    p_i = s_i / sum_j s_j
    alike: filters with abs(cosine) >= 0.9 to another one of the layer

n orthogonal filters have the effective rank n, equal ones 1. What is far below the number of
filters can mostly be pruned or factorized for little.

O. Roy, M. Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.constant_entries import effective_weight
from nnabla_compress.analysis.layers import Layer, layers

ALIKE = 0.9
# So many filters of a layer are looked at, evenly spread.
_MOST = 512
_NOISE = 1e-9  # of the largest eigenvalue: what rounding leaves
_TYPES = ("Affine", "Convolution")


@dataclass(frozen=True)
class Redundancy:
    """How alike the filters of a layer are.

    Args:
        layer: Its name.
        filters: Number of its filters that were looked at, 512 at most; zero ones are left out.
        effective_rank: Of these, 1 to the smaller of their number and their size.
        alike: Number of those whose cosine with another one is 0.9 and more, or -0.9 and less.
    """

    layer: str
    filters: int
    effective_rank: float
    alike: int


def redundancy(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[Redundancy]:
    """Returns how alike the filters of each convolution and affine layer are.

    Args:
        outputs: Variables of one graph; quantized weights are looked at as they are quantized.
        parameters: Parameters by path, to name the layers; by default those of the current scope.

    Returns:
        A row for each layer with two filters or more, in the order of execution.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 3)), 3, name="fc")
        >>> nn.get_parameters()["fc/affine/W"].d = [[1, 2, 0], [0, 0, 1], [0, 0, 0]]
        >>> (found,) = redundancy([y])
        >>> found.filters, found.alike, round(found.effective_rank, 2)
        (3, 2, 1.97)
    """
    rows = [
        (layer, _filters(layer))
        for layer in layers(outputs, parameters)
        if not layer.shared and layer.type in _TYPES
    ]
    return [_row(layer.name, filters) for layer, filters in rows if len(filters) > 1]


def _filters(layer: Layer) -> np.ndarray:
    """The filters as rows of length 1."""
    weight = np.asarray(effective_weight(layer.function, layer.quantizer), np.float64)
    by_filter = weight.reshape(len(weight), -1)
    if layer.type == "Affine":
        by_filter = by_filter.T
    chosen = np.unique(np.linspace(0, len(by_filter) - 1, min(len(by_filter), _MOST)).astype(int))
    lengths = np.linalg.norm(by_filter[chosen], axis=1)
    return by_filter[chosen][lengths > 0] / lengths[lengths > 0, None]


def _row(name: str, filters: np.ndarray) -> Redundancy:
    cosines = filters @ filters.T
    squares = np.linalg.eigvalsh(cosines)
    singular = np.sqrt(squares[squares > _NOISE * squares.max()])
    parts = singular / singular.sum()
    np.fill_diagonal(cosines, 0)
    return Redundancy(
        name,
        len(filters),
        float(np.exp(-(parts * np.log(parts)).sum())),
        int((np.abs(cosines).max(axis=1) >= ALIKE).sum()),
    )
