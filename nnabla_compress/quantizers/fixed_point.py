# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's fixed-point numbers: whole multiples of a step that is not learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.learned import require_positive
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.native import Call, NativeQuantizer, whole_steps

_MOST_BITS = 24


@register
@dataclass(frozen=True)
class FixedPoint(NativeQuantizer):
    """Rounds to whole multiples of a step, half away from zero, and clips.

    Signed values reach from -(2**(bits - 1) - 1) to (2**(bits - 1) - 1) steps, unsigned ones from 0
    to 2**bits - 1. It computes what ``F.fixed_point_quantize`` does.

    Args:
        bits: Bits of a value, with the sign: 2 to 24 if signed, 1 to 24 if not.
        step: The step, above 0; a power of two costs devices a shift.
        signed: Whether there are negative values.
        fine_grained: Whether the gradient is 0 where a value is clipped; else it is 1 everywhere.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla as nn, numpy as np
        >>> y = FixedPoint(bits=3, step=0.25)(nn.Variable.from_numpy_array(np.float32([2, 0.4])))
        >>> y.forward()
        >>> y.d.tolist()
        [0.75, 0.5]
    """

    type_name: ClassVar[str] = "FixedPointQuantize"

    bits: int = 8
    step: float = 2.0**-4
    signed: bool = True
    fine_grained: bool = True

    def __post_init__(self) -> None:
        require_positive("FixedPoint", "step", self.step)
        least = 2 if self.signed else 1
        if isinstance(self.bits, bool) or not least <= self.bits <= _MOST_BITS:
            raise ConfigError(
                f"FixedPoint: bits is {self.bits!r}, it takes {least} to {_MOST_BITS}"
                f"{' with a sign' if self.signed else ''}.",
                help="choose bits in that range",
            )

    @property
    def calls(self) -> Sequence[Call]:
        """FixedPointQuantize."""
        arguments = {
            "sign": bool(self.signed),
            "n": int(self.bits),
            "delta": float(self.step),
            "ste_fine_grained": bool(self.fine_grained),
        }
        return [("FixedPointQuantize", arguments)]

    @property
    def stored_bits(self) -> float:
        """Those of the options."""
        return self.bits

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns whole codes and the step as their scale."""
        args = function.info.args
        return whole_steps(cls.values(function), args["step"], 0, args["bits"])

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> LevelGrid:
        """Returns the multiples of the step."""
        last = 2.0 ** (args["bits"] - bool(args["signed"])) - 1
        first = -last if args["signed"] else 0.0
        return LevelGrid(np.array([args["step"]]), np.array([first]), np.array([last]))
