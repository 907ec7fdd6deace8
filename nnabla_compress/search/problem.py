# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What there is to choose where a network may get fewer bits, fewer channels and lower ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from nnabla_compress.graph.network import Network
from nnabla_compress.search.assign_bits import BitWidth
from nnabla_compress.search.choices import Key, choices_of, cost_of
from nnabla_compress.search.sensitivity import (
    CHANNELS,
    FLOAT_BITS,
    RANKS,
    WEIGHTS,
    Sensitivities,
    Sensitivity,
)
from nnabla_compress.search.structure import Left, Structure

Going = Tuple[Optional[Sensitivity], ...]
"""What goes of each group, None where nothing does."""


@dataclass(frozen=True)
class Option:
    """What a tensor may get.

    Args:
        cost: What it costs.
        sizes: What it takes of each budget, in the order of
            :data:`nnabla_compress.search.choices.RESOURCES`.
        bits: Bits of an element, None where it stays float.
        ranks: How its layer is factorized, None where it is not.
    """

    cost: float
    sizes: Tuple[int, ...]
    bits: Optional[int] = None
    ranks: Optional[Sensitivity] = None


class Problem:
    """The tensors and groups of a network, and what each may get.

    What goes of a group is one decision for all layers that lose something with it. Such a layer is
    not factorized besides; its bits are chosen as those of any other.

    Args:
        found: What was measured.
        network: The network that it was measured on.
        by: As of :func:`~nnabla_compress.search.choices.choices_of`, like ``limits``.
        limits: Likewise.
        largest_activation: Bits that no activation of one sample may exceed.
    """

    def __init__(
        self,
        found: Sensitivities,
        network: Network,
        by: str = "snr",
        limits: Mapping[str, int] = {},
        largest_activation: Optional[int] = None,
    ) -> None:
        self._by, self._largest = by, largest_activation
        self._bits = choices_of(found, by, limits)
        self._rows = {(r.kind, r.layer, r.bits): r for r in found.rows if r.share is None}
        self._ranks: Dict[str, List[Sensitivity]] = {}
        by_group: Dict[str, List[Sensitivity]] = {}
        for row in found.rows:
            if row.kind in (CHANNELS, RANKS):
                (by_group if row.kind == CHANNELS else self._ranks).setdefault(
                    row.layer, []
                ).append(row)
        self.groups: Dict[str, List[Optional[Sensitivity]]] = {
            name: [None, *rows] for name, rows in by_group.items()
        }
        self._structure = Structure(
            network,
            {
                name: {row.level: row.decided["channels"] for row in rows}
                for name, rows in by_group.items()
            },
        )

    def cost(self, going: Going) -> float:
        """Returns what it costs that channels go.

        Args:
            going: What goes of each group.
        """
        return sum(cost_of(row, self._by) for row in going if row is not None)

    def options(self, going: Going) -> Optional[Dict[Key, List[Option]]]:
        """Returns what each tensor may get; None where an activation is too large with any bits.

        Args:
            going: What goes of each group.
        """
        left = self._structure.left({row.layer: row.level for row in going if row is not None})
        found: Dict[Key, List[Option]] = {}
        for key, of_tensor in left.items():
            widths = self._bits.get(key)
            if key[0] == WEIGHTS:
                found[key] = _undominated(self._of_weights(key, of_tensor, widths))
            elif widths is not None:
                sizes = [(width, width.bits * of_tensor.elements) for width in widths]
                found[key] = [
                    Option(width.cost, (0, 0, size, 0), width.bits)
                    for width, size in sizes
                    if self._largest is None or size <= self._largest
                ]
                if not found[key]:
                    return None
        return found

    def _of_weights(
        self, key: Key, left: Left, widths: Optional[Sequence[BitWidth]]
    ) -> List[Option]:
        ranks: List[Optional[Sensitivity]] = [None]
        if left.whole:  # else its ranks were measured of another layer
            ranks += self._ranks.get(key[1], [])
        options = []
        for row in ranks:
            elements, macs = (left.elements, left.macs) if row is None else (row.elements, row.macs)
            pieces = 1 if row is None else len(row.decided["layers"])
            extra = 0.0 if row is None else cost_of(row, self._by)
            if widths is None:
                sizes = (FLOAT_BITS * elements, FLOAT_BITS * macs, 0, macs)
                options.append(Option(extra, sizes, None, row))
            for width in widths or ():
                measured = self._rows[key[0], key[1], width.bits]
                size = _packed(measured, elements, pieces)
                sizes = (size, width.bits * macs, 0, macs)
                options.append(Option(extra + pieces * width.cost, sizes, width.bits, row))
        return options


def _packed(row: Sensitivity, elements: int, pieces: int) -> int:
    """What other weights take at bits that were measured, with a table for each layer."""
    table = row.size_bits - row.bits * row.elements
    if table < 0:  # codes of several lengths
        return -(-row.size_bits * elements // max(1, row.elements))
    return row.bits * elements + pieces * table


def _undominated(options: Sequence[Option]) -> List[Option]:
    """Options that no other one beats or equals in cost and all sizes."""
    kept: List[Option] = []
    for option in sorted(options, key=lambda o: (o.cost, o.sizes)):
        if not any(all(a <= b for a, b in zip(o.sizes, option.sizes)) for o in kept):
            kept.append(option)
    return kept
