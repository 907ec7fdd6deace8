# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the computations of a network are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.graph.inputs import SEED, Form, forms, random_inputs
from nnabla_compress.verification.engines import GraphEngine

_NORMAL = "the standard normal distribution"
_OF_THE_FORM = "random numbers of the form that the network takes"


@dataclass(frozen=True)
class Samples:
    """What the computations are compared on.

    Args:
        rows: For each input, in the order of the network's, float32 (samples, ...).
        source: Where they are from, in words.
        labels: Class indices (samples, 1), None if there are none.
        names: Names of the inputs, if they are known.
    """

    rows: Sequence[np.ndarray]
    source: str
    labels: Optional[np.ndarray] = None
    names: Tuple[str, ...] = ()

    def in_order_of(self, names: Sequence[str]) -> Samples:
        """Returns the samples with their inputs in another order, if they have these names."""
        if set(names) != set(self.names):
            return self
        rows = [self.rows[self.names.index(name)] for name in names]
        return Samples(rows, self.source, self.labels, tuple(names))

    @classmethod
    def random(
        cls, shapes: Sequence[Tuple[int, ...]], count: int, below: Sequence[int] = ()
    ) -> Samples:
        """Returns samples of the standard normal distribution, the same ones every time.

        Args:
            shapes: Of a sample of each input.
            count: Number of samples.
            below: For each input how many rows it chooses from by whole numbers, 0 for none.
        """
        rng = np.random.RandomState(SEED)
        chosen = [Form(number) for number in below] or [Form()] * len(shapes)
        rows = [form.random(rng, (count, *shape)) for form, shape in zip(chosen, shapes)]
        return cls(rows, _OF_THE_FORM if any(below) else _NORMAL)

    @classmethod
    def random_for(cls, network: GraphEngine, count: int) -> Samples:
        """Returns random samples of the form that a network takes: row numbers for an Embed.

        Args:
            network: The network.
            count: Number of samples.
        """
        inputs, outputs = list(network.inputs.values()), list(network.outputs.values())
        rows = random_inputs(inputs, outputs, count)
        special = any(form != Form() for form in forms(inputs, outputs))
        source = _OF_THE_FORM if special else _NORMAL
        return cls(rows, source, names=tuple(network.inputs))
