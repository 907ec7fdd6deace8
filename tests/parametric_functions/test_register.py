# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers beside those of NNabla."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest

import nnabla_compress.parametric_functions as CPF
from nnabla_compress.errors import ConfigError


def test_layers_stand_beside_those_of_nnabla_once_it_is_asked_for(monkeypatch):
    layers = [name for name in CPF.__all__ if name != "register"]
    for name in layers:  # another test may have asked for them
        monkeypatch.delattr(PF, name, raising=False)
    before = set(vars(PF))
    try:
        monkeypatch.setattr(PF, "lutq_affine", lambda x: x, raising=False)
        with pytest.raises(ConfigError, match="has another lutq_affine already"):
            CPF.register()
        assert not hasattr(PF, "lutq_convolution"), "nothing was put there"
        monkeypatch.undo()
        for _ in range(2):
            assert CPF.register() == layers
        nn.clear_parameters()
        y = PF.lutq_affine(nn.Variable((2, 4)), 3, bits=2, name="fc")
        assert y.shape == (2, 3) and "fc/affine/W" in nn.get_parameters()
    finally:
        for name in set(vars(PF)) - before:
            delattr(PF, name)
