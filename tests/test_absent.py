# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Modules that NNabla looks for in vain are looked for no more."""

from __future__ import annotations

import _frozen_importlib
import importlib
import sys

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.graph  # noqa: F401 - which ends the searches
from nnabla_compress import absent


@pytest.fixture
def searched(monkeypatch):
    """Names of modules that are looked for, whether in vain or not."""
    names = []
    look = _frozen_importlib._find_and_load

    def note(name, *others):
        names.append(name)
        return look(name, *others)

    monkeypatch.setattr(_frozen_importlib, "_find_and_load", note)
    return names


def test_nobody_searches_for_a_module_when_a_function_is_called(searched):
    x = nn.Variable.from_numpy_array(np.float32([[1, -2]]))
    x.need_grad = True
    y = F.sum(F.relu(x) + F.reshape(x[0], (1, 2)))
    y.forward()
    y.backward()
    assert y.d == 0 and x.g.tolist() == [[2, 1]]
    assert nn.get_current_context().backend == ["cpu:float"]
    assert searched == []


@pytest.mark.parametrize("name", sorted({**absent._PACKAGES, **absent._MODULES}))
def test_the_module_that_is_sought_does_not_exist(name, monkeypatch):
    for known in {**absent._PACKAGES, **absent._MODULES}:
        monkeypatch.delitem(sys.modules, known)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_a_stand_in_has_what_the_package_has_and_loads_none_of_its_modules_again():
    stand_in = sys.modules["nnabla.nnabla"]
    assert stand_in.Variable is nn.Variable and stand_in.functions is F
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nnabla.nnabla.parameter")
