# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Channels that tell classes apart (CHIP: class-discriminative importance by perturbation).

Gates d^k of 0 or 1 are put on the channels of a layer's map A^k, and what each sample's own logit
g does is explained by few channels::

    W_c = argmin_w 1/2 sum_{s of class c} sum_n h(d_n) (w z_{s,n} - g_{s,n})^2 + penalty ||w||_1
    z^k = d^k mean_ij A^k(i, j)        h(d) = exp(-(1 - mean d)^2 / (2 (1/4)^2))

The weight h makes gates count that leave most channels open. z and g are taken less their means of
the sample, so that what differs between samples is not ascribed to channels. Each sample has gates
of its own: all open, and ``perturbations`` times each channel closed with a probability of 1/2. The
penalty is a tenth of the one from which all weights are zero. Only passes forward from the gates
on are needed, no gradients.

After X. Cui, D. Wang, Z. J. Wang, CHIP: channel-wise disentangled interpretation of deep
convolutional neural networks (2019), of which the formula is known and no code; centring, weights,
distribution of the gates and penalty are decisions of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Literal, Sequence

import numpy as np
from pydantic import Field

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.errors import DataError
from nnabla_compress.graph.batches import rows_of
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.gates import Gates
from nnabla_compress.importances.importance import Importance, register_importance
from nnabla_compress.importances.lasso import largest_penalty, lasso
from nnabla_compress.importances.maps import BATCH, Map, batches, maps
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked

_SPREAD = 0.25  # of h
_OPEN = 0.5  # probability of a gate
PENALTY = 0.1  # of the one from which all weights are zero


@dataclass
class Moments:
    """Sums over samples that the regression of one class needs.

    Args:
        gram: ``sum h z z^T``, (channels, channels).
        cross: ``sum h g z``, (channels,).
        weight: ``sum h``.
    """

    gram: np.ndarray
    cross: np.ndarray
    weight: float = 0.0

    @classmethod
    def none(cls, channels: int) -> Moments:
        """Returns those of no sample."""
        return cls(np.zeros((channels, channels)), np.zeros(channels))

    def add(self, z: np.ndarray, g: np.ndarray, h: np.ndarray) -> None:
        """Adds a sample with all its gates.

        Args:
            z: What its channels give, (gates, channels).
            g: Its logit, (gates,).
            h: How much each counts, (gates,).
        """
        share = h / h.sum()
        z, g = z - share @ z, g - share @ g
        self.gram += (z.T * h) @ z
        self.cross += (z.T * h) @ g
        self.weight += float(h.sum())

    def weights(self, penalty: float = PENALTY) -> np.ndarray:
        """Returns the weights of the channels, (channels,).

        Args:
            penalty: As a part of the one from which all are zero.
        """
        return lasso(self.gram, self.cross, penalty * largest_penalty(self.cross))

    def spread(self) -> np.ndarray:
        """Returns the standard deviation of what each channel gives, (channels,)."""
        return np.sqrt(np.diag(self.gram) / max(self.weight, 1e-300))


def closeness(gates: np.ndarray) -> np.ndarray:
    """Returns how much perturbations count: h(d), 1 with all gates open.

    Args:
        gates: (..., channels).

    Example:
        >>> closeness(np.array([[1, 1], [1, 0]])).round(4).tolist()
        [1.0, 0.1353]
    """
    return np.exp(-((1 - np.mean(gates, axis=-1)) ** 2) / (2 * _SPREAD**2))


def class_moments(
    network: Network,
    places: Sequence[Map],
    samples: Dict[str, np.ndarray],
    classes: np.ndarray,
    perturbations: int,
    seed: int,
) -> Dict[int, Moments]:
    """Passes samples forward with perturbed channels.

    Args:
        network: The network in inference, its first output a row of logits.
        places: Maps with the same channels.
        samples: Samples (N, ...) by the name of the input.
        classes: The class of each sample, (N,).
        perturbations: How often the gates of a sample are drawn.
        seed: What they are drawn with.

    Returns:
        The moments of each class that has samples.
    """
    rng = np.random.RandomState(seed)
    rows = network.in_order(samples)
    size = rows_of(network.all_outputs, network.all_inputs, min(BATCH, len(classes)))
    gated = Gates(network, places, size)
    found: Dict[int, Moments] = {}
    parts = -(-len(classes) // size)
    for (*values, wanted), count in tracked("perturbing", batches([*rows, classes], size), parts):
        each = [of.reshape(*of.shape[:2], -1).mean(axis=2) for of in gated.begin(values)]
        pooled = np.sum(each, axis=0, dtype=np.float64)
        channels = pooled.shape[1]
        drawn = (rng.rand(perturbations, size, channels) < _OPEN).astype(np.float64)
        gates = np.concatenate([np.ones((1, size, channels)), drawn])
        logits = np.stack([gated.outputs(of) for of in gates]).astype(np.float64)
        for row in range(count):
            label = int(wanted[row])
            moments = found.setdefault(label, Moments.none(channels))
            d = gates[:, row]
            moments.add(d * pooled[row], logits[:, row, label], closeness(d))
    give_back()
    return found


@register_importance("chip")
class CHIP(Importance):
    """Ranks channels by how well they explain the logits of classes when others are off (CHIP).

    Args:
        samples: Samples to look at, drawn from the training samples.
        perturbations: How often the channels of a sample are switched off at random.
        over: What of a channel's weights for all classes counts: their largest size or the mean.
    """

    short = "samples"
    needs_data = needs_targets = True
    comparable = False

    samples: int = Field(default=256, ge=1)
    perturbations: int = Field(default=32, ge=1)
    over: Literal["mean", "max"] = "mean"

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the size of the weights over all classes."""
        examples = self.drawn_examples(evidence, self.samples)
        classes = classes_of(network, examples.targets)
        found: Dict[str, np.ndarray] = {}
        for name, places in maps(network, groups, through_additions=False).items():
            moments = class_moments(
                network, places, examples.inputs, classes, self.perturbations, evidence.seed
            )
            sizes = np.abs([of.weights() for of in moments.values()])
            found[name] = sizes.max(axis=0) if self.over == "max" else sizes.mean(axis=0)
        return found


def classes_of(network: Network, targets: np.ndarray) -> np.ndarray:
    """Returns the class of each sample, (N,).

    Args:
        network: The network.
        targets: Class indices, (N, 1).

    Raises:
        DataError: If targets are none, or the network gives no logit for each.
    """
    shape = network.all_outputs[0].shape
    whole = np.rint(targets)
    fits = targets.ndim <= 2 and targets.size == len(targets) and (whole == targets).all()
    if len(shape) != 2 or not fits or whole.min() < 0 or whole.max() >= shape[1]:
        raise DataError(
            f"importance chip explains classes: the network gives outputs of shape "
            f"{tuple(shape[1:])} a sample, the targets have {tuple(targets.shape[1:])}.",
            help="choose an importance for any output, such as taylor or mean_activation",
        )
    return whole.reshape(-1).astype(np.int64)
