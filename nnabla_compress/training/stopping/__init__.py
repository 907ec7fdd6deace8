# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""When a training ends before its last epoch: one file a rule."""

from __future__ import annotations

from nnabla_compress.training.stopping.controller import Controller, ControllerOptions
from nnabla_compress.training.stopping.plateau import Plateau, PlateauOptions
from nnabla_compress.training.stopping.rule import (
    Round,
    Stopping,
    StoppingOptions,
    register_stopping,
    stopping_of,
    stopping_rules,
)

__all__ = [
    "Controller",
    "ControllerOptions",
    "Plateau",
    "PlateauOptions",
    "Round",
    "Stopping",
    "StoppingOptions",
    "register_stopping",
    "stopping_of",
    "stopping_rules",
]
