# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much memory and work a stored network asks for, told from shapes before anything is computed.

NNabla takes memory for a variable when it is computed first, and a few functions while they are
made. A few numbers of a small file can stand for any size.
"""

from __future__ import annotations

import math
from typing import Any, Sequence

import nnabla as nn

from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.multiplications import products
from nnabla_compress.names import shortened


class NetworkSizes:
    """Adds up the variables and products of a network while its functions are made.

    Args:
        limits: Those of its file, for one sample.
        samples: How many times as much a batch may take.
        where: What messages call the network.
    """

    def __init__(self, limits: Limits, samples: int, where: str) -> None:
        self._most_values = limits.values * samples
        self._most_products = limits.products * samples
        self._where, self._values, self._products = where, 0, 0

    def take(self, name: str, values: int) -> None:
        """Counts a variable.

        Args:
            name: Its name, or that of the function that computes it.
            values: Its number of elements.

        Raises:
            DataError: If all variables together are more than the file may ask for.
        """
        self._values += values
        what = f"needs {{:,}} values of memory up to {shortened(name)}"
        check_limit(self._where, what, self._values, self._most_values)

    def foresee(self, function: Any, inputs: Sequence[nn.Variable]) -> None:
        """Looks at a function that takes memory while it is made.

        Args:
            function: A ``ProtoFunction`` of NNabla.
            inputs: Its inputs as built.

        Raises:
            DataError: If that is more than the file may ask for.
        """
        if function.type == "Tile" and inputs:
            reps = [max(1, abs(int(times))) for times in function.args["reps"]]
            values = math.prod(inputs[0].shape) * math.prod(reps)
            what = f"makes {{:,}} values in {shortened(function.name)}"
            check_limit(self._where, what, values, self._most_values)

    def add(
        self, function: Any, inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable]
    ) -> None:
        """Counts what a function computes.

        Args:
            function: A ``ProtoFunction`` of NNabla.
            inputs: Its inputs as built.
            outputs: Its outputs.

        Raises:
            DataError: If all functions together are more than the file may ask for.
        """
        made = sum(math.prod(variable.shape) for variable in outputs)
        self.take(function.name, made)
        self._products += products(
            function.type,
            function.args,
            [variable.shape for variable in inputs],
            [variable.shape for variable in outputs],
        )
        what = f"needs {{:,}} multiplications up to {shortened(function.name)}"
        check_limit(self._where, what, self._products, self._most_products)
