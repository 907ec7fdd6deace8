# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Random walks with restarts from many nodes, and the nodes that each start visits most often.

Each start draws from a generator of its own, made of the seed and its number alone: which thread
walks from it, and in which order, changes nothing. Visits are counted as they happen, so that no
walk is ever stored: a thread holds one count a node of the graph, however many walks there are.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.kernels.threads import PARALLEL_FROM, shared

_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def most_visited(
    indptr: np.ndarray,
    indices: np.ndarray,
    starts: np.ndarray,
    counted: int,
    walks: int,
    length: int,
    restart: float,
    seed: int,
    visited: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Walks from each start, and writes the nodes that its walks visit most often.

    A step goes to a neighbour, each as likely as another; before each step but the first of a walk
    the walk is put back to its start with the probability ``restart``. Visits of the start itself
    do not count. Of nodes with equal counts that with the smaller number comes first.

    Args:
        indptr: int64 (N + 1,): where the neighbours of each node begin.
        indices: int32: the neighbours of all nodes.
        starts: int64 (B,): nodes to walk from.
        counted: Only nodes below this number are counted.
        walks: Walks from each start.
        length: Steps of each.
        restart: 0 to 1.
        seed: Seed of all draws.
        visited: int32 (B, T); overwritten, with the start where fewer nodes were visited.
        counts: int32 (B, T); overwritten, with 0 there.

    Example:
        >>> indptr, indices = np.int64([0, 1, 3, 4]), np.int32([1, 0, 2, 1])  # 0 - 1 - 2
        >>> found, times = np.empty((1, 2), np.int32), np.empty((1, 2), np.int32)
        >>> most_visited(indptr, indices, np.int64([0]), 3, 10, 3, 0.5, 0, found, times)
        >>> found.tolist(), int(times.sum()) <= 30
        ([[1, 2]], True)
    """
    nodes = len(indptr) - 1
    steps = len(starts) * walks * length
    threads = numba.get_num_threads() if steps >= PARALLEL_FROM else 1
    threads = max(1, min(threads, len(starts)))
    _most_visited(
        steps,
        indptr,
        indices,
        starts,
        counted,
        walks,
        length,
        np.uint64(min(int(restart * 2.0**32), 2**32)),
        np.uint64(seed % 2**64),
        np.zeros((threads, nodes), np.int32),
        np.empty((threads, nodes), np.int32),
        visited,
        counts,
    )


@numba.njit(cache=CACHE, nogil=True)
def _mixed(state):  # type: ignore[no-untyped-def]
    """The output of SplitMix64 for a state."""
    z = (state ^ (state >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@shared(nogil=True)
def _most_visited(  # type: ignore[no-untyped-def]
    indptr, indices, starts, counted, walks, length, restart, seed, times, touched, visited, counts
):
    parts, wanted = times.shape[0], visited.shape[1]
    for part in numba.prange(parts):
        seen, order = times[part], touched[part]
        # Each part takes every parts-th start, so that hubs next to each other are shared out.
        for row in range(part, len(starts), parts):
            start = starts[row]
            found = 0
            state = _mixed(seed + _mixed(np.uint64(start) + _STRIDE))
            if indptr[start + 1] > indptr[start]:
                for _ in range(walks):
                    node = start
                    for step in range(length):
                        state += _STRIDE
                        draw = _mixed(state)
                        if step > 0 and (draw & _LOW) < restart:
                            node = start
                        first = indptr[node]
                        degree = np.uint64(indptr[node + 1] - first)
                        if degree == np.uint64(0):  # a node that no edge leaves
                            node = start
                            continue
                        node = np.int64(
                            indices[first + np.int64(((draw >> _S32) * degree) >> _S32)]
                        )
                        if node != start and node < counted:
                            if seen[node] == 0:
                                order[found] = node
                                found += 1
                            seen[node] += 1
            kept = 0
            for i in range(found):
                node, count = order[i], seen[order[i]]
                seen[node] = 0
                if kept == wanted and (
                    count < counts[row, kept - 1]
                    or (count == counts[row, kept - 1] and node > visited[row, kept - 1])
                ):
                    continue
                place = kept if kept < wanted else kept - 1
                while place > 0 and (
                    counts[row, place - 1] < count
                    or (counts[row, place - 1] == count and visited[row, place - 1] > node)
                ):
                    counts[row, place] = counts[row, place - 1]
                    visited[row, place] = visited[row, place - 1]
                    place -= 1
                counts[row, place], visited[row, place] = count, node
                if kept < wanted:
                    kept += 1
            for place in range(kept, wanted):
                counts[row, place], visited[row, place] = 0, start
