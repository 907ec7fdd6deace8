# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The zoo by name."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import MODELS, build, check_options
from nnabla_compress.node_graph import NodeGraph
from nnabla_compress.training.evaluate import outputs_of


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_builds_and_each_output_gives_one_logit_a_class(name):
    x, options = nn.Variable((2, 3, 32, 32)), {}
    if name == "graph_convolution":
        path = NodeGraph.checked(np.eye(3), [[0, 1], [1, 2]], "a path of three nodes")
        x, options = nn.Variable((2, 1)), {"graph": path}
    if name == "transformer":
        x = nn.Variable((2, 16))
    made = outputs_of(build(name, x, 7, test=True, **options))
    assert {y.shape for y in made.values()} == {(2, 7)}
    assert len(made) == (6 if name == "ranet" else 1)


def test_a_number_of_blocks_is_an_option_where_the_name_does_not_say_it():
    check_options("transformer", {"depth": 3})


def test_an_unknown_model_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown model 'lenett'") as caught:
        build("lenett", nn.Variable((1, 3, 32, 32)), 10)
    assert "did you mean 'lenet'" in str(caught.value)


@pytest.mark.parametrize("name, option", [("mlp", "hiden"), ("resnet20", "depth"), ("mlp", "test")])
def test_an_unknown_option_is_refused_with_the_known_ones(name, option):
    with pytest.raises(ConfigError, match=f"model {name} has no option '{option}'"):
        check_options(name, {option: 1})
