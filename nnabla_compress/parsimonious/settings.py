# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a parsimonious network is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

METHODS = ("auto", "gibbs", "map")
CONSISTENT, AUTHORS = "positives", "all"


@dataclass(frozen=True)
class ParsimoniousSettings:
    """How many layers, and how their hyperplanes are found.

    Args:
        method: ``gibbs``: draws from the posterior, of which that with the least criterion is kept;
            ``map``: its mode by stochastic gradients, which is quicker for many samples and fits
            less well; ``auto``: Gibbs for up to 5,000 samples.
        most_layers: The most layers there can be, at least 1.
        hyperplanes: The most hyperplanes of one side of a layer, with Gibbs.
        sweeps: Gibbs: draws of all variables for each side of a layer.
        burn_in: Gibbs: draws that are not kept.
        updates: MAP: updates for each side of a layer.
        batch_size: MAP: samples of an update.
        learning_rate: MAP: that of Adam before the first removal.
        used_by: MAP: whose draws decide which hyperplanes stay: those of ``positives``, samples of
            the side's own class, which is what the model says; or of ``all``, as in the published
            code.
        seed: What everything random is drawn with.

    Raises:
        ConfigError: If one is out of its range.
    """

    method: str = "auto"
    most_layers: int = 5
    hyperplanes: int = 20
    sweeps: int = 500
    burn_in: int = 100
    updates: int = 4000
    batch_size: int = 100
    learning_rate: float = 0.01
    used_by: str = CONSISTENT
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("used_by", (CONSISTENT, AUTHORS))):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(
                    f"fit_parsimonious: {name} is {value!r}.", help=did_you_mean(str(value), known)
                )
        for name, least in (
            ("most_layers", 1),
            ("hyperplanes", 1),
            ("sweeps", 1),
            ("burn_in", 0),
            ("updates", 1),
            ("batch_size", 1),
            ("seed", 0),
        ):
            _require_whole(name, getattr(self, name), least)
        if self.burn_in >= self.sweeps:
            raise ConfigError(
                f"fit_parsimonious: burn_in is {self.burn_in} of {self.sweeps} sweeps: none is "
                "kept.",
                help="choose more sweeps, or a shorter burn_in",
            )
        rate: Any = self.learning_rate
        if not isinstance(rate, Real) or not 0 < float(rate) < float("inf"):
            raise ConfigError(
                f"fit_parsimonious: learning_rate is {rate!r}.",
                help="choose a positive one, such as 0.01",
            )


def _require_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(
            f"fit_parsimonious: {name} is {value!r}.", help=f"give a whole number from {least}"
        )
