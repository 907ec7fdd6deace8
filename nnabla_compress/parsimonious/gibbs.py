# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Hyperplanes drawn from their posterior, one kind of variable after the other (Gibbs sampling).

With T = 1 layer, for samples i and hyperplanes k, psi_ik = x_i' beta_k::

    theta_ik ~ Gamma(r_k + m_ik) sigmoid(psi_ik)
    m_i      ~ Poisson(sum_k theta_ik), at least 1 where y_i = 1, else 0, shared out among the k
    l_ik     ~ CRT(m_ik, r_k),  L_k = sum_i l_ik
    alpha_vk ~ Gamma(1/2 + a) / (B_k + beta_vk^2 / 2),  B_k ~ Gamma(1 + a V) / (1 + sum_v alpha_vk)
    omega_ik ~ PG(m_ik + r_k, psi_ik)
    beta_k   ~ N(A^-1 X'(m_k - r_k) / 2, A^-1),  A = X' diag(omega_k) X + diag(alpha_k)
    r_k      ~ Gamma(g / K + L_k) / (c + sum_i ln(1 + exp(psi_ik)))

and the hyperparameters c and g likewise. A hyperplane with L_k = 0 explains no sample: the gamma
process has switched it off.

M. Zhou, arXiv:1805.08719.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.parsimonious.draws import (
    polya_gamma,
    positive_poisson,
    shared_out,
    tables,
)
from nnabla_compress.parsimonious.hyperplanes import (
    Hyperplanes,
    log_likelihood,
    softplus,
    with_ones,
)
from nnabla_compress.parsimonious.settings import ParsimoniousSettings
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time

_A = 1e-6  # shape of the weights' precisions
_DROPPED_EVERY = 200
_LEAST, _MOST = 1e-10, 1e10  # of precisions: beyond, products are no longer invertible


@one_at_a_time
def sample_hyperplanes(
    x: np.ndarray, y: np.ndarray, settings: ParsimoniousSettings, seed: int = 0
) -> Hyperplanes:
    """Returns hyperplanes that support class 1: of all draws those with the least criterion.

    That is ``2 (V + 1) K - 2 ln L``: likelier draws may have more hyperplanes, at a price.

    Args:
        x: Covariates, (N, V).
        y: Labels 0 or 1, (N,).
        settings: Sweeps, burn-in and the most hyperplanes.
        seed: What is drawn with.

    Returns:
        Those that explain samples.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> x = rng.randn(60, 2); y = (x[:, 0] > 0).astype(int)
        >>> found = sample_hyperplanes(x, y, ParsimoniousSettings(sweeps=60, burn_in=30))
        >>> found.count <= 20, float(((found.probability(x) > 0.5) == y).mean()) > 0.9
        (True, True)
    """
    chain = _Chain(with_ones(np.asarray(x, np.float64)), np.asarray(y), settings, seed)
    best, least = None, np.inf
    for sweep in tracked("drawing hyperplanes", range(1, settings.sweeps + 1), settings.sweeps):
        chain.sweep()
        if sweep % _DROPPED_EVERY == 0:
            chain.drop()
        if sweep > settings.burn_in:
            drawn, criterion = chain.drawn()
            if best is None or criterion < least:
                best, least = drawn, criterion
    assert best is not None
    return best


class _Chain:
    """The variables of one side of a layer."""

    def __init__(
        self, x: np.ndarray, y: np.ndarray, settings: ParsimoniousSettings, seed: int
    ) -> None:
        self._x, self._y, self._positive = x, y, np.flatnonzero(y == 1)
        self._rng = np.random.RandomState(seed)
        self._count = count = settings.hyperplanes
        self._beta = 0.1 * self._rng.standard_normal((x.shape[1], count))
        self._rates = np.full(count, 1.0 / count)
        self._precision = np.ones_like(self._beta)
        self._of_precision = np.ones(count)
        self._tables = np.ones(count, np.int64)
        self._held = np.zeros((len(self._positive), count), np.int64)
        self._c, self._g = 1.0, 1.0

    def sweep(self) -> None:
        rng, x = self._rng, self._x
        psi = x @ self._beta
        counts = self._counts(psi)
        self._tables = tables(counts, self._rates, rng).sum(axis=0)
        self._draw_precisions()
        omega = polya_gamma(counts + self._rates, psi, rng)
        self._draw_beta(counts, omega)
        self._draw_rates(softplus(x @ self._beta).sum(axis=0))

    def drop(self) -> None:
        """Takes out what explains no sample."""
        stay = self._tables > 0
        self._beta, self._precision = self._beta[:, stay], self._precision[:, stay]
        self._rates, self._of_precision = self._rates[stay], self._of_precision[stay]
        self._tables, self._held = self._tables[stay], self._held[:, stay]

    def drawn(self) -> Tuple[Hyperplanes, float]:
        """Returns the hyperplanes of now that explain samples, and their criterion."""
        on = self._tables > 0
        found = Hyperplanes(self._beta[:, on].copy(), self._rates[on].copy())
        intensity = softplus(self._x @ found.beta) @ found.rates
        return found, 2 * found.beta.size - 2 * log_likelihood(intensity, self._y)

    def _counts(self, psi: np.ndarray) -> np.ndarray:
        """Draws how often each hyperplane explains each sample."""
        rng, some = self._rng, self._positive
        theta = rng.standard_gamma(self._rates + self._held) * np.exp(-softplus(-psi[some]))
        theta = np.maximum(theta, 1e-300)
        self._held = shared_out(positive_poisson(theta.sum(axis=1), rng), theta, rng)
        counts = np.zeros(psi.shape, np.int64)
        counts[some] = self._held
        return counts

    def _draw_precisions(self) -> None:
        rng = self._rng
        drawn = rng.standard_gamma(0.5 + _A, self._beta.shape)
        self._precision = np.clip(drawn / (self._of_precision + self._beta**2 / 2), _LEAST, _MOST)
        shape = 1 + _A * len(self._beta)
        drawn = rng.standard_gamma(shape, self._of_precision.shape)
        self._of_precision = drawn / (1 + self._precision.sum(axis=0))

    def _draw_beta(self, counts: np.ndarray, omega: np.ndarray) -> None:
        x = self._x
        normal = self._rng.standard_normal(self._beta.shape)
        for k in range(self._beta.shape[1]):
            precision = (x * omega[:, k : k + 1]).T @ x
            precision[np.diag_indices_from(precision)] += self._precision[:, k]
            # The same, with ones on the diagonal: precisions differ by many orders.
            scale = 1 / np.sqrt(np.diag(precision))
            root = np.linalg.cholesky(
                precision * scale[:, None] * scale + 1e-12 * np.eye(len(scale))
            )
            wanted = scale * (x.T @ (counts[:, k] - self._rates[k])) / 2
            half = np.linalg.solve(root, wanted)
            self._beta[:, k] = scale * np.linalg.solve(root.T, half + normal[:, k])

    def _draw_rates(self, reach: np.ndarray) -> None:
        rng, every = self._rng, self._count
        rates = rng.standard_gamma(self._g / every + self._tables) / (self._c + reach)
        self._rates = np.maximum(rates, 1e-300)
        self._c = max(rng.standard_gamma(self._g + 1) / (1 + self._rates.sum()), 1e-10)
        of_tables = tables(self._tables, np.array(self._g / every), rng).sum()
        open_share = np.log1p(reach / self._c).sum() / every
        drawn = rng.standard_gamma(0.01 + of_tables) / (0.01 + open_share)
        self._g = max(float(drawn), 1e-10)
