# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which entries of a network's tensors stand for the same channel, function by function.

Each entry along each axis of a parameter has a label of its own. Functions hand the labels on to
what they compute, entry by entry: a convolution gives its output the labels of its weight's output
axis, a concatenation puts labels side by side, a Reshape spreads them. Where two entries meet, in
an addition or where a weight reads a map, their labels are one from then on. So whatever has the
same label can only go together, and whatever has another one stays.

An axis without labels keeps its size: those of the network's inputs, and of what a function
computes that mixes channels. What meets it is held, with the reason in words.
"""

from __future__ import annotations

from typing import Collection, Dict, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.channel_rules import rule_of
from nnabla_compress.analysis.labels import Labels
from nnabla_compress.graph.rewrite import functions


class ChannelLabels(Labels):
    """The labels of all tensors of a graph.

    Args:
        outputs: Variables of the graph.
        inputs: The network's inputs.
        parameters: Parameters by path, to name layers; by default those of the current scope.
        names: Names of the outputs, as users know them; as many as there are.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.relu(PF.convolution(x, 2, (3, 3), name="a"))
        >>> y = PF.affine(h, 10, name="b")
        >>> labels = ChannelLabels([y], [x])
        >>> labels.roots(labels.of(h)[1]).tolist()
        [0, 1]
        >>> labels.roots(labels.of(y.parent.inputs[1])[0])[[0, 35, 36, 71]].tolist()
        [0, 0, 1, 1]
    """

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Collection[nn.Variable],
        parameters: Optional[Mapping[str, nn.Variable]] = None,
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(outputs, inputs, parameters)
        for function in functions(outputs):
            for variable in function.inputs:
                self.begin(variable)
            rule = rule_of(function)
            if rule is None or function.info.args.get("channel_last") or not rule(self, function):
                self.mix(function)
        for number, output in enumerate(outputs):
            name = f" {names[number]}" if number < len(names) and names[number] else ""
            self.hold(output, f"the network's output{name} has them")
        self._parents = _united(self._count, self._pairs)
        self._reasons: Dict[int, str] = {}
        for labels, reason in self._held:
            for root in np.unique(self._parents[labels]).tolist():
                self._reasons.setdefault(root, reason)

    def roots(self, labels: np.ndarray) -> np.ndarray:
        """Returns one label for all that are the same channel."""
        found: np.ndarray = self._parents[labels]
        return found

    def reason(self, root: int) -> Optional[str]:
        """Returns why a channel can't go, None if it can."""
        return self._reasons.get(root)


def _united(count: int, pairs: Sequence[Tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The smallest label that each one is joined with, over all pairs."""
    parents = np.arange(count)
    if not pairs:
        return parents
    one, other = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    while True:
        first, second = parents[one], parents[other]
        apart = first != second
        if not apart.any():
            return parents
        one, other = one[apart], other[apart]
        low = np.minimum(first[apart], second[apart])
        np.minimum.at(parents, np.maximum(first[apart], second[apart]), low)
        while (parents[parents] != parents).any():
            parents = parents[parents]
