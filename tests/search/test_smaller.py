# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Steps that make a network smaller, and a scope that stays as it was."""

from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.graph.network import Network
from nnabla_compress.recipes.step import steps_of
from nnabla_compress.search.smaller import Smaller, parameters_aside


@pytest.fixture
def network():
    nn.clear_parameters()
    x = nn.Variable((2, 12))
    y = PF.affine(PF.affine(PF.affine(x, 8, name="a[0]"), 12, name="b"), 3, name="c")
    yield Network({"x": x}, {"y": y})
    nn.clear_parameters()


def test_channels_go_before_layers_are_factorized_and_the_scope_stays(network):
    before = dict(nn.get_parameters(grad_only=False))
    smaller = Smaller({"b/affine": [0, 1]}, {"a[0]/affine": {"method": "svd", "ranks": [2]}})
    with parameters_aside():
        made = smaller.of(network)
        shapes = {path: v.shape for path, v in nn.get_parameters(grad_only=False).items()}
    assert shapes["b/affine/W"] == (8, 10) and shapes["c/affine/W"] == (10, 3)
    assert (12, 2) in shapes.values() and (2, 8) in shapes.values()
    assert made.output.shape == (2, 3)
    assert nn.get_parameters(grad_only=False) == before


def test_methods_of_several_layers_are_a_step_each_and_names_are_no_patterns():
    said = {name: {"method": "svd", "ranks": [2]} for name in ("a[0]/affine", "b/affine")}
    steps = Smaller({}, {**said, "c": {"method": "tucker", "ranks": [2, 3]}}).steps()
    assert [step.title for step in steps_of(steps)] == ["factorize", "factorize"]
    assert steps[0]["factorize"]["ranks"] == {"a[[]0]/affine": [2], "b/affine": [2]}
    assert steps[1]["factorize"]["method"] == "tucker"


def test_nothing_to_do_is_no_step(network):
    assert Smaller().steps() == [] and Smaller().of(network) is network
