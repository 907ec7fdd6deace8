# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a misspelt name was most likely meant to be."""

from __future__ import annotations

from typing import Iterable, Optional

# Letters of a name for each mistake that is still taken for a slip.
_LETTERS_A_SLIP = 2.5


def nearest_name(name: str, known: Iterable[str]) -> Optional[str]:
    """Returns the known name that the fewest slips lead from, None if it is far from all.

    A slip is a letter that is missing, too much, another one, or exchanged with its neighbour.
    Upper and lower case, and ``-`` and ``_``, are the same.

    Args:
        name: The misspelt name.
        known: The names that there are; of several equally near ones the last is taken.

    Example:
        >>> nearest_name("Adma", ["AdaMax", "Adam", "Sgd"]), nearest_name("lion", ["Momentum"])
        ('Adam', None)
    """
    most = max(len(name), 2) / _LETTERS_A_SLIP
    slips = [(_slips(_plain(name), _plain(candidate)), candidate) for candidate in known]
    fewest = min((count for count, _ in slips), default=most)
    near = [candidate for count, candidate in slips if count == fewest <= most]
    return near[-1] if near else None


def did_you_mean(name: str, known: Iterable[str], what: str = "known are") -> str:
    """Returns a help for an unknown name: the nearest known one, and all of them.

    Args:
        name: The unknown name.
        known: All that are known.
        what: What they are called.

    Example:
        >>> did_you_mean("luq", ["lut", "uniform"])
        "did you mean 'lut'? known are: lut, uniform"
    """
    names = list(known)
    near = nearest_name(name, names)
    listed = f"{what}: {', '.join(names) or 'none'}"
    return listed if near is None else f"did you mean {near!r}? {listed}"


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _slips(first: str, second: str) -> int:
    """The restricted Damerau-Levenshtein distance."""
    rows = [list(range(len(second) + 1))]
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(second, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and (a, first[i - 2]) == (second[j - 2], b):
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
