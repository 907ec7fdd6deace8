# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Every test starts from NNabla's own state: no parameters, seeded, CPU, static graphs."""

from __future__ import annotations

import functools
import os

import nnabla as nn
import nnabla.random
import nnabla.utils.converter
import numpy as np
import pytest

# Workers of pytest-xdist tell their processes that they have 80 columns.
os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def fresh_nnabla():
    """Clears parameters before and after a test, seeds, and puts the graph mode back."""
    nn.clear_parameters()
    nnabla.random.prng = np.random.RandomState(313)
    nnabla.random.set_function_seed(313)
    yield
    nn.set_auto_forward(False)
    nn.clear_parameters()


@pytest.fixture(autouse=True, scope="session")
def quick_conversions():
    """Lets NNabla's converter read its table of functions once, not at every conversion."""
    read = nnabla.utils.converter.get_function_info
    nnabla.utils.converter.get_function_info = functools.lru_cache(maxsize=None)(read)
    yield
    nnabla.utils.converter.get_function_info = read


@pytest.fixture
def rng():
    """A seeded generator."""
    return np.random.RandomState(0)


def _reference_step(values, dictionary):
    flat = np.asarray(values, np.float64).ravel()
    entries = np.asarray(dictionary, np.float64)
    codes = np.empty(flat.size, np.int64)
    for start in range(0, flat.size, 10000):
        part = flat[start : start + 10000, None]
        codes[start : start + 10000] = np.abs(part - entries).argmin(axis=1)
    means = entries.copy()
    for k in np.unique(codes):
        means[k] = flat[codes == k].mean()
    return codes.reshape(np.shape(values)), means


@pytest.fixture
def reference_step():
    """One k-means step as the definition says it, in NumPy float64, one distance at a time.

    A value half way between two entries goes to the lower one; empty clusters keep their entry.
    """
    return _reference_step
