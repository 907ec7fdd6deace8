# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much of each layer goes: one fraction, or one for each pattern of names."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Dict, List, Mapping, Sequence, Union

import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean

Fractions = Union[float, Dict[str, float]]


def require_fractions(where: str, fractions: Fractions) -> None:
    """Refuses what are no fractions.

    Args:
        where: What messages call the option.
        fractions: One for all layers, or some by pattern of names.

    Raises:
        ConfigError: If one is not from 0 to below 1, or there is none.
    """
    if isinstance(fractions, Mapping) and not fractions:
        raise ConfigError(f"{where} names no layers.", help='write {"fc*": 0.5}, or 0.5 alone')
    named = fractions if isinstance(fractions, Mapping) else {"": fractions}
    for pattern, fraction in named.items():
        if not 0 <= fraction < 1:
            of = f" of {pattern!r}" if pattern else ""
            raise ConfigError(
                f"{where}{of} is {fraction:g}, it is the fraction that goes.",
                help="choose 0 (nothing) to below 1, such as 0.5",
            )


def matching(where: str, patterns: Union[str, Sequence[str]], names: Sequence[str]) -> List[str]:
    """Returns the names that patterns match, in their order.

    Args:
        where: What messages call the transform.
        patterns: One pattern, as a shell matches files, or several.
        names: All there are.

    Raises:
        ConfigError: If one matches nothing.
    """
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"{where}: no layer that can be pruned matches {pattern!r}.",
                help=did_you_mean(pattern.strip("*"), list(names))
                if names
                else "the network has none",
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted)]


def fractions_of(where: str, fractions: Fractions, names: Sequence[str]) -> Dict[str, float]:
    """Returns the fraction of each layer; the last pattern that matches it holds.

    Args:
        where: What messages call the option.
        fractions: One for all layers, or some by pattern of names.
        names: The layers.

    Returns:
        The fractions; 0 where no pattern matches.

    Raises:
        ConfigError: If a pattern matches nothing.

    Example:
        >>> fractions_of("sparsity", {"*": 0.8, "fc*": 0.5}, ["conv1", "fc"])
        {'conv1': 0.8, 'fc': 0.5}
    """
    if not isinstance(fractions, Mapping):
        return dict.fromkeys(names, float(fractions))
    found = dict.fromkeys(names, 0.0)
    for pattern, fraction in fractions.items():
        found.update(dict.fromkeys(matching(where, pattern, names), float(fraction)))
    return found


def refuse_unknown(where: str, importance: str, scores: Mapping[str, np.ndarray]) -> None:
    """Refuses numbers that rank nothing.

    Args:
        where: What messages call the transform.
        importance: Its name.
        scores: The numbers by layer.

    Raises:
        ConfigError: If some are NaN or infinite, or all of a layer are zero.
    """
    for name, values in scores.items():
        wrong = int(np.size(values) - np.isfinite(values).sum())
        if wrong:
            raise ConfigError(
                f"{where}: importance {importance} is NaN or infinite for {wrong} of "
                f"{np.size(values)} in {name}.",
                help="look at the weights there: nnabla-compress inspect",
            )
        if np.size(values) > 1 and not np.any(values):
            raise ConfigError(
                f"{where}: importance {importance} is 0 for all of {name}: the layer is dead, or "
                "nothing of the samples gets there.",
                help="leave it out with layers, choose another importance, or give more samples",
            )
