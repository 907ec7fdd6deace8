# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LeNet as NNabla's examples have it, fit for 28x28 digits and for smaller ones."""

from __future__ import annotations

from typing import Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress.errors import ConfigError

_UNPADDED_FROM = 16  # the least side that leaves a pixel after two unpadded 5x5 layers with pooling


def lenet(
    x: nn.Variable,
    n_classes: int,
    test: bool = False,
    maps: int = 16,
    hidden: int = 50,
    batch_norm: bool = False,
) -> nn.Variable:
    """Builds LeNet: two 5x5 convolutions with 2x2 max pooling and ReLU, two affine layers.

    After LeCun et al. 1998. Parameters are ``conv1/conv``, ``conv2/conv``, ``fc3/affine``,
    ``fc4/affine`` with ``W`` and ``b``, as in NNabla's MNIST example.
    Images of less than 16 pixels a side are padded by 2, so that the convolutions keep their size.

    Args:
        x: Images (B, C, H, W), at least 4 pixels a side.
        n_classes: Number of outputs.
        test: Whether batch normalization uses its running statistics.
        maps: Output maps of both convolutions, at least 1.
        hidden: Width of the first affine layer, at least 1.
        batch_norm: Whether to normalize after each convolution (``bn1/bn``, ``bn2/bn``), which
            then has no bias.

    Returns:
        Logits (B, n_classes).

    Raises:
        ConfigError: If the inputs are no images or too small, or a number is below 1.

    Example:
        >>> lenet(nn.Variable((2, 1, 28, 28)), 10).shape
        (2, 10)
    """
    side = _least_side(x)
    if side < 4:
        raise ConfigError(
            f"lenet: images of {x.shape[2]} x {x.shape[3]} are too small, least 4 x 4."
        )
    for name, value in (("maps", maps), ("hidden", hidden)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"lenet: {name}={value!r} must be a whole number from 1.")
    pad = (0, 0) if side >= _UNPADDED_FROM else (2, 2)
    h = x
    for number in (1, 2):
        h = PF.convolution(h, maps, (5, 5), pad=pad, with_bias=not batch_norm, name=f"conv{number}")
        if batch_norm:
            h = PF.batch_normalization(h, batch_stat=not test, name=f"bn{number}")
        h = F.relu(F.max_pooling(h, (2, 2)))
    h = F.relu(PF.affine(h, hidden, name="fc3"))
    return PF.affine(h, n_classes, name="fc4")


def _least_side(x: nn.Variable) -> int:
    shape: Tuple[int, ...] = x.shape
    if len(shape) != 4:
        raise ConfigError(
            f"lenet needs images (B, C, H, W), the input has the shape {shape}.",
            help="use the model mlp, or data that are images",
        )
    return min(shape[2:])
