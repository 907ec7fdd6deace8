# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a measure is: one way to make a network smaller, which looks at what others came to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from nnabla_compress.fitting.situation import Situation


class Measure(ABC):
    """One kind of attempts."""

    name: ClassVar[str]
    """What ``fit.json`` calls it."""

    @abstractmethod
    def take(self, situation: Situation) -> None:
        """Makes the attempts that are worth it, until one fits.

        Args:
            situation: What was tried before, and what makes attempts.
        """
