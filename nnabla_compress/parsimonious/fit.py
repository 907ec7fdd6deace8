# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers of hyperplanes, one upon the other, as long as a criterion of information says so.

Each layer has two sides: hyperplanes that support class 1, others that support class 0. Layer t + 1
reads ln(1 + exp(x' beta)) of both, and what layer t - 1 gave it (the inputs, for t = 1). Those
below stay as they are. After T layers with K_t hyperplanes, of V covariates = K_0::

    AIC(T) = sum_t (2 (K_{t-1} + 2) K_t - 2 K_{t-1} [t > 1]) - 2 ln L

where L is the likelihood of the training labels on both sides of the last layer. The first layer
with which it does not fall is taken back. No sample is held out, and no width is chosen.

M. Zhou, Parsimonious Bayesian deep networks, NeurIPS 2018, arXiv:1805.08719.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.parsimonious.gibbs import sample_hyperplanes
from nnabla_compress.parsimonious.network import Sides, build_network
from nnabla_compress.parsimonious.posterior_mode import find_hyperplanes
from nnabla_compress.parsimonious.settings import ParsimoniousSettings
from nnabla_compress.turns import one_at_a_time

_MOST = 1e30  # numbers of samples: sums of larger ones leave float32
_FEW = 5000  # samples that Gibbs sampling takes in minutes

Samples = Union[Split, Tuple[Any, Any]]


@dataclass(frozen=True)
class Parsimonious:
    """A fitted network, and how its size came about.

    Args:
        layers: The hyperplanes of class 1 and of class 0, a pair a layer.
        criteria: AIC with one layer, with two, ...; the last one belongs to a layer that was taken
            back, unless there are as many as layers.
        tried: Hyperplanes of both sides, for each of these.
        classes: The labels that stand for class 0 and 1.
        method: ``gibbs`` or ``map``.
        network: From samples to the probabilities of both classes, (1, 2), with a scope of its own.
        notes: What a user should know.
        mean: What is taken from each covariate before the first layer.
        scale: What it is divided by then.
    """

    layers: Tuple[Sides, ...]
    criteria: Tuple[float, ...]
    tried: Tuple[Tuple[int, int], ...]
    classes: Tuple[Any, Any]
    method: str
    network: Network
    notes: Tuple[str, ...] = ()
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    scale: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def widths(self) -> Tuple[Tuple[int, int], ...]:
        """The hyperplanes of each layer: those of class 1, those of class 0."""
        return tuple((one.count, other.count) for one, other in self.layers)

    @property
    def parameters(self) -> int:
        """Numbers that the network stores."""
        return sum(int(v.size) for v in self.network.parameters.values())

    def probability(self, x: Any) -> np.ndarray:
        """Returns the probability of class 1, (N,), in float64.

        Args:
            x: Samples, (N, ...).

        Raises:
            DataError: If they have not as many numbers as those of the fit, or some are not finite.
        """
        rows = _numbers(x)
        if rows.shape[1] != len(self.mean):
            raise DataError(
                f"samples of {rows.shape[1]} numbers, the network was fitted to {len(self.mean)}.",
                help="give an array with a row for each sample, as in the fit",
            )
        raw = (rows - self.mean) / self.scale
        features, before = raw, raw
        for sides in self.layers:
            h = np.concatenate([side.features(features) for side in sides], axis=1)
            last, features, before = features, np.concatenate([h, before], axis=1), h
        one, other = self.layers[-1]
        return np.asarray((one.probability(last) + 1 - other.probability(last)) / 2)

    def predict(self, x: Any) -> np.ndarray:
        """Returns the label of each sample, (N,).

        Args:
            x: Samples, (N, ...).
        """
        return np.asarray(self.classes)[(self.probability(x) > 0.5).astype(int)]

    def __str__(self) -> str:
        sizes = ", ".join(f"{one} + {other}" for one, other in self.widths)
        steps = " -> ".join(f"{value:.0f}" for value in self.criteria)
        return (
            f"{len(self.layers)} layer(s) of {sizes} hyperplanes by {self.method}, "
            f"{self.parameters} parameters; AIC {steps}"
        )


@one_at_a_time
def fit_parsimonious(
    data: Samples, settings: Optional[ParsimoniousSettings] = None, **options: Any
) -> Parsimonious:
    """Fits a network of two classes whose width and depth come from the data.

    Args:
        data: Samples and labels: a split of a data set, or a pair of arrays (N, ...) and (N,). All
            of them are trained on: nothing is held out to choose a size by.
        settings: How; by default ``ParsimoniousSettings()``.
        options: Single settings in its place, such as ``seed=1``.

    Returns:
        The network, its size, and how that was found. Exporting ``found.network`` needs nothing
        more: SoftPlus is written with functions that devices have.

    Raises:
        ConfigError: If a setting is out of its range.
        DataError: If there are not two classes, or all inputs are constant or some no numbers.

    References:
        M. Zhou, Parsimonious Bayesian deep networks, NeurIPS 2018, arXiv:1805.08719.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> x = rng.randn(80, 2).astype(np.float32)
        >>> found = fit_parsimonious((x, x[:, 0] > x[:, 1]), sweeps=60, burn_in=30, most_layers=1)
        >>> float((found.predict(x) == (x[:, 0] > x[:, 1])).mean()) > 0.9, found.parameters < 200
        (True, True)
    """
    try:
        settings = replace(settings or ParsimoniousSettings(), **options)
    except TypeError as error:
        raise ConfigError(
            f"fit_parsimonious: {str(error).rpartition('() ')[2]}.",
            help="see ParsimoniousSettings",
        ) from error
    x, y, classes = _checked(*_parts(data))
    shape = np.asarray(data.x if isinstance(data, Split) else data[0]).shape[1:]
    varying = _varying(x)
    mean, scale = x.mean(axis=0), np.where(varying, x.std(axis=0), np.inf)
    raw = (x - mean) / scale
    method = settings.method
    if method == "auto":
        method = "gibbs" if len(x) <= _FEW else "map"
    layers: List[Sides] = []
    criteria: List[float] = []
    tried: List[Tuple[int, int]] = []
    features, before = raw, raw
    for depth in range(1, settings.most_layers + 1):
        sides = _fitted(features, y, settings, method, depth)
        likelihood = sum(
            side.log_likelihood(features, labels) for side, labels in zip(sides, (y, 1 - y))
        )
        tried.append((sides[0].count, sides[1].count))
        widths = [sum(pair) for pair in tried]
        criteria.append(information_criterion(int(varying.sum()), widths, likelihood))
        if depth > 1 and criteria[-1] >= criteria[-2]:
            break
        layers.append(sides)
        h = np.concatenate([side.features(features) for side in sides], axis=1)
        features, before = np.concatenate([h, before], axis=1), h
    return Parsimonious(
        tuple(layers),
        tuple(criteria),
        tuple(tried),
        classes,
        method,
        build_network(layers, mean, scale, shape),
        tuple(_notes(method, varying, len(layers), settings)),
        mean,
        scale,
    )


def information_criterion(covariates: int, widths: Sequence[int], log_likelihood: float) -> float:
    """Returns Akaike's criterion of a network: the lower, the better.

    Args:
        covariates: V.
        widths: Hyperplanes of each layer, both sides together.
        log_likelihood: That of the labels.

    Example:
        >>> information_criterion(2, [11], -100), information_criterion(2, [11, 7], -60)
        (288.0, 368.0)
    """
    total, read = 0, covariates
    for number, width in enumerate(widths):
        total += 2 * (read + 2) * width - (2 * read if number else 0)
        read = width
    return float(total - 2 * log_likelihood)


def _fitted(
    x: np.ndarray, y: np.ndarray, settings: ParsimoniousSettings, method: str, depth: int
) -> Sides:
    found = []
    for side, labels in enumerate((y, 1 - y)):
        seed = (settings.seed * 1000003 + 2 * depth + side) % (1 << 32)
        if method == "gibbs":
            found.append(sample_hyperplanes(x, labels, settings, seed))
        else:
            found.append(find_hyperplanes(x, labels, settings, seed, depth))
    return found[0], found[1]


def _notes(
    method: str, varying: np.ndarray, depth: int, settings: ParsimoniousSettings
) -> List[str]:
    notes = []
    if method == "map":
        notes.append(
            "the mode of the posterior fits less well than draws from it, above all in deeper "
            "layers: method='gibbs' takes longer and finds more"
        )
    if not varying.all():
        notes.append(f"{int((~varying).sum())} of {len(varying)} inputs are constant: left out")
    if depth == settings.most_layers:
        notes.append(f"{depth} layers are the most: the criterion would still take one more")
    return notes


def _rows(x: Any) -> np.ndarray:
    found = np.asarray(x, np.float64)
    return found.reshape(len(found), int(np.prod(found.shape[1:])))


def _numbers(given: Any) -> np.ndarray:
    """Samples as rows of finite numbers."""
    try:
        x = _rows(given)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the samples are no array of numbers: {error}.", help="give an array (N, ...)"
        ) from error
    # The network computes in float32: what is beyond its range is infinite there.
    inside = (np.abs(x) <= _MOST).all(axis=1)
    if not inside.all():
        raise DataError(
            f"sample {int(np.argmin(inside))} holds NaN, infinity or a number beyond {_MOST:.0e}.",
            help="leave such samples out, or scale them",
        )
    return x


def _parts(data: Any) -> Tuple[Any, Any]:
    """Samples and labels of what was given."""
    if isinstance(data, Split):
        return data.x, data.y
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return data[0], data[1]
    raise DataError(
        f"fit_parsimonious: got a {type(data).__name__}, no samples with their labels.",
        help="give a pair of arrays, or a split of a data set: data.split('train')",
    )


def _varying(x: np.ndarray) -> np.ndarray:
    """Which inputs vary: the deviation of equal numbers is not 0 but what was rounded."""
    smallest = np.finfo(np.float32).tiny
    return np.asarray((x.max(axis=0) > x.min(axis=0)) & (x.std(axis=0) > smallest))


def _checked(given: Any, labels: Any) -> Tuple[np.ndarray, np.ndarray, Tuple[Any, Any]]:
    """Samples as rows, labels as 0 and 1, and what these stand for."""
    x, y = _numbers(given), np.asarray(labels)
    if y.size != len(x) or not len(x):
        raise DataError(
            f"fit_parsimonious: {len(x)} samples and {y.size} labels.",
            help="give one label for each sample",
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        where = int(np.argmin(np.isfinite(y.ravel())))
        raise DataError(
            f"fit_parsimonious: the label of sample {where} is NaN or infinite.",
            help="leave such samples out",
        )
    classes = np.unique(y.ravel())
    if len(classes) != 2:
        some = ", ".join(str(value) for value in classes[:4].tolist())
        raise DataError(
            f"fit_parsimonious: {len(classes)} class(es) in the labels ({some}"
            f"{', ...' if len(classes) > 4 else ''}), it separates two.",
            help="choose samples of two classes; for more, train a network with the term shrinkage",
        )
    if not _varying(x).any():
        raise DataError(
            "fit_parsimonious: all inputs are constant: nothing tells the classes apart.",
            help="give inputs that vary",
        )
    one, other = classes.tolist()
    return x, (y.ravel() == classes[1]).astype(np.int64), (one, other)
