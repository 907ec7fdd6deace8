# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far what is made of a network may be from it: the one rule, for all targets.

Float additions in another order move all values a little: the largest difference counts. Where
activations are quantized, a value on a border between two steps may fall to either side, and a
network may amplify that: then only the root mean square difference counts. Integers of few bits
compute other values on purpose, but less than half of the signal apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple

from nnabla_compress.agreement import Agreement

ANOTHER_ORDER = 1e-4
"""Largest difference allowed where floats are added in another order."""
OTHER_LIBRARY = 1e-5
"""Likewise between two programs that do the same: exponentials, fused multiply-add."""
SINGLE_STEPS = 0.05
"""Root mean square difference allowed where activations are quantized."""
HALF = 0.5
"""Likewise where numbers are rounded to integers of few bits."""


@dataclass(frozen=True)
class Tolerance:
    """How far the outputs of what is made of a network may be from the network's.

    Args:
        largest: Largest difference, as a part of the output's largest magnitude.
        steps: Whether activations are quantized: then up to 5 % (root mean square), or twice what
            the network itself differs by when what it computes with hardly moves.
        rounded: Whether numbers are rounded to integers of few bits: then up to half of the signal
            (root mean square).

    Example:
        >>> import numpy as np
        >>> from nnabla_compress.agreement import agreement
        >>> found = agreement([np.float32([[1.0, 2.0]])], [np.float32([[1.0, 2.1]])])
        >>> wrong, limit = Tolerance(1e-4).judge(found)
        >>> wrong > limit
        True
        >>> wrong, limit = Tolerance(1e-4, steps=True).judge(found)
        >>> wrong > limit
        False
    """

    largest: float
    steps: bool = False
    rounded: bool = False

    def judge(
        self, found: Agreement, response: Optional[Callable[[], float]] = None
    ) -> Tuple[float, float]:
        """Returns how far outputs are apart, and the limit of that.

        Args:
            found: How far they agree.
            response: Returns how far the network's outputs move when what it computes with hardly
                does, see :func:`~nnabla_compress.graph.response.response`; called where the limit
                needs it.
        """
        if not (self.steps or self.rounded):
            return found.largest, self.largest
        wrong = found.root_mean_square
        limit = max(self.largest, HALF if self.rounded else SINGLE_STEPS)
        if wrong > limit and response is not None and not self.rounded:
            limit = max(limit, 2 * response())
        return wrong, limit
