# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""PinSage: convolutions over neighbourhoods by importance, then a small network.

    n_u = sum_v alpha_v relu(Q h_v + q)            pooled over the neighbours, alpha their shares
    z_u = relu(W [h_u, n_u] + w),  h_u <- z_u / |z_u|
    embedding = G2 relu(G1 h + g)

R. Ying et al., Graph Convolutional Neural Networks for Web-Scale Recommender Systems, KDD 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.embeddings.blocks import Block
from nnabla_compress.errors import ConfigError

# What norms are at least, so that a row of zeros stays one.
SMALLEST_NORM = 1e-12


@dataclass(frozen=True)
class PinSage:
    """Sizes of a PinSage network.

    Args:
        layers: Convolutions, K.
        hidden: Width of what is pooled, m.
        width: Width of each layer, d.
        output: Width of the embeddings.

    Raises:
        ConfigError: If one is below 1.

    Example:
        >>> PinSage(width=32).layers
        2
    """

    layers: int = 2
    hidden: int = 128
    width: int = 128
    output: int = 64

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "width", "output"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ConfigError(f"pinsage: {name}={value!r} must be a whole number from 1.")

    def __call__(
        self, features: nn.Variable, blocks: Sequence[Block], dropout: float = 0.0
    ) -> nn.Variable:
        """Builds the network on sampled blocks; its parameters go into the current scope.

        Each row of a layer is projected once, however many neighbourhoods it is in.

        Args:
            features: Rows of the items that the first block reads (N, D).
            blocks: One for each layer, the first layer's first.
            dropout: Share of what each layer reads that is left out, in a training.

        Returns:
            Embeddings (B, output), not normalized.
        """
        if len(blocks) != self.layers:
            raise ConfigError(f"pinsage: {len(blocks)} blocks for {self.layers} layers.")
        h = features if not dropout else F.dropout(features, dropout)
        for number, block in enumerate(blocks, 1):
            with nn.parameter_scope(f"layer{number}"):
                h = convolution(h, block, self.hidden, self.width, dropout)
        h = F.relu(PF.affine(h, self.width, name="output1"))
        return PF.affine(h, self.output, with_bias=False, name="output2")


def pooling_start(network: PinSage, inputs: int) -> Dict[str, np.ndarray]:
    """Returns weights with which the network begins as pooling without any training.

    Each layer gives ``h + n`` of norm 1, for which it keeps the positive and the negative part of
    each number apart: a ReLU takes nothing from them.

    Args:
        network: Its sizes: ``hidden`` and ``width`` are at least twice ``inputs``, ``output`` is as
            many.
        inputs: Numbers of an item's features.

    Raises:
        ConfigError: If they are not.

    Example:
        >>> sorted(pooling_start(PinSage(1, 8, 8, 4), 4))[:2]
        ['layer1/neighbours/affine/W', 'layer1/together/affine/W']
    """
    if min(network.hidden, network.width) < 2 * inputs or network.output != inputs:
        raise ConfigError(
            f"pinsage: {inputs} features; hidden={network.hidden}, width={network.width} and "
            f"output={network.output} can't begin as pooling.",
            help=f"give hidden and width of at least {2 * inputs} and output: {inputs}, or "
            "start: random",
        )
    one = np.eye(inputs)
    apart, signed = np.hstack([one, -one]), np.vstack([one, -one])  # x -> (x, -x), and back
    found: Dict[str, np.ndarray] = {}
    rows = inputs
    for number in range(1, network.layers + 1):
        first = number == 1
        project, own = (apart, apart) if first else (np.eye(2 * inputs), signed @ apart)
        near = _within(signed @ apart, network.hidden, network.width)
        scope = f"layer{number}"
        found[f"{scope}/neighbours/affine/W"] = _within(project, rows, network.hidden)
        together = np.vstack([_within(own, rows, network.width), near])
        found[f"{scope}/together/affine/W"] = together
        rows = network.width
    found["output1/affine/W"] = _within(np.eye(2 * inputs), rows, rows)
    found["output2/affine/W"] = _within(signed, rows, network.output)
    return {path: value.astype(np.float32) for path, value in found.items()}


def _within(part: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A matrix of zeros that begins with a smaller one."""
    whole = np.zeros((rows, columns))
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


def convolution(
    h: nn.Variable, block: Block, hidden: int, width: int, dropout: float = 0.0
) -> nn.Variable:
    """Returns one layer's rows of a block, each of norm 1 (B, width).

    Args:
        h: Rows of the layer before (N, D).
        block: What each row continues and pools.
        hidden: Width of what is pooled.
        width: Width of the rows.
        dropout: Share of what is pooled that is left out.

    Example:
        >>> block = Block(np.int32([0]), np.int32([[1, 2]]), np.float32([[0.75, 0.25]]))
        >>> with nn.parameter_scope("example_of_pinsage"):
        ...     convolution(nn.Variable((3, 5)), block, 8, 4).shape
        (1, 4)
    """
    projected = F.relu(PF.affine(h, hidden, name="neighbours"))
    if dropout:
        projected = F.dropout(projected, dropout)
    rows, count = block.neighbours.shape
    near = F.embed(_constant(block.neighbours), projected)
    weights = F.reshape(_constant(block.weights), (rows, 1, count))
    pooled = F.reshape(F.batch_matmul(weights, near), (rows, hidden))
    both = F.concatenate(F.embed(_constant(block.own), h), pooled, axis=1)
    return normalized(F.relu(PF.affine(both, width, name="together")))


def normalized(rows: nn.Variable) -> nn.Variable:
    """Returns rows divided by their norms.

    Args:
        rows: (B, D).
    """
    squares = F.sum(rows * rows, axis=1, keepdims=True)
    return rows * F.pow_scalar(F.maximum_scalar(squares, SMALLEST_NORM**2), -0.5)


def max_margin(
    queries: nn.Variable, partners: nn.Variable, negatives: Sequence[nn.Variable], margin: float
) -> nn.Variable:
    """Returns the mean of ``max(0, z_q z_n - z_q z_i + margin)`` over pairs and negatives.

    Args:
        queries: Rows z_q (B, D).
        partners: Rows z_i (B, D).
        negatives: Rows z_n: (M, D), shared by all pairs, or (B, H, D), each pair's own.
        margin: By how much a partner shall be nearer.

    Example:
        >>> of = [nn.Variable.from_numpy_array(np.float32([v])) for v in ([.6, .8], [1, 0], [0, 1])]
        >>> loss = max_margin(of[0], of[1], of[2:], 0.1)
        >>> loss.forward(); round(float(loss.d), 4)
        0.3
    """
    near = F.sum(queries * partners, axis=1, keepdims=True)
    scores = []
    for rows in negatives:
        if rows.ndim == 2:
            scores.append(F.affine(queries, F.transpose(rows, (1, 0))))
        else:
            column = F.reshape(queries, (*queries.shape, 1))
            scores.append(F.reshape(F.batch_matmul(rows, column), rows.shape[:2]))
    every = F.concatenate(*scores, axis=1) if len(scores) > 1 else scores[0]
    wanted: Tuple[int, ...] = every.shape
    return F.mean(F.relu(every - F.broadcast(near, wanted) + margin))


def _constant(values: np.ndarray) -> nn.Variable:
    found = nn.Variable(values.shape)
    found.data.cast(values.dtype)[...] = values
    return found
