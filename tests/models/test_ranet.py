# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The counts are those that the authors' own network and counter give (arXiv:2003.07326)."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.operations import exit_costs
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import functions
from nnabla_compress.models import build, ranet

PAPER = {
    "lg": (
        {},
        [8360714, 21765140, 32844062, 41523752, 53225778, 58921020],
        [347050, 876660, 1270165, 1754271, 2130143, 2547601],
    ),
    "even": (
        {"step": 4, "steps": "even"},
        [13438730, 28907540, 42279710, 47982632, 58278898, 61272316],
        [468106, 1071444, 1474420, 1866078, 2163276, 2451158],
    ),
    "eight exits": (
        {"step": 4, "steps": "even", "scales": (1, 2, 3, 3), "factors": (4, 2, 1, 1)},
        [15814410, 31283220, 44655390, 50358312, 60654578, 63647996, 90173958, 94904592],
        [470442, None, None, None, None, None, None, 3261830],
    ),
}
SMALL = {"maps": 4, "growth": 4, "scales": (1, 2), "factors": (2, 1), "classifier_maps": 8}


@pytest.mark.parametrize("name", PAPER)
def test_operations_and_parameters_of_each_exit_are_those_of_the_paper(name):
    options, operations, parameters = PAPER[name]
    exits = ranet(nn.Variable((1, 3, 32, 32)), 10, test=True, **options)
    found = exit_costs(list(exits.values()))
    assert [each.operations for each in found] == operations
    for each, expected in zip(found, parameters):
        assert expected in (None, each.parameters)


def test_a_hundred_classes_take_more_in_the_classifiers_only():
    found = exit_costs(list(ranet(nn.Variable((1, 3, 32, 32)), 100, test=True).values()))
    assert found[0].operations == 8372324
    assert tuple(found[-1]) == (58990680, 2617261)


def test_it_is_a_model_of_the_zoo_for_images_of_any_size():
    exits = build("ranet", nn.Variable((2, 1, 8, 8)), 10, **SMALL)
    assert list(exits) == ["exit1", "exit2", "exit3", "exit4"]
    assert all(y.shape == (2, 10) for y in exits.values())


def test_an_exit_needs_nothing_of_the_sub_networks_behind_it():
    exits = ranet(nn.Variable((1, 1, 8, 8)), 10, test=True, **SMALL)
    sizes = [len(functions([y])) for y in exits.values()]
    assert sizes == sorted(sizes)
    types = {f.info.type_name for f in functions([exits["exit2"]])}
    assert "Interpolate" not in types


def test_maps_of_the_sub_network_before_are_brought_to_size_with_aligned_corners():
    exits = ranet(nn.Variable((1, 1, 8, 8)), 10, test=True, **SMALL)
    found = [f for f in functions([exits["exit4"]]) if f.info.type_name == "Interpolate"]
    assert found and all(f.info.args["align_corners"] for f in found)
    x = nn.Variable.from_numpy_array(np.arange(4.0).reshape(1, 1, 2, 2))
    y = F.interpolate(x, output_size=(3, 3), mode="linear", align_corners=True)
    y.forward()
    np.testing.assert_allclose(y.d[0, 0], [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"steps": "odd"}, "steps is 'odd'"),
        ({"scales": (1, 3)}, "scales are"),
        ({"scales": (1, 2), "factors": (2,)}, "factors are"),
        ({"growth": 0}, "growth is 0"),
        ({"growth": 2}, "add 2 channels"),
        ({"scales": (1, 2, 3, 4, 5), "factors": (1,) * 5}, "divisible by 16"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        ranet(nn.Variable((1, 1, 8, 8)), 10, **options)
