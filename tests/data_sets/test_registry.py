# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sources by name and their options."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress import data
from nnabla_compress.errors import ConfigError


def test_an_unknown_source_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown data source 'cifar'") as caught:
        data.load("cifar")
    assert "'cifar10'" in str(caught.value)


def test_an_unknown_option_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="no option 'paht'") as caught:
        data.load("mnist", paht="x")
    assert "did you mean 'path'" in str(caught.value)


def test_a_missing_option_is_named():
    with pytest.raises(ConfigError, match="npz needs 'path'"):
        data.load("npz")


def test_paths_start_at_the_folder_and_a_part_is_held_out(tmp_path):
    x, y = np.arange(10.0).reshape(10, 1), np.zeros(10)
    np.savez(tmp_path / "set.npz", x_train=x, y_train=y)
    loaded = data.load("npz", path="set.npz", folder=tmp_path, validation=0.3, seed=1)
    assert len(loaded.split("train")) == 7 and len(loaded.split("validation")) == 3
