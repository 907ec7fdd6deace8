# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The walks as a plain loop of Python: what the kernel must give, and what its speed is told by."""

from __future__ import annotations

from collections import Counter

_ALL = 2**64 - 1
_STRIDE = 0x9E3779B97F4A7C15


def mixed(state):
    """The output of SplitMix64 for a state."""
    z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _ALL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _ALL
    return z ^ (z >> 31)


def most_visited(neighbours_of, starts, counted, wanted, walks, length, restart, seed):
    """For each start its most visited nodes and their counts, the most visited first."""
    found = []
    for start in starts:
        state = mixed((seed + mixed(start + _STRIDE & _ALL)) & _ALL)
        visits = Counter()
        for _ in range(walks if neighbours_of[start] else 0):
            node = start
            for step in range(length):
                state = state + _STRIDE & _ALL
                draw = mixed(state)
                if step and (draw & 0xFFFFFFFF) < int(restart * 2**32):
                    node = start
                choices = neighbours_of[node]
                node = choices[(draw >> 32) * len(choices) >> 32]
                if node != start and node < counted:
                    visits[node] += 1
        best = sorted(visits.items(), key=lambda item: (-item[1], item[0]))[:wanted]
        best += [(start, 0)] * (wanted - len(best))
        found.append(best)
    return found
