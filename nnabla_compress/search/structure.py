# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How large the tensors of a network are once groups have lost channels, without building it.

A weight between two groups loses outputs with one and inputs with the other: what is left is the
product of what both leave, not the whole less two parts.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import activations, layers
from nnabla_compress.analysis.couplings import Couplings, parameters_of
from nnabla_compress.graph.network import Network
from nnabla_compress.search.sensitivity import ACTIVATIONS, WEIGHTS

Key = Tuple[str, str]


class Left(NamedTuple):
    """What is left of a tensor.

    Args:
        elements: Number of weights, or of elements for one sample.
        macs: Multiply-accumulates of the layers that read the weights; 0 of an activation.
        whole: Whether it has lost nothing.
    """

    elements: int
    macs: int
    whole: bool


class Structure:
    """The tensors of a network, and what they lose with each group.

    Args:
        network: The network.
        removed: Channels of each group that may go, by the name of the group and by share.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 6))
        >>> y = PF.affine(PF.affine(x, 4, name="a"), 3, name="b")
        >>> structure = Structure(Network({"x": x}, {"y": y}), {"a/affine": {0.5: [0, 1]}})
        >>> structure.left({"a/affine": 0.5})["weights", "b/affine"]
        Left(elements=6, macs=6, whole=False)
    """

    def __init__(
        self, network: Network, removed: Mapping[str, Mapping[float, Sequence[int]]]
    ) -> None:
        couplings = Couplings(network)
        outputs = network.all_outputs
        self._macs: Dict[Key, int] = {}
        tensors: Dict[Key, nn.Variable] = {}
        by_weight: Dict[Any, Key] = {}
        for layer in layers(outputs, parameters_of(network)):
            key = by_weight.setdefault(layer.weight.data, (WEIGHTS, layer.name))
            tensors[key] = layer.weight
            self._macs[key] = self._macs.get(key, 0) + layer.macs
        for found in activations(outputs):
            tensors[ACTIVATIONS, found.name] = found.variable
        self._shapes = {
            key: tuple(variable.shape[1:] if key[0] == ACTIVATIONS else variable.shape)
            for key, variable in tensors.items()
        }
        self._lost: Dict[Tuple[str, float], Dict[Key, Dict[int, int]]] = {}
        for group, by_share in removed.items():
            for share, channels in by_share.items():
                gone = couplings.gone({group: channels})
                self._lost[group, share] = of = {}
                for key, variable in tensors.items():
                    kept = couplings.kept(variable, gone)
                    first = key[0] == ACTIVATIONS
                    if kept:
                        of[key] = {a - first: variable.shape[a] - len(k) for a, k in kept.items()}

    def left(self, shares: Mapping[str, float]) -> Dict[Key, Left]:
        """Returns what is left of each tensor.

        Args:
            shares: The share of each group that loses channels.
        """
        lost: Dict[Key, Dict[int, int]] = {}
        for group, share in shares.items():
            for key, axes in self._lost[group, share].items():
                mine = lost.setdefault(key, {})
                for axis, count in axes.items():
                    mine[axis] = mine.get(axis, 0) + count
        found = {}
        for key, shape in self._shapes.items():
            axes = lost.get(key, {})
            sizes = [n - axes.get(axis, 0) for axis, n in enumerate(shape)]
            whole, elements = (
                int(np.prod(shape, dtype=np.int64)),
                int(np.prod(sizes, dtype=np.int64)),
            )
            macs = self._macs.get(key, 0) * elements // max(1, whole)
            found[key] = Left(elements, macs, not axes)
        return found
