# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Inputs whose numbers choose rows of a table: NNabla reads at any number that it is given."""

from __future__ import annotations

from typing import Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.graph.inputs import forms


class ChoosingInputs:
    """The inputs of a graph that choose rows, and how many there are to choose from.

    Args:
        inputs: Inputs by name.
        outputs: Variables of the graph.

    Example:
        >>> import nnabla.functions as F
        >>> ids = nn.Variable((1, 2))
        >>> choosing = ChoosingInputs({"ids": ids}, [F.embed(ids, nn.Variable((100, 8)))])
        >>> try:
        ...     choosing.check([np.float32([[3, 100]])])
        ... except DataError as error:
        ...     print(error.message)
        input ids holds the number 100, the network has rows 0 to 99 for it.
    """

    def __init__(self, inputs: Mapping[str, nn.Variable], outputs: Sequence[nn.Variable]) -> None:
        found = forms(list(inputs.values()), outputs)
        self._below = {name: form.below for name, form in zip(inputs, found)}

    def check(self, values: Sequence[np.ndarray]) -> None:
        """Looks at what the inputs are to get.

        Args:
            values: Numbers for each input, in their order.

        Raises:
            DataError: If one chooses a row that there is not.
        """
        for (name, below), numbers in zip(self._below.items(), values):
            if not below:
                continue
            outside = numbers[~((numbers > -1) & (numbers < below))]
            if outside.size:
                raise DataError(
                    f"input {name} holds the number {outside[0]:g}, the network has rows 0 to "
                    f"{below - 1} for it.",
                    help="give samples of the words, or items, that the network was made for",
                )
