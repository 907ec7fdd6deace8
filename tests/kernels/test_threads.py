# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The number of threads is lowered for small tensors only, and always restored."""

from __future__ import annotations

import numba
import pytest

from nnabla_compress.kernels.threads import PARALLEL_FROM, threads_for


def test_small_tensors_take_one_thread_and_large_ones_all():
    before = numba.get_num_threads()
    with threads_for(PARALLEL_FROM - 1):
        assert numba.get_num_threads() == 1
    with threads_for(PARALLEL_FROM):
        assert numba.get_num_threads() == before


def test_the_number_of_threads_is_restored_after_an_error():
    before = numba.get_num_threads()
    with pytest.raises(KeyError), threads_for(1):
        raise KeyError
    assert numba.get_num_threads() == before
