# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers of neurons whose weights have the length 1, and whose thresholds stay in an interval."""

from __future__ import annotations

from typing import Any, Callable, Optional

import nnabla as nn
import nnabla.functions as F

from nnabla_compress.errors import ConfigError
from nnabla_compress.parametric_functions import layers
from nnabla_compress.parametric_functions.method_layers import Quantizers, method_layer

_EPSILON = 1e-24  # below the root, so that weights of zeros stay zeros


def _is_length(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 < value < float("inf")


def _along(axis: int) -> Callable[..., Quantizers]:
    """Makes what the parameters of a layer go through, whose outputs are counted by an axis."""

    def unit(threshold: Optional[float] = None) -> Quantizers:
        """Makes what the parameters go through.

        The layer of NNabla's with ``W / |W|`` for the weights of each output, and
        ``t tanh(b / t)`` for its bias where a threshold t is given. Any NNabla solver trains it; an
        export holds the weights of length 1. What becomes of the length is the business of the
        layer behind: the last layer of a network should be one of NNabla's.

        Args:
            threshold: The largest magnitude of a bias: the largest length of what the layer reads,
                such as the root of the number of inputs, where these lie in [-1, 1]. Left out,
                biases are free.

        Raises:
            ConfigError: If the threshold is no positive number.

        References:
            L. Qin, S. Zhou and D. Xiu, arXiv:1805.08340.
        """
        if threshold is not None and not _is_length(threshold):
            raise ConfigError(
                f"a unit layer got threshold={threshold!r}.",
                help="give a positive number, or leave it out",
            )

        def weight(w: nn.Variable) -> nn.Variable:
            others = [other for other in range(w.ndim) if other != axis]
            squares = F.sum(w**2, axis=others, keepdims=True)
            return w * F.pow_scalar(squares + _EPSILON, -0.5)

        def bias(b: nn.Variable) -> nn.Variable:
            limit: Any = threshold
            return limit * F.tanh(b * (1 / limit))

        return Quantizers(weight, None if threshold is None else bias)

    return unit


unit_affine = method_layer(
    "unit_affine",
    layers.quantized_affine,
    _along(1),
    "Affine layer of neurons with weights of length 1.",
    """
    >>> y = unit_affine(nn.Variable((4, 8)), 3, threshold=2.0, name="fc")
    >>> y.shape, list(nn.get_parameters())
    ((4, 3), ['fc/affine/W', 'fc/affine/b'])
    """,
    [],
)

unit_convolution = method_layer(
    "unit_convolution",
    layers.quantized_convolution,
    _along(0),
    "N-D convolution of neurons with weights of length 1.",
    """
    >>> unit_convolution(nn.Variable((4, 3, 8, 8)), 16, (3, 3), name="c1").shape
    (4, 16, 6, 6)
    """,
    [],
)
