# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The stored weights of a graph whose values are not in memory, and what they decode to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Hashable, List, Sequence, Tuple

import nnabla as nn

from nnabla_compress.graph.compare import Fill
from nnabla_compress.graph.rewrite import functions, leaves, rebuild
from nnabla_compress.graph.same import kinds
from nnabla_compress.nnb.sources import Source


@dataclass
class Deferred:
    """What the parameters of a graph hold whose values are made when they are written.

    Args:
        codes: Values of parameters, by their array.
        decoded: Values of variables that functions compute from such parameters only.
    """

    codes: Dict[Any, Source] = field(default_factory=dict)
    decoded: Dict[nn.Variable, Source] = field(default_factory=dict)

    def update(self, other: Deferred) -> None:
        """Adds what other weights hold."""
        self.codes.update(other.codes)
        self.decoded.update(other.decoded)

    def runnable(self, outputs: Sequence[nn.Variable]) -> Tuple[List[nn.Variable], Fill]:
        """Returns the graph with each decoded weight as a parameter, and what makes its values.

        A function that decodes a weight works on all of it at once, in floats: several times what
        the weight itself takes.

        Args:
            outputs: Variables of the graph.
        """
        fill: Dict[Any, Any] = {data: source.make for data, source in self.codes.items()}
        used = {v for f in functions(outputs) for v in f.outputs}
        plain: Dict[nn.Variable, nn.Variable] = {}
        for variable, source in self.decoded.items():
            if variable in used:
                plain[variable] = nn.Variable(variable.shape)
                fill[plain[variable].data] = source.make
        made = rebuild(outputs, inputs=plain) if plain else list(outputs)
        read = {leaf.data for leaf in leaves(made)}
        return made, {data: make for data, make in fill.items() if data in read}

    def of_copy(self, outputs: Sequence[nn.Variable], copies: Sequence[nn.Variable]) -> Deferred:
        """Returns the same for a copy of the graph on the same parameters, as read from a file.

        What decodes a weight is known by its functions and parameters. What is not found among
        them in the copy is computed by the functions of the copy.

        Args:
            outputs: Variables of the graph.
            copies: The same of the copy.
        """
        if not self.decoded:
            return Deferred(dict(self.codes))
        numbers: Dict[Hashable, int] = {}
        own, other = kinds(outputs, numbers, {}), kinds(copies, numbers, {})
        sources = {own[v]: source for v, source in self.decoded.items() if v in own}
        found = {v: sources[kind] for v, kind in other.items() if kind in sources}
        return Deferred(dict(self.codes), found)
