# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""BinaryConnect: each weight is its sign, in the forward pass only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.native import Call, NativeQuantizer


@register
@dataclass(frozen=True)
class BinaryConnect(NativeQuantizer):
    """Takes the sign of each weight; the gradient goes to the float weight unchanged.

    It computes what ``PF.binary_connect_convolution`` and ``PF.binary_connect_affine`` do.

    Args:
        quantize_zero_to: What 0 becomes: 1 or -1; other numbers take a second bit.

    Raises:
        ConfigError: If that is no finite number.

    References:
        M. Courbariaux et al., BinaryConnect: training deep neural networks with binary weights
        during propagations, arXiv:1511.00363.

    Example:
        >>> import nnabla as nn
        >>> y = BinaryConnect()(nn.Variable.from_numpy_array(np.float32([-0.3, 0, 2])))
        >>> y.forward()
        >>> y.d.tolist()
        [-1.0, 1.0, 1.0]
    """

    type_name: ClassVar[str] = "BinaryConnect"

    quantize_zero_to: float = 1.0

    def __post_init__(self) -> None:
        require_finite_zero(type(self).__name__, self.quantize_zero_to)

    @property
    def calls(self) -> Sequence[Call]:
        """Sign."""
        return [("Sign", {"alpha": float(self.quantize_zero_to)})]

    @property
    def stored_bits(self) -> float:
        """One; two where zeros have a value of their own."""
        return 1 if self.quantize_zero_to in (1, -1) else 2

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns one bit for each weight; a dictionary where zeros have a value of their own."""
        if cls.of(function.info.args).stored_bits > 1:
            return super().encode(function)
        codes = (cls.values(function) > 0).astype(np.uint8)
        return Encoding(codes, 1, dictionary=np.array([-1, 1], np.float32))

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[LevelGrid]:
        """Returns 1 and -1; None where zeros have a value of their own."""
        if cls.of(args).stored_bits > 1:
            return None
        return LevelGrid(np.full(1, 2.0), -np.ones(1), np.zeros(1), 0.5)


def require_finite_zero(quantizer: str, zero: Any) -> None:
    """Refuses what zeros can't become.

    Args:
        quantizer: Its name, for the message.
        zero: What a quantizer is to make of 0.

    Raises:
        ConfigError: If it is no finite number.
    """
    number = isinstance(zero, (int, float, np.number)) and not isinstance(zero, bool)
    if not number or not np.isfinite(zero):
        raise ConfigError(f"{quantizer}: quantize_zero_to is {zero!r}.", help="choose 1 or -1")
