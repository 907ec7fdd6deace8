# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Stopping where the loss no longer falls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from pydantic import Field

from nnabla_compress.training.stopping.rule import Stopping, StoppingOptions, register_stopping


@dataclass
class Plateau(Stopping):
    """Stops when the loss fell by less than a share of itself in some epochs.

    After epoch ``e`` that is ``loss(e - epochs) - loss(e) < fall * |loss(e - epochs)|``.

    Args:
        epochs: Epochs that are looked back, at least 1.
        fall: The share, 0 to below 1; with 0 it stops when the loss has not fallen at all.
        least: Epochs that are trained in any case, 0 or more.

    Example:
        >>> rule = Plateau(epochs=2, fall=0.1)
        >>> [rule.after(epoch, loss) for epoch, loss in enumerate([1.0, 0.8, 0.7], 1)]
        [None, None, None]
        >>> rule.after(4, 0.74)
        'the loss fell by 7.5 % in 2 epochs (0.8 to 0.74), less than 10 %'
    """

    epochs: int = 10
    fall: float = 0.01
    least: int = 0
    _losses: List[float] = field(default_factory=list, repr=False)

    def after(self, epoch: int, loss: float) -> Optional[str]:
        """Returns why to stop: how much the loss fell."""
        self._losses = [*self._losses[-self.epochs :], loss]
        if epoch < self.least or len(self._losses) <= self.epochs:
            return None
        before = self._losses[0]
        fell = before - loss
        if fell > 0 and fell >= self.fall * abs(before):
            return None
        change = f"fell by {100 * fell / abs(before):.1f} %" if fell > 0 else "did not fall"
        least = f", less than {100 * self.fall:g} %" if fell > 0 else ""
        return f"the loss {change} in {self.epochs} epochs ({before:.4g} to {loss:.4g}){least}"

    def state(self) -> Dict[str, Any]:
        """Returns the losses that it still needs."""
        return {"losses": self._losses}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        self._losses = [float(loss) for loss in state["losses"]]


@register_stopping("plateau")
class PlateauOptions(StoppingOptions):
    """Stops when the loss of the training samples fell by less than ``fall`` in ``epochs``.

    Args:
        epochs: Epochs that are looked back, at least 1.
        fall: A share of the loss, 0 to below 1: 0.01 is 1 %.
        least: Epochs that are trained in any case, 0 or more. The most are the training's own.
    """

    epochs: int = Field(default=10, ge=1)
    fall: float = Field(default=0.01, ge=0, lt=1)
    least: int = Field(default=0, ge=0)

    def start(self, layer: int = 1, learned: Optional[Mapping[str, Any]] = None) -> Stopping:
        """Returns the rule for one training."""
        return Plateau(self.epochs, self.fall, self.least)
