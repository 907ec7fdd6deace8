# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A module that NNabla looks for in vain is looked for no more."""

from __future__ import annotations

import importlib.util
import sys

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.graph  # noqa: F401 - which ends the search


def test_nobody_searches_for_a_module_when_a_function_is_called(monkeypatch):
    searched = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            searched.append(name)

    y = F.tanh(nn.Variable.from_numpy_array(np.ones((1, 4), np.float32)))
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    F.tanh(y)
    assert [name for name in searched if name.startswith("nnabla.nnabla")] == []


def test_the_module_that_is_sought_does_not_exist(monkeypatch):
    monkeypatch.delitem(sys.modules, "nnabla.nnabla.variable")
    with pytest.raises(ModuleNotFoundError):
        importlib.util.find_spec("nnabla.nnabla.variable")
