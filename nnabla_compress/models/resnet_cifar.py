# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Residual networks in the form for CIFAR (He et al. 2016, section 4.2), shortcuts of option A."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.initializer as I  # noqa: E741 - NNabla's own abbreviation
import nnabla.parametric_functions as PF

from nnabla_compress.errors import ConfigError

_STAGES = (16, 32, 64)  # maps of the three stages


def resnet_cifar(
    x: nn.Variable, n_classes: int, test: bool = False, depth: int = 20
) -> nn.Variable:
    """Builds a residual network of 6 n + 2 layers: 20, 32, 44, 56, 110, ...

    Three stages of n blocks with 16, 32 and 64 maps; the second and third halve the image.
    Where a block changes the shape, its shortcut takes every second pixel and adds channels of
    zeros on both sides (option A), so it has no parameters. Parameters: ``conv1/conv/W``,
    ``bn1/bn/...``, ``layer{1,2,3}/block{i}/{conv1,conv2}/conv/W``,
    ``layer{1,2,3}/block{i}/{bn1,bn2}/bn/...``, ``fc/affine/{W,b}``.

    Args:
        x: Images (B, C, H, W), sides divisible by 4.
        n_classes: Number of outputs.
        test: Whether batch normalization uses its running statistics.
        depth: Number of weight layers, 6 n + 2.

    Returns:
        Logits (B, n_classes).

    Raises:
        ConfigError: If the depth is not 6 n + 2 or the inputs are no such images.

    Example:
        >>> with nn.parameter_scope("example"):
        ...     resnet_cifar(nn.Variable((2, 3, 32, 32)), 10, depth=8).shape
        (2, 10)
    """
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 8 or depth % 6 != 2:
        raise ConfigError(
            f"resnet: depth={depth!r} is not 6 n + 2.", help="choose 20, 32, 44 or 56"
        )
    if x.ndim != 4 or x.shape[2] % 4 or x.shape[3] % 4:
        raise ConfigError(
            f"resnet needs images (B, C, H, W) with sides divisible by 4, the input has the shape "
            f"{x.shape}.",
            help="use another model, or images of 32 x 32 as in CIFAR",
        )
    h = F.relu(_convolution(x, _STAGES[0], 1, 1, test))
    for stage, maps in enumerate(_STAGES, start=1):
        for block in range((depth - 2) // 6):
            with nn.parameter_scope(f"layer{stage}/block{block}"):
                h = _block(h, maps, 2 if stage > 1 and block == 0 else 1, test)
    h = F.average_pooling(h, h.shape[2:])
    return PF.affine(h, n_classes, name="fc")


def _block(x: nn.Variable, maps: int, stride: int, test: bool) -> nn.Variable:
    h = F.relu(_convolution(x, maps, stride, 1, test))
    h = _convolution(h, maps, 1, 2, test)
    return F.relu(F.add2(h, x if stride == 1 else _shortcut(x, maps)))


def _convolution(x: nn.Variable, maps: int, stride: int, number: int, test: bool) -> nn.Variable:
    """3x3 convolution without bias, then batch normalization."""
    deviation = I.calc_normal_std_he_forward(x.shape[1], maps, (3, 3))
    h = PF.convolution(
        x,
        maps,
        (3, 3),
        pad=(1, 1),
        stride=(stride, stride),
        w_init=I.NormalInitializer(deviation),
        with_bias=False,
        name=f"conv{number}",
    )
    return PF.batch_normalization(
        h, decay_rate=0.9, eps=1e-5, batch_stat=not test, name=f"bn{number}"
    )


def _shortcut(x: nn.Variable, maps: int) -> nn.Variable:
    _, channels, height, width = x.shape
    # start, stop and step name the last three axes only, so that any batch size can follow.
    halved = F.slice(x, start=(0, 0, 0), stop=(channels, height, width), step=(1, 2, 2))
    added = (maps - channels) // 2
    return F.pad(halved, (added, added, 0, 0, 0, 0), mode="constant")
