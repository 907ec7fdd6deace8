# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The real digits of scikit-learn."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from nnabla_compress.data.digits import digits
from nnabla_compress.errors import ConfigError


def test_the_split_is_stratified_disjoint_and_always_the_same():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    one, two = digits(), digits()
    assert one.train.x.tobytes() == two.train.x.tobytes()
    counts = np.bincount(one.test.y), np.bincount(one.train.y)
    assert np.abs(counts[0] / (counts[0] + counts[1]) - 0.2).max() < 0.01
    whole = np.concatenate([one.train.x, one.test.x]).reshape(-1, 64)
    expected = datasets.load_digits().data / 16
    assert sorted(map(bytes, whole)) == sorted(map(bytes, expected.astype(np.float32)))
    assert one.train.x.min() == 0 and one.train.x.max() == 1 and one.n_classes == 10


def test_without_scikit_learn_the_package_is_named(monkeypatch):
    real = builtins.__import__

    def absent(name, *arguments, **keywords):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match="scikit-learn") as caught:
        digits()
    assert "pip install scikit-learn" in str(caught.value)
