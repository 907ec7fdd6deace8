# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A multi-layer perceptron: affine layers with ReLU between them."""

from __future__ import annotations

from typing import Sequence

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress.errors import ConfigError


def mlp(
    x: nn.Variable,
    n_classes: int,
    test: bool = False,
    hidden: Sequence[int] = (128, 64),
    batch_norm: bool = False,
) -> nn.Variable:
    """Builds a multi-layer perceptron.

    Parameters are ``fc1/affine/{W,b}``, ``fc2/affine/{W,b}``, ..., and ``bn1/bn/...`` if asked for.

    Args:
        x: Inputs (B, ...), flattened.
        n_classes: Number of outputs.
        test: Whether batch normalization uses its running statistics.
        hidden: Width of each hidden layer, each at least 1; may be empty.
        batch_norm: Whether to normalize before each ReLU.

    Returns:
        Logits (B, n_classes).

    Raises:
        ConfigError: If a width is not a whole number from 1.

    Example:
        >>> mlp(nn.Variable((2, 1, 8, 8)), 10, hidden=(16,)).shape
        (2, 10)
    """
    if isinstance(hidden, (str, int)) or any(
        isinstance(width, bool) or not isinstance(width, int) or width < 1 for width in hidden
    ):
        raise ConfigError(
            f"mlp: hidden={hidden!r}.", help="give a list of whole numbers from 1, e.g. [128, 64]"
        )
    h = x
    for number, width in enumerate(hidden, start=1):
        h = PF.affine(h, width, with_bias=not batch_norm, name=f"fc{number}")
        if batch_norm:
            h = PF.batch_normalization(h, batch_stat=not test, name=f"bn{number}")
        h = F.relu(h)
    return PF.affine(h, n_classes, name=f"fc{len(hidden) + 1}")
