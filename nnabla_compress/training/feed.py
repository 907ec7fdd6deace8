# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The variables that batches are put into: inputs, one or several, and targets."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

import nnabla as nn

from nnabla_compress.data import Batch, Split
from nnabla_compress.graph.choosing import ChoosingInputs


class Feed:
    """Variables of one batch size for the samples of a split.

    Args:
        split: Says shapes and names.
        batch_size: Rows of the variables.

    Example:
        >>> import numpy as np
        >>> feed = Feed(Split.checked(np.zeros((5, 3)), [0, 1, 0, 1, 1], "example"), 2)
        >>> feed.inputs.shape, feed.targets.shape
        ((2, 3), (2, 1))
    """

    def __init__(self, split: Split, batch_size: int) -> None:
        self.x = nn.Variable((batch_size, *split.x.shape[1:]))
        self.targets = nn.Variable((batch_size, *(split.y.shape[1:] or (1,))))
        self._more: Dict[str, nn.Variable] = {
            name: nn.Variable((batch_size, *values.shape[1:]))
            for name, values in split.more.items()
        }
        self._name = split.name
        self._choosing: Optional[ChoosingInputs] = None

    @property
    def inputs(self) -> nn.Variable:
        """What a network is built on: one variable, or several by name."""
        # A dict stands for several: models of one input, the most, need not know of it.
        several: Mapping[str, nn.Variable] = {self._name: self.x, **self._more}
        return several if self._more else self.x  # type: ignore[return-value]

    @property
    def variables(self) -> List[nn.Variable]:
        """All of them."""
        return [self.x, self.targets, *self._more.values()]

    def look(self, outputs: Sequence[nn.Variable]) -> None:
        """Has each batch looked at for rows that the network has not.

        Args:
            outputs: The network built on ``inputs``.
        """
        self._choosing = ChoosingInputs({self._name: self.x, **self._more}, outputs)

    def put(self, batch: Batch) -> None:
        """Puts the arrays of a batch into the variables.

        Args:
            batch: Of the split's shapes and the batch size.

        Raises:
            DataError: If its numbers choose rows that the network has not.
        """
        if self._choosing is not None:
            self._choosing.check([batch.x, *(batch.more[name] for name in self._more)])
        self.x.d = batch.x
        if batch.y.size:
            self.targets.d = batch.y
        for name, values in batch.more.items():
            self._more[name].d = values
