# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How the strength of a term changes while a network is trained.

With t the share of the training that is done, 0 to 1, a strength is multiplied by

================  =======================================================
``constant``      1
``linear``        t
``tanh``          (1 + tanh((t - rise_at) / width)) / 2
``exponential``   exp(2 t) / 2
================  =======================================================

The last two are those of the published code of WaveQ.
"""

from __future__ import annotations

import math

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

SCHEDULES = ("constant", "linear", "tanh", "exponential")


def strength_at(schedule: str, share: float, rise_at: float = 0.2, width: float = 0.02) -> float:
    """Returns what a strength is multiplied by.

    Args:
        schedule: One of :data:`SCHEDULES`.
        share: Share of the training that is done, 0 to 1.
        rise_at: Where ``tanh`` is half way, as a share of the training.
        width: How wide its rise is, likewise; positive.

    Example:
        >>> [round(strength_at("tanh", share), 4) for share in (0.18, 0.2, 0.22, 0.5)]
        [0.1192, 0.5, 0.8808, 1.0]
        >>> strength_at("linear", 0.25), strength_at("exponential", 0.0)
        (0.25, 0.5)
    """
    if schedule == "linear":
        return share
    if schedule == "tanh":
        return 0.5 * (1 + math.tanh((share - rise_at) / width))
    if schedule == "exponential":
        return 0.5 * math.exp(2 * share)
    return 1.0


def bump(share: float, begin: float, end: float, width: float) -> float:
    """Returns the factor of a strength that is there from ``begin`` to ``end`` only.

    ``(tanh((share - begin) / width) - tanh((share - end) / width)) / 2``

    Args:
        share: Share of the training that is done, 0 to 1.
        begin: Where it is half way up, likewise.
        end: Where it is half way down, likewise.
        width: How wide rise and fall are, likewise; positive.

    Example:
        >>> [round(0.02 * bump(share, 0.2, 0.8, 0.02), 5) for share in (0.18, 0.2, 0.5, 0.8, 0.999)]
        [0.00238, 0.01, 0.02, 0.01, 0.0]
    """
    return 0.5 * (math.tanh((share - begin) / width) - math.tanh((share - end) / width))


def gradual_sparsity(initial: float, final: float, share: float) -> float:
    """Returns how many weights are pruned while a schedule goes on (M. Zhu and S. Gupta).

    ``final + (initial - final) (1 - share)^3``

    Args:
        initial: Fraction at the begin, 0 to ``final``.
        final: Fraction at the end.
        share: Share of the schedule that is done, 0 to 1.

    References:
        M. Zhu and S. Gupta, To prune, or not to prune, arXiv:1710.01878.

    Example:
        >>> [round(gradual_sparsity(0, 0.8, n / 10), 4) for n in (0, 1, 2, 3, 10)]
        [0.0, 0.2168, 0.3904, 0.5256, 0.8]
    """
    return final + (initial - final) * (1 - share) ** 3


def require_schedule(term: str, schedule: str, rise_at: float, width: float) -> None:
    """Refuses a schedule that there is not, or shares that mean nothing.

    Args:
        term: What messages call the term.
        schedule: One of :data:`SCHEDULES`.
        rise_at: 0 to below 1.
        width: Positive, up to 1.

    Raises:
        ConfigError: If one is out of range.
    """
    if schedule not in SCHEDULES:
        raise ConfigError(
            f"{term}: schedule is {schedule!r}.", help=did_you_mean(schedule, SCHEDULES)
        )
    require_share(term, "rise_at", rise_at)
    if not 0 < width <= 1:
        raise ConfigError(
            f"{term}: width is {width}, it is a share of the training.",
            help="choose above 0, to 1: 0.02 for instance",
        )


def require_share(term: str, name: str, value: float) -> None:
    """Refuses a place in the training that is none.

    Args:
        term: What messages call the term.
        name: What they call the option.
        value: 0 to below 1.

    Raises:
        ConfigError: If it is out of range.
    """
    if not 0 <= value < 1:
        raise ConfigError(
            f"{term}: {name} is {value}, it is a share of the training.",
            help="choose 0 to below 1",
        )
