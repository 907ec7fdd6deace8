# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small Transformer that classifies sequences of tokens, such as words by their numbers."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
from nnabla.initializer import NormalInitializer

from nnabla_compress.errors import ConfigError


def transformer(
    x: nn.Variable,
    n_classes: int,
    test: bool = False,
    vocabulary: int = 32,
    width: int = 32,
    depth: int = 2,
    heads: int = 4,
    expansion: int = 2,
    dropout: float = 0.0,
) -> nn.Variable:
    """Builds an encoder of Transformer blocks, and a classifier of the mean over the sequence.

    After Vaswani et al. 2017, normalized before each part of a block. Parameters are ``embed``,
    ``positions``, and of each block ``block1/query``, ``key``, ``value``, ``out``, ``expand``,
    ``contract`` and two layer normalizations; in the end ``norm`` and ``fc``. It is made of Embed,
    Affine, BatchMatmul, Softmax and LayerNormalization, with the samples on the first axis.

    Args:
        x: Numbers of tokens (B, T), from 0.
        n_classes: Number of outputs.
        test: Whether dropout is left out.
        vocabulary: How many tokens there are.
        width: Numbers that a token is represented by; a multiple of ``heads``.
        depth: Number of blocks, at least 1.
        heads: Heads of the attention.
        expansion: Width of the layer within a block, as a multiple of ``width``.
        dropout: Part of what each block adds that is left out in training, 0 to below 1.

    Returns:
        Logits (B, n_classes).

    Raises:
        ConfigError: If the inputs are no sequences, or an option is out of its range.

    Example:
        >>> with nn.parameter_scope("example_of_transformer"):
        ...     transformer(nn.Variable((2, 16)), 4, width=8, heads=2).shape
        (2, 4)
    """
    if x.ndim != 2:
        raise ConfigError(
            f"transformer needs sequences of tokens (B, T), the input has the shape {x.shape}.",
            help="use data whose samples are rows of token numbers",
        )
    sizes = {"vocabulary": vocabulary, "width": width, "depth": depth, "heads": heads}
    for name, value in {**sizes, "expansion": expansion}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"transformer: {name}={value!r} must be a whole number from 1.")
    if width % heads:
        raise ConfigError(
            f"transformer: width={width} is no multiple of heads={heads}.",
            help="each head takes the same part of the width",
        )
    if not 0 <= dropout < 1:
        raise ConfigError(f"transformer: dropout={dropout!r} must be from 0 to below 1.")
    h = PF.embed(x, vocabulary, width, initializer=NormalInitializer(0.1), name="embed")
    where = nn.parameter.get_parameter_or_create(
        "positions/W", (1, x.shape[1], width), NormalInitializer(0.1)
    )
    h = h + where
    for number in range(1, depth + 1):
        with nn.parameter_scope(f"block{number}"):
            part = _attention(_normalized(h, "norm1"), heads)
            h = h + _dropped(part, dropout, test)
            part = F.relu(_affine(_normalized(h, "norm2"), expansion * width, "expand"))
            h = h + _dropped(_affine(part, width, "contract"), dropout, test)
    return PF.affine(F.mean(_normalized(h, "norm"), axis=1), n_classes, name="fc")


def _attention(x: nn.Variable, heads: int) -> nn.Variable:
    """Multi-head attention of a sequence to itself, (B, T, E) to (B, T, E)."""
    length, width = x.shape[1:]
    query, key, value = (_heads(_affine(x, width, name), heads) for name in _PROJECTIONS)
    scores = F.batch_matmul(query * (width // heads) ** -0.5, key, transpose_b=True)
    seen = F.batch_matmul(F.softmax(scores), value)
    together = F.reshape(F.transpose(seen, (0, 2, 1, 3)), (x.shape[0], length, width))
    return _affine(together, width, "out")


_PROJECTIONS = ("query", "key", "value")


def _heads(x: nn.Variable, heads: int) -> nn.Variable:
    """(B, T, E) to (B, heads, T, E / heads)."""
    split = F.reshape(x, (x.shape[0], x.shape[1], heads, x.shape[2] // heads))
    return F.transpose(split, (0, 2, 1, 3))


def _affine(x: nn.Variable, units: int, name: str) -> nn.Variable:
    return PF.affine(x, units, base_axis=2, name=name)


def _normalized(x: nn.Variable, name: str) -> nn.Variable:
    return PF.layer_normalization(x, batch_axis=(0, 1), name=name)


def _dropped(x: nn.Variable, part: float, test: bool) -> nn.Variable:
    return F.dropout(x, part) if part and not test else x
