# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from nnabla_compress.embeddings.adjacency import Adjacency
from nnabla_compress.kernels.random_walks import _most_visited, most_visited
from tests.embeddings import plain_walks


def graph(nodes, edges, seed=0):
    rng = np.random.RandomState(seed)
    ends = rng.randint(nodes, size=(edges, 2))
    return Adjacency.checked(ends[ends[:, 0] != ends[:, 1]], nodes, "random graph")


def visits(of, starts, wanted=4, counted=None, walks=20, length=4, restart=0.5, seed=0):
    found, times = (np.empty((len(starts), wanted), np.int32) for _ in range(2))
    most_visited(
        of.indptr,
        of.indices,
        np.asarray(starts, np.int64),
        len(of) if counted is None else counted,
        walks,
        length,
        restart,
        seed,
        found,
        times,
    )
    return found, times


@pytest.mark.parametrize("restart", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("counted", [40, 15])
def test_they_are_those_of_a_plain_loop(restart, counted):
    of, starts = graph(40, 70), list(range(40))
    neighbours = [of.indices[a:b].tolist() for a, b in zip(of.indptr, of.indptr[1:])]
    expected = plain_walks.most_visited(neighbours, starts, counted, 4, 20, 4, restart, 7)
    found, times = visits(of, starts, counted=counted, restart=restart, seed=7)
    assert [list(zip(*rows)) for rows in zip(found.tolist(), times.tolist())] == expected


def test_a_node_s_visits_do_not_depend_on_who_else_is_asked_for():
    of = graph(300, 900)
    found, times = visits(of, np.arange(300))
    some, its = visits(of, [250, 3, 77])
    np.testing.assert_array_equal(found[[250, 3, 77]], some)
    np.testing.assert_array_equal(times[[250, 3, 77]], its)


def test_seeds_differ_and_one_seed_is_the_same_again():
    of = graph(100, 400)
    first, again, other = (visits(of, np.arange(100), seed=seed)[0] for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_with_restarts_at_every_step_only_neighbours_are_visited_and_each_alike():
    star = Adjacency.checked([[0, n] for n in range(1, 5)], 5, "star")
    found, times = visits(star, [0], walks=4000, length=2, restart=1.0)
    assert sorted(found[0]) == [1, 2, 3, 4] and times.sum() == 8000
    np.testing.assert_allclose(times[0] / 8000, 0.25, atol=0.02)  # 4 standard deviations


def test_a_node_without_neighbours_has_none():
    found, times = visits(Adjacency.checked([[0, 1]], 3, "a pair and one alone"), [2])
    assert found.tolist() == [[2] * 4] and times.tolist() == [[0] * 4]


def test_the_parts_of_threads_give_the_same_as_one():
    of = graph(500, 2000)
    starts = np.arange(500)
    alone, its = visits(of, starts)
    for parts in (2, 3):
        found, times = (np.empty_like(alone) for _ in range(2))
        scratch = np.zeros((parts, 500), np.int32), np.empty((parts, 500), np.int32)
        half = np.uint64(2**31)
        _most_visited.together(
            of.indptr, of.indices, starts, 500, 20, 4, half, np.uint64(0), *scratch, found, times
        )
        assert found.tobytes() == alone.tobytes() and times.tobytes() == its.tobytes()


THREADED = """
import zlib
import numpy as np
from tests.kernels.test_random_walks import graph, visits
found, times = visits(graph(30000, 120000), np.arange(30000))
print(zlib.crc32(found.tobytes()), zlib.crc32(times.tobytes()))
"""


@pytest.mark.long
def test_any_number_of_threads_gives_the_same_bits():
    said = set()
    for threads in ("1", "2", "4"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", THREADED], env=environment, stdout=subprocess.PIPE, check=True
        )
        said.add(done.stdout)
    assert len(said) == 1
