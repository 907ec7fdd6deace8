# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many weights go, which, and what is refused."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.transforms import PruneWeights
from nnabla_compress.transforms.transform import Alone
from tests.importances.small import Given


def small(channels=3):
    """Layers a (3 or so -> 4), b (4 -> 2) and c (2 -> 3), of other sizes."""
    nn.clear_parameters()
    rng = np.random.RandomState(1)
    x = nn.Variable((1, channels))
    h = F.relu(PF.affine(x, 4, name="a"))
    y = PF.affine(F.relu(PF.affine(h, 2, name="b")), 3, name="c")
    for name, weight in nn.get_parameters().items():
        weight.d = {"a": 1, "b": 10, "c": 3}[name[0]] * rng.randn(*weight.shape)
    return Network({"x": x}, {"y": y})


def zeros(network):
    """How many weights of each layer are zero in the network's forward pass."""
    nn.forward_all(network.all_outputs)
    nodes = graph_quantizers(network.all_outputs)
    return {n.info.args["name"]: int((n.outputs[0].d == 0).sum()) for n in nodes}


def pruned(context=None, channels=3, **options):
    return PruneWeights.checked(options).apply(small(channels), context)


@pytest.mark.parametrize("sparsity, expected", [(0.5, 13), (0.55, 14), (0.0, 0), (1 / 3, 8)])
def test_exactly_the_fraction_of_all_weights_goes_rounded_down(sparsity, expected):
    made, decided = pruned(sparsity=sparsity)
    assert sum(zeros(made).values()) == expected
    assert sum(each["pruned"] for each in decided["layers"].values()) == expected


def test_one_ranking_takes_what_is_small_and_layers_apart_take_the_same_of_each():
    made, decided = pruned(sparsity=0.5)
    weights = {name: nn.get_parameters()[f"{name}/W"].d for name in decided["layers"]}
    limit = np.sort(np.abs(np.concatenate([weight.ravel() for weight in weights.values()])))[13]
    expected = {name: int((np.abs(weight) < limit).sum()) for name, weight in weights.items()}
    assert zeros(made) == expected and len(set(expected.values())) == 3
    apart = zeros(pruned(sparsity=0.5, across="layers")[0])
    assert apart == {"a/affine": 6, "b/affine": 4, "c/affine": 3}


def test_fractions_by_name():
    found = zeros(pruned(sparsity={"*": 0.25, "b*": 0.75})[0])
    assert found == {"a/affine": 3, "b/affine": 6, "c/affine": 1}


def test_the_smallest_weights_go():
    network = small()
    weight = nn.get_parameters()["a/affine/W"].d.copy()
    made, _ = PruneWeights(sparsity=0.5, layers="a*").apply(network)
    made.output.forward()
    (node,) = graph_quantizers([made.output])
    order = np.argsort(np.abs(weight).ravel())
    assert set(np.flatnonzero(node.outputs[0].d == 0)) == set(order[:6])


def test_a_pattern_leaves_layers_that_it_does_not_divide_alone():
    made, decided = pruned(pattern="1:4", channels=4)
    assert zeros(made) == {"a/affine": 12, "b/affine": 6} and "mask" not in str(decided)
    assert PruneWeights(pattern="1:4").told(decided) == (
        "prune_weights: 18 of 24 weights become zero; c/affine stay as they are"
    )


def test_an_importance_that_magnitudes_do_not_follow_says_which_weights_go():
    network = small()
    transform = PruneWeights.checked({"sparsity": 0.5, "importance": "random", "layers": "a*"})
    made, decided = transform.apply(network, Given(seed=3))
    first = zeros(made)
    mask = made.parameters["a/affine/prune/mask"].d.copy()
    nn.parameter.pop_parameter("a/affine/prune/mask")
    again = transform.replay(small(), decided)
    assert zeros(again) == first == {"a/affine": 6}
    assert (again.parameters["a/affine/prune/mask"].d == mask).all()
    assert (transform.decide(small(), Given(seed=4)))["layers"] != decided["layers"]


def test_snip_looks_at_one_batch():
    x = np.random.RandomState(0).randn(20, 3)
    context = Given(x, np.ones((20, 3)))
    made, decided = pruned(context, sparsity=0.5, importance={"snip": {"samples": 16}})
    assert sum(zeros(made).values()) == 13 and "mask" in str(decided)


def test_weights_stay_at_zero_unless_they_may_come_back():
    for regrow in (False, True):
        made, _ = pruned(sparsity=0.5, layers="a*", regrow=regrow)
        (node,) = graph_quantizers([made.output])
        assert node.info.args["fixed"] is not regrow


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "nothing is to be pruned"),
        ({"sparsity": 0.5, "pattern": "2:4"}, "said twice"),
        ({"sparsity": 1.0}, "sparsity is 1, it is the fraction that goes"),
        ({"sparsity": -0.1}, "sparsity is -0.1"),
        ({"sparsity": {"fc*": 1.5}}, r"sparsity of 'fc\*' is 1.5"),
        ({"sparsity": {}}, "sparsity names no layers"),
        ({"pattern": "4:2"}, "4 of every 2"),
        ({"sparsity": 0.5, "across": "all"}, "across is 'all'"),
        ({"sparsity": 0.5, "importance": "l3"}, "unknown importance 'l3'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PruneWeights.checked(options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sparsity": 0.5, "layers": "d*"}, r"no layer that can be pruned matches 'd\*'"),
        ({"sparsity": {"d*": 0.5}}, r"no layer that can be pruned matches 'd\*'"),
        ({"pattern": "2:64"}, "no chosen layer has a multiple of 64"),
        ({"sparsity": 0.97}, "would lose all of its"),
        ({"sparsity": 0.5, "importance": "fpgm"}, "fpgm compares channels"),
        ({"sparsity": 0.5, "importance": "random", "regrow": True}, "chosen by magnitude"),
    ],
)
def test_what_does_not_fit_the_network_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        pruned(**options)


def test_a_dead_layer_is_refused_by_name():
    network = small()
    nn.get_parameters()["b/affine/W"].d = 0
    with pytest.raises(ConfigError, match="l1 is 0 for all of b/affine: the layer is dead"):
        PruneWeights(sparsity=0.5).apply(network)


def test_weights_that_are_not_finite_are_refused_by_name():
    network = small()
    nn.get_parameters()["b/affine/W"].d[0] = np.nan
    with pytest.raises(ConfigError, match="NaN or infinite for 2 of 8 in b/affine"):
        PruneWeights(sparsity=0.5).apply(network)


def test_what_is_pruned_already_is_not_pruned_again():
    made, _ = pruned(sparsity=0.5)
    with pytest.raises(ConfigError, match="is quantized already, by MagnitudePrune") as error:
        PruneWeights(sparsity=0.8).apply(made)
    assert "gradual" in error.value.help


def test_without_data_it_says_what_the_importance_needs():
    transform = PruneWeights.checked({"sparsity": 0.5, "importance": "taylor"})
    assert "taylor" in transform.need_of_data() and transform.needs_targets
    with pytest.raises(DataError, match="taylor"):
        transform.apply(small(), Alone())
    assert transform.rehearsed.apply(small())[1]["layers"]["a/affine"]["of"] == 12
