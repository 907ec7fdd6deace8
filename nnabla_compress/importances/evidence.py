# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an importance may look at beside the network: samples, and what is wanted of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Protocol

import nnabla as nn
import numpy as np


@dataclass(frozen=True)
class Examples:
    """Samples with targets, and the loss that compares a network's output with these.

    Args:
        inputs: Samples (N, ...) by the name of the network's input.
        targets: What the network shall make of them, (N, ...).
        losses: Returns the loss of each sample, (B, 1), from an output (B, ...) and targets.
    """

    inputs: Dict[str, np.ndarray]
    targets: np.ndarray
    losses: Callable[[nn.Variable, nn.Variable], nn.Variable]


class Evidence(Protocol):
    """Data and seed."""

    @property
    def seed(self) -> int:
        """What everything random is drawn with."""

    def samples(self, most: int) -> Optional[Dict[str, np.ndarray]]:
        """Returns network inputs by name, drawn from the data; None without any.

        Args:
            most: Number of samples, fewer if there are fewer.
        """

    def examples(self, most: int) -> Optional[Examples]:
        """Returns the same samples with targets; None without data, or where these have no targets.

        Args:
            most: Number of samples, fewer if there are fewer.
        """
