# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own layers that are products of smaller ones, recognized in a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from nnabla_compress.analysis.layers import Layer
from nnabla_compress.names import shown_name

# What NNabla calls their weights, in the order of execution, and the types of the functions.
_KINDS = {
    "svd_affine": (("U", "Affine"), ("V", "Affine")),
    "svd_convolution": (("U", "DepthwiseConvolution"), ("V", "Convolution")),
    "cpd3_convolution": (
        ("I", "Convolution"),
        ("K", "DepthwiseConvolution"),
        ("O", "Convolution"),
    ),
}


@dataclass(frozen=True)
class CompactLayer:
    """A layer of ``PF.svd_affine``, ``PF.svd_convolution`` or ``PF.cpd3_convolution``.

    Args:
        name: Parameter scope that its weights stand in.
        kind: Name of the parametric function.
        rank: Its rank.
        layers: The layers that it consists of, in the order of execution.
    """

    name: str
    kind: str
    rank: int
    layers: Tuple[Layer, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, rank {self.rank})"


def compact_layers(found: Sequence[Layer]) -> List[CompactLayer]:
    """Returns NNabla's compact layers among the layers of a graph.

    Args:
        found: As :func:`~nnabla_compress.analysis.layers.layers` returns them.

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla_compress.analysis.layers import layers
        >>> nn.clear_parameters()
        >>> y = PF.svd_affine(nn.Variable((1, 16)), 8, 3, name="fc")
        >>> print(*compact_layers(layers([y])))
        fc/svd_affine (svd_affine, rank 3)
    """
    scopes: Dict[str, List[Layer]] = {}
    for layer in found:
        if not layer.shared:
            scopes.setdefault(layer.weight_name.rpartition("/")[0], []).append(layer)
    made: List[CompactLayer] = []
    for scope, parts in scopes.items():
        looks = tuple((part.weight_name.rpartition("/")[2], part.type) for part in parts)
        for kind, wanted in _KINDS.items():
            if looks == wanted:
                last = parts[-1].shape
                # The last weight reads what the rank counts, the depthwise one's for each input.
                made_of = last[0] if parts[-1].type == "Affine" else last[1]
                each = parts[0].input_shape[1] if kind == "svd_convolution" else 1
                name = shown_name(scope)
                made.append(CompactLayer(name, kind, made_of // max(1, each), tuple(parts)))
    return made
