# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's pruning: a fixed fraction of the weights is zero, chosen anew in each forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Mapping, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.native import Call, NativeQuantizer


@register
@dataclass(frozen=True)
class PruneRate(NativeQuantizer):
    """Sets the smallest weights to zero as ``F.prune`` does; found in files.

    The limit is the magnitude number (n - 1) rate of n sorted ones, rounded down; what lies below
    it becomes zero, and what equals it stays. :class:`~nnabla_compress.quantizers.Prune` sets all
    at the limit to zero.

    Args:
        rate: Fraction of the weights, 0 to 1.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.arange(1, 11, dtype=np.float32))
        >>> y = PruneRate(0.5)(x)
        >>> y.forward()
        >>> int((y.d == 0).sum())
        4
    """

    type_name: ClassVar[str] = "Prune"
    in_rules: ClassVar[bool] = False
    rounds: ClassVar[bool] = False

    rate: float

    @property
    def calls(self) -> Sequence[Call]:
        """Prune."""
        return [("Prune", {"rate": float(self.rate)})]

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the mask as codes of one bit, and the values that are kept."""
        values = cls.values(function)
        kept = values != 0
        return Encoding(kept.astype(np.uint8), 1, kept=values[kept])

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns one bit for the mask and 32 for each weight that is kept."""
        y = F.prune(inputs[0], args["rate"])
        y.forward()
        return 1 + 32 * float(np.count_nonzero(y.d)) / max(y.size, 1)
