# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A trained PinSage as arrays: what is done to the rows of a node, the same for any batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Tuple

import numpy as np

from nnabla_compress.embeddings.pinsage import SMALLEST_NORM
from nnabla_compress.errors import DataError
from nnabla_compress.kernels.row_products import row_products, weighted_sums

Affine = Tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Layer:
    """One convolution.

    Args:
        neighbours: Weight (D, M) and bias of what is pooled.
        together: Weight (D + M, width) and bias of a row and its pooled neighbours.
    """

    neighbours: Affine
    together: Affine

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Returns what neighbours pool of rows, ``relu(Q h + q)``.

        Args:
            rows: float32 (N, D).
        """
        return affine(rows, self.neighbours, relu=True)

    def convolve(self, rows: np.ndarray, near: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Returns the rows of this layer, each of norm 1.

        Args:
            rows: float32 (N, D), of the layer before.
            near: float32 (N, T, M): projected rows of the neighbours.
            weights: float32 (N, T): what each counts.
        """
        pooled = np.empty((len(rows), near.shape[2]), np.float32)
        weighted_sums(near, weights, pooled)
        return of_norm_1(affine(np.concatenate([rows, pooled], axis=1), self.together, relu=True))


@dataclass(frozen=True)
class Arithmetic:
    """All layers and the network behind them; make one of parameters with :meth:`of`.

    Args:
        layers: Convolutions, the first one first.
        outputs: Weights and biases of the two layers behind them.
    """

    layers: List[Layer]
    outputs: Tuple[Affine, Affine]

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        return int(self.outputs[1][0].shape[1])

    @classmethod
    def of(cls, parameters: Mapping[str, np.ndarray]) -> Arithmetic:
        """Makes it of the parameters of a :class:`~nnabla_compress.embeddings.PinSage`.

        Args:
            parameters: Arrays by path.

        Raises:
            DataError: If one is missing, not finite, or of another size than those around it.
        """
        layers: List[Layer] = []
        while f"layer{len(layers) + 1}/neighbours/affine/W" in parameters:
            scope = f"layer{len(layers) + 1}"
            found = [_affine(parameters, f"{scope}/{name}") for name in ("neighbours", "together")]
            layers.append(Layer(*found))
        first, second = (_affine(parameters, name) for name in ("output1", "output2"))
        made = cls(layers, (first, second))
        made._check()
        return made

    def finish(self, rows: np.ndarray) -> np.ndarray:
        """Returns embeddings of norm 1 from the rows of the last layer.

        Args:
            rows: float32 (N, D).
        """
        hidden = affine(rows, self.outputs[0], relu=True)
        return of_norm_1(affine(hidden, self.outputs[1], relu=False))

    def _check(self) -> None:
        width = None
        for layer in self.layers:
            (q, _), (w, _) = layer.neighbours, layer.together
            if w.shape[0] != sum(q.shape) or width not in (None, q.shape[0]):
                raise _unfit(f"a layer has weights of the shapes {q.shape} and {w.shape}")
            width = w.shape[1]
        first, second = (weight.shape for weight, _ in self.outputs)
        if not self.layers or first[0] != width or second[0] != first[1]:
            raise _unfit(f"{len(self.layers)} layers, then weights of the shapes {first}, {second}")


def affine(rows: np.ndarray, of: Affine, relu: bool) -> np.ndarray:
    """Returns ``rows @ W + b``, the same bits for a row whatever stands beside it.

    Args:
        rows: float32 (N, D).
        of: W (D, M) and b (M,).
        relu: Whether negative sums become 0.
    """
    weight, bias = of
    out = np.empty((len(rows), weight.shape[1]), np.float32)
    row_products(np.ascontiguousarray(rows, np.float32), weight, bias, relu, out)
    return out


def of_norm_1(rows: np.ndarray) -> np.ndarray:
    """Returns rows divided by their norms, float32; a row of zeros stays.

    Args:
        rows: float32 (N, D).

    Example:
        >>> of_norm_1(np.float32([[3, 0], [0, 0]])).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    one = np.ones((1, rows.shape[1], 1), np.float32)
    squares = np.empty((len(rows), 1), np.float32)
    weighted_sums(np.square(rows)[:, :, np.newaxis], np.broadcast_to(one[0].T, rows.shape), squares)
    return np.asarray(rows / np.sqrt(np.maximum(squares, np.float32(SMALLEST_NORM**2))))


def _affine(parameters: Mapping[str, np.ndarray], scope: str) -> Affine:
    weight = parameters.get(f"{scope}/affine/W")
    if weight is None or np.ndim(weight) != 2:
        raise _unfit(f"there is no {scope}/affine/W of two axes")
    bias = np.asarray(parameters.get(f"{scope}/affine/b", np.zeros(weight.shape[1], np.float32)))
    if bias.shape != (weight.shape[1],):
        raise _unfit(f"{scope} has a weight of {weight.shape} and a bias of {bias.shape}")
    found = tuple(np.ascontiguousarray(part, np.float32) for part in (weight, bias))
    if not all(np.isfinite(part).all() for part in found):
        raise _unfit(f"{scope} holds NaN or infinity")
    return found[0], found[1]


def _unfit(what: str) -> DataError:
    return DataError(
        f"these are no parameters of a PinSage network: {what}.",
        help="give what embeddings.train returned, or save_parameters wrote of such a network",
    )
