# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exits: outputs of one network that give the same answer, each after more of its functions.

A network has exits where its outputs are called ``exit1``, ``exit2`` and so on, in the order in
which they are computed. Names stay with a network in files, so that whoever reads one knows.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Sequence, TypeVar

import nnabla as nn

Kind = TypeVar("Kind")

_NAME = "exit"


def exit_names(count: int) -> List[str]:
    """Returns what the exits of a network are called, in order.

    Args:
        count: How many it has.

    Example:
        >>> exit_names(3)
        ['exit1', 'exit2', 'exit3']
    """
    return [f"{_NAME}{number}" for number in range(1, count + 1)]


def are_exits(names: Iterable[str]) -> bool:
    """Returns whether outputs are exits, as their names say.

    Args:
        names: Of all outputs of a network.

    Example:
        >>> are_exits(["exit1", "exit2"]), are_exits(["y"]), are_exits(["exit1"])
        (True, False, False)
    """
    found = set(names)
    return len(found) > 1 and found == set(exit_names(len(found)))


def in_order(named: Mapping[str, Kind]) -> List[Kind]:
    """Returns what belongs to exits in their order.

    Args:
        named: One for each by its name.
    """
    return [named[name] for name in exit_names(len(named))]


def exits_named(outputs: Sequence[nn.Variable]) -> Dict[str, nn.Variable]:
    """Returns exits by their names.

    Args:
        outputs: The exits in order.
    """
    return dict(zip(exit_names(len(outputs)), outputs))
