# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a search for bits is after: accuracy, and few bits, in one number (ReLeQ)."""

from __future__ import annotations

from typing import Literal, Tuple

import numpy as np
from pydantic import Field

from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options
from nnabla_compress.search.space import Bits, Space


class Reward(Options):
    """The reward of ReLeQ (Elthakeb et al., IEEE Micro 2020), between -1 and 1.

    With the relative accuracy ``y`` (that of the bits divided by that of the float network) and
    the quantization state ``q``, the bits used as a part of the most, the shaped reward is

        x = q - q_least,  R = (1 - x^a) max(y, t)^(b / max(y, t)),  reward = 2 R - 1

    and -1 where ``y`` is less than the threshold ``t``. The linear one is
    ``2 max(0, slope_bits (q_least - q) + slope_accuracy y)``.

    Args:
        shape: ``releq``, or ``linear`` as in the authors' script for all layers at once.
        a: Exponent of the quantization state: smaller ones press harder on the first bits.
        b: Exponent of the accuracy: larger ones press harder on it.
        threshold: The least relative accuracy that is worth something.
        cost: What a bit of a layer counts in ``q``: ``bits`` the same in all layers, ``memory`` the
            layer's weights, ``hardware`` its weights times ``memory_energy`` and its
            multiply-accumulates.
        memory_energy: Energy of a memory access in that of a multiply-accumulate.
        slope_bits: Of the linear one.
        slope_accuracy: Likewise.

    Example:
        >>> lenet = Space.of(["conv1", "conv2", "fc1", "fc2"], [2, 3, 4, 5, 8])
        >>> shaped = Reward(a=0.6, b=3.0, threshold=0.8)
        >>> round(shaped.of(lenet, (2, 2, 3, 3), 98.65 / 99.8), 6)
        0.565041
    """

    shape: Literal["releq", "linear"] = "releq"
    a: float = Field(default=0.8, gt=0)
    b: float = Field(default=1.0, ge=0)
    threshold: float = Field(default=0.4, gt=0, le=1)
    cost: Literal["bits", "memory", "hardware"] = "bits"
    memory_energy: float = Field(default=120.0, ge=0)
    slope_bits: float = Field(default=4.0, ge=0)
    slope_accuracy: float = Field(default=6.0, ge=0)

    def of(self, space: Space, bits: Bits, accuracy: float) -> float:
        """Returns the reward.

        Args:
            space: The layers.
            bits: Bits of each.
            accuracy: Accuracy with them as a part of the float network's.

        Raises:
            ConfigError: If the cost needs sizes that the space does not know.
        """
        state, least = self.quantization_state(space, bits), self._least(space)
        if self.shape == "linear":
            return 2 * max(0.0, self.slope_bits * (least - state) + self.slope_accuracy * accuracy)
        if accuracy < self.threshold:
            return -1.0
        y = max(accuracy, self.threshold)
        return 2 * ((1 - max(0.0, state - least) ** self.a) * y ** (self.b / y) - 0.5)

    def quantization_state(self, space: Space, bits: Bits) -> float:
        """Returns the bits used as a part of the most, each weighted by what it costs.

        Args:
            space: The layers.
            bits: Bits of each.
        """
        weights = np.array(self._weights(space), np.float64)
        most = max(space.most) * weights.sum()
        return float(np.dot(weights, bits) / most)

    def _least(self, space: Space) -> float:
        return min(min(own) for own in space.choices) / max(space.most)

    def _weights(self, space: Space) -> Tuple[float, ...]:
        if self.cost == "bits":
            return (1.0,) * len(space.layers)
        if not space.parameters or (self.cost == "hardware" and not space.macs):
            raise ConfigError(
                f"reward: cost {self.cost} needs the sizes of the layers.", help="take cost: bits"
            )
        if self.cost == "memory":
            return tuple(map(float, space.parameters))
        pairs = zip(space.parameters, space.macs)
        return tuple(self.memory_energy * weights + macs for weights, macs in pairs)
