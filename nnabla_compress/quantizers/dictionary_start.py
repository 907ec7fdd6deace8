# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a dictionary starts: the one of all that its options allow with the least squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

from nnabla_compress.kernels.chosen_entries import chosen_entries
from nnabla_compress.kernels.exact_k_means import best_entries
from nnabla_compress.kernels.sorted_cells import Cells, sorted_cells
from nnabla_compress.quantizers.dictionaries import (
    grid_scale,
    nearest_on_grid,
    nearest_power_of_two,
    prune_threshold,
)

if TYPE_CHECKING:
    from nnabla_compress.quantizers.lut import LUT

# Powers of two below the largest magnitude that are looked at, for each sign.
_OCTAVES = 40
# Candidates of a grid that are chosen from; a finer one loses next to nothing by rounding.
_MOST_CANDIDATES = 512
# Largest magnitudes of a grid that are tried, as parts of that of the free optimum.
_PEAKS = np.geomspace(0.4, 1.25, 17)


def initial_dictionary(
    quantizer: LUT, values: np.ndarray, weights: Optional[np.ndarray] = None
) -> np.ndarray:
    """Returns the dictionary of the least summed squared error, sorted, float32, shape (K,).

    Free values are those of exact k-means (:mod:`nnabla_compress.kernels.exact_k_means`), powers of
    two the best of all, a scale of binary or ternary likewise. A grid takes the best whole
    numbers for the best of a few scales. Weights of no more distinct values than entries keep these
    values.

    Args:
        quantizer: The options.
        values: Finite float32 weights.
        weights: What each one's squared error counts, positive, of the same shape; None for 1.

    Example:
        >>> from nnabla_compress.quantizers import LUT
        >>> values = np.float32([-1, -0.8, 0.1, 0.9, 1.1, 7])
        >>> [round(float(entry), 3) for entry in initial_dictionary(LUT(bits=2), values)]
        [-0.9, 0.1, 1.0, 7.0]
        >>> initial_dictionary(LUT(bits=2, dictionary="pow2"), values).tolist()
        [-1.0, 0.125, 1.0, 8.0]
    """
    chosen = values
    if quantizer.prune:
        kept = np.abs(values) > prune_threshold(values, quantizer.prune)
        chosen, weights = values[kept], None if weights is None else weights[kept]
    cells = sorted_cells(chosen, weights)
    signs = quantizer.signs
    if signs is not None:
        entries = np.array(signs) * (_scale(quantizer, cells) if quantizer.scaled else 1.0)
    else:
        entries = _entries(quantizer, cells)
    if quantizer.grid_bits is not None:
        entries = _on_grid(quantizer, cells, entries)
    return np.sort(entries).astype(np.float32) + np.float32(0)


def _scale(quantizer: LUT, cells: Cells) -> float:
    """The best a of {-a, a}, or of {-a, 0, a}: the mean of the magnitudes that take it."""
    magnitudes = _magnitudes(cells)
    weight, first = (s[-1] - s[:-1] for s in (magnitudes.weight, magnitudes.first))
    if not len(weight):
        return 1.0
    sums = first + magnitudes.centre * weight
    # Of {-a, 0, a} the largest magnitudes take a: what they save is their sum times their mean.
    chooses = quantizer.has_zero and not quantizer.prune
    start = int((sums * sums / weight).argmax()) if chooses else 0
    return float(sums[start] / weight[start]) or 1.0


def _magnitudes(cells: Cells) -> Cells:
    """The cells with their values' signs taken off."""
    return sorted_cells(np.abs(cells.values), np.diff(cells.weight))


def _entries(quantizer: LUT, cells: Cells) -> np.ndarray:
    count = quantizer.entries - int(quantizer.has_zero)
    # Where weights are pruned, zero takes these and no others.
    takes_zero = quantizer.has_zero and not quantizer.prune
    if not cells.values.any():
        # On both sides of zero, so that weights that training moves either way find an entry.
        entries = np.linspace(-1e-6, 1e-6, count)
        if quantizer.dictionary == "pow2":
            entries = nearest_power_of_two(entries)
    elif quantizer.dictionary == "pow2":
        entries = _powers_of_two(cells, count, takes_zero)
    else:
        found = best_entries(cells, count, takes_zero)
        entries = found[np.arange(count) * len(found) // count]
    if not quantizer.has_zero:
        return entries
    # The zero entry is found as the smallest one: the others start away from it.
    tiny = float(np.abs(cells.values).max(initial=0)) * 1e-3 or 1e-6
    return np.append(np.where(entries == 0, tiny, entries), 0.0)


def _powers_of_two(cells: Cells, count: int, takes_zero: bool) -> np.ndarray:
    largest = int(np.floor(np.log2(np.abs(cells.values).max()))) + 1
    lowest = int(np.clip(largest - max(count, _OCTAVES), -126, 127))
    highest = int(np.clip(largest, lowest + count // 2, 127))
    powers = 2.0 ** np.arange(lowest, highest + 1)
    candidates = np.concatenate([-powers[::-1], [0.0] if takes_zero else [], powers])
    if not takes_zero:
        return chosen_entries(cells, candidates, count)
    zero = len(powers)
    chosen = chosen_entries(cells, candidates, count + 1, zero)
    return chosen[chosen != 0]


def _on_grid(quantizer: LUT, cells: Cells, entries: np.ndarray) -> np.ndarray:
    bits = quantizer.grid_bits
    assert bits is not None

    def error(dictionary: np.ndarray) -> float:
        return cells.error(np.sort(dictionary[dictionary != 0] if quantizer.prune else dictionary))

    peak = float(np.abs(entries).max())
    tried = [nearest_on_grid(entries, bits)]
    codes = np.arange(1 - 2 ** (bits - 1), 2 ** (bits - 1))
    if quantizer.signs is None and len(codes) <= _MOST_CANDIDATES and cells.values.any():
        crowded = len(codes) < 4 * quantizer.entries
        for part in (1.0, *_PEAKS) if crowded else (1.0,):
            tried.append(_of_grid(quantizer, cells, codes * grid_scale(part * peak, bits)))
    return min(tried, key=error)


def _of_grid(quantizer: LUT, cells: Cells, grid: np.ndarray) -> np.ndarray:
    """The best entries of a grid; if it is smaller than the dictionary, the last is repeated."""
    pruned = bool(quantizer.prune)
    candidates = grid[grid != 0] if pruned else grid
    count = min(quantizer.entries - int(pruned), len(candidates))
    needed = len(grid) // 2 if quantizer.has_zero and not pruned else -1
    chosen = candidates
    if count < len(candidates):
        chosen = chosen_entries(cells, candidates, count, needed)
    if pruned:
        chosen = np.append(chosen, 0.0)
    return np.append(chosen, np.full(quantizer.entries - len(chosen), chosen[count - 1]))
