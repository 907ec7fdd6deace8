# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Modules that NNabla looks for in vain are looked for no more."""

from __future__ import annotations

import importlib.util
import sys

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_compress  # noqa: F401 - which ends the search


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


def test_the_module_that_is_passed_over_does_not_exist(monkeypatch):
    monkeypatch.delitem(sys.modules, "nnabla.nnabla")
    assert importlib.util.find_spec("nnabla.nnabla") is None
