# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network can be exported for: one target a file."""

from __future__ import annotations

from typing import Dict, Tuple

from nnabla_compress.errors import ConfigError
from nnabla_compress.targets.binary_weight import BinaryWeight
from nnabla_compress.targets.callback import Callback
from nnabla_compress.targets.callback_int8 import CallbackInt8
from nnabla_compress.targets.fixed_point import Int8, Int16
from nnabla_compress.targets.integer import Integer
from nnabla_compress.targets.portable import Portable
from nnabla_compress.targets.target import ExportOptions, Lowered, Target

__all__ = ["TARGETS", "ExportOptions", "Lowered", "Target", "target_named"]

_ALL: Tuple[Target, ...] = (
    *(Portable(), Integer(), Int16(), Int8(), BinaryWeight(), Callback(), CallbackInt8()),
)
TARGETS: Dict[str, Target] = {target.name: target for target in _ALL}
"""The targets by their names."""


def target_named(name: str) -> Target:
    """Returns the target of this name.

    Args:
        name: The name.

    Raises:
        ConfigError: If there is none.

    Example:
        >>> target_named("portable").name
        'portable'
    """
    if name not in TARGETS:
        raise ConfigError(f"there is no target {name!r}.", help=f"choose {', '.join(TARGETS)}")
    return TARGETS[name]
