# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Hyperplanes at the mode of their posterior, found by stochastic gradients in NNabla (MAP).

With N samples, g = c = 1, K hyperplanes at first, the mean over a batch of::

    - ln P(y | x) + sum_k (c r_k - (g / K - 1) ln r_k) / N + (a + 1/2) sum ln(1 + beta^2 / 2b) / N

is minimized by Adam. Every 500 updates hyperplanes that no sample uses go: sample i uses k with the
chance 1 - exp(-r_k ln(1 + exp(x_i' beta_k))). Where the objective is no number any more, all is
done again with half the learning rate, ten times a and b, and a hyperplane more.

M. Zhou, arXiv:1805.08719.
"""

from __future__ import annotations

from typing import Dict, Optional

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np

from nnabla_compress.errors import TrainingError
from nnabla_compress.parsimonious.hyperplanes import Hyperplanes, softplus, with_ones
from nnabla_compress.parsimonious.settings import AUTHORS, ParsimoniousSettings
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time

_A = 1e-6
_REMOVED_EVERY = 500
_TRIES = 5
_LEAST = 1e-7  # of lambda, where its logarithm is taken


@one_at_a_time
def find_hyperplanes(
    x: np.ndarray, y: np.ndarray, settings: ParsimoniousSettings, seed: int = 0, depth: int = 1
) -> Hyperplanes:
    """Returns the hyperplanes that support class 1, at the mode of their posterior.

    Args:
        x: Covariates, (N, V).
        y: Labels 0 or 1, (N,).
        settings: Updates, batch size, and who keeps hyperplanes.
        seed: What is drawn with.
        depth: Number of the layer, from 1: deeper ones learn more slowly, as published.

    Raises:
        TrainingError: If the objective is no number however slowly it learns.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> x = rng.randn(200, 2); y = (x[:, 0] > 0).astype(int)
        >>> found = find_hyperplanes(x, y, ParsimoniousSettings(updates=600))
        >>> found.count <= 23, float(((found.probability(x) > 0.5) == y).mean()) > 0.9
        (True, True)
    """
    count = max(1, int(round(10 * np.log10(len(x)))))
    rate, prior = settings.learning_rate, _A
    later = 0.05 / (5 + depth) if depth > 1 else rate
    for number in range(_TRIES):
        search = _Search(x, y, settings, np.random.RandomState(seed), count + number, prior)
        found = search.run(rate, min(later, rate))
        if found is not None:
            return found
        rate, prior = rate / 2, 10 * prior
    raise TrainingError(
        f"fit_parsimonious: the objective is no number, even at a rate of {2 * rate:.2g}.",
        help="look at the inputs: scale them, or use method='gibbs'",
    )


class _Search:
    """One search with one learning rate and one prior."""

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        settings: ParsimoniousSettings,
        rng: np.random.RandomState,
        count: int,
        prior: float,
    ) -> None:
        self._x, self._y = with_ones(np.asarray(x, np.float64)), np.asarray(y)
        self._settings, self._rng, self._count, self._prior = settings, rng, count, prior
        self._beta = rng.standard_normal((self._x.shape[1], count)) / np.sqrt(self._x.shape[1])
        self._log_rates = np.full(count, np.log(1 / count))

    def run(self, rate: float, later: float) -> Optional[Hyperplanes]:
        """Returns the hyperplanes that stay, None where the objective becomes no number."""
        settings, done = self._settings, 0
        while done < settings.updates:
            some = min(_REMOVED_EVERY, settings.updates - done)
            if not self._train(some, rate if done == 0 else later):
                return None
            done += some
            self._remove()
        return Hyperplanes(self._beta, np.exp(self._log_rates))

    def _train(self, updates: int, rate: float) -> bool:
        size = min(self._settings.batch_size, len(self._x))
        batch, labels = nn.Variable((size, self._x.shape[1])), nn.Variable((size,))
        parameters = {
            name: nn.Variable.from_numpy_array(values.astype(np.float32)).apply(need_grad=True)
            for name, values in (("beta", self._beta), ("log_rates", self._log_rates))
        }
        objective = self._objective(batch, labels, parameters)
        solver = S.Adam(rate)
        solver.set_parameters(parameters)
        for _ in tracked("learning hyperplanes", range(updates), updates):
            rows = self._rng.randint(0, len(self._x), size)
            batch.d, labels.d = self._x[rows], self._y[rows]
            objective.forward(clear_no_need_grad=True)
            if not np.isfinite(objective.d):
                return False
            solver.zero_grad()
            objective.backward(clear_buffer=True)
            solver.update()
        self._beta = np.array(parameters["beta"].d, np.float64)
        self._log_rates = np.array(parameters["log_rates"].d, np.float64)
        return bool(np.isfinite(self._beta).all() and np.isfinite(self._log_rates).all())

    def _objective(
        self, x: nn.Variable, y: nn.Variable, parameters: Dict[str, nn.Variable]
    ) -> nn.Variable:
        beta, log_rates, n = parameters["beta"], parameters["log_rates"], len(self._x)
        with nn.auto_forward(False):
            rates = F.exp(log_rates)
            rows = F.reshape(rates, (1, -1))
            intensity = F.sum(F.softplus(F.affine(x, beta)) * rows, axis=1) + _LEAST
            supported = F.log(1 - F.exp(-intensity))
            likelihood = F.mean(y * supported - (1 - y) * intensity)
            of_rates = F.sum(rates - (1 / self._count - 1) * log_rates)
            of_beta = (self._prior + 0.5) * F.sum(F.log(1 + beta**2 / (2 * self._prior)))
            return (of_rates + of_beta) / n - likelihood

    def _remove(self) -> None:
        stay = self._used()
        self._beta, self._log_rates = self._beta[:, stay], self._log_rates[stay]

    def _used(self) -> np.ndarray:
        """Which hyperplanes a sample uses, as drawn."""
        every = self._settings.used_by == AUTHORS
        rows = slice(None) if every else np.flatnonzero(self._y == 1)
        chances = -np.expm1(-softplus(self._x[rows] @ self._beta) * np.exp(self._log_rates))
        used = self._rng.random_sample(chances.shape) < chances
        positive = self._y[rows] == 1
        lonely = np.flatnonzero(positive & ~used.any(axis=1))
        if lonely.size:  # a sample of the class has a reason: one is drawn
            shares = np.maximum(chances[lonely], 1e-300)
            ends = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
            drawn = (self._rng.random_sample((len(lonely), 1)) > ends).sum(axis=1)
            used[lonely, np.minimum(drawn, used.shape[1] - 1)] = True
        return np.asarray(used.any(axis=0))
