# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many channels go, which, and what is refused."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import costs
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.transforms import PruneChannels


def plain():
    """Convolutions a (3 -> 8) and b (8 -> 4), and fc (4 -> 2); later filters are larger."""
    nn.clear_parameters()
    x = nn.Variable((1, 3, 6, 6))
    h = F.relu(PF.convolution(x, 8, (3, 3), with_bias=False, name="a"))
    h = F.relu(PF.convolution(h, 4, (3, 3), with_bias=False, name="b"))
    y = PF.affine(F.average_pooling(h, (2, 2)), 2, name="fc")
    rng = np.random.RandomState(0)
    for name in "ab":
        weight = nn.get_parameters()[f"{name}/conv/W"]
        sizes = np.arange(1, len(weight.d) + 1).reshape(-1, 1, 1, 1) * (10 if name == "b" else 1)
        weight.d = sizes * np.sign(rng.randn(*weight.shape))
    return Network({"x": x}, {"y": y})


def resnet():
    nn.clear_parameters()
    x = nn.Variable((1, 3, 32, 32))
    return Network({"x": x}, {"y": resnet_cifar(x, 10, test=True)})


def pruned(network=plain, **options):
    made, decided = PruneChannels.checked(options).apply(network())
    found = costs(made.all_outputs)
    assert decided["macs"][1] == found.macs
    return made, decided


def test_the_fraction_of_each_layer_goes_rounded_down_the_smallest_filters_first():
    _, decided = pruned(filters=0.4)
    assert decided["remove"] == {"a/conv": [0, 1, 2], "b/conv": [0]}
    _, by_name = pruned(filters={"a*": 0.5})
    assert by_name["remove"] == {"a/conv": [0, 1, 2, 3]}


def test_it_tells_how_much_goes():
    transform = PruneChannels(filters=0.5)
    _, decided = transform.apply(plain())
    assert transform.told(decided).startswith("prune_channels: 6 of 12 channels go; of the")


def test_one_ranking_divides_what_layers_are_not_compared_by():
    _, apart = pruned(filters=0.5, across="network")
    # Divided by their means a's filters are 2/9 ... 16/9, b's .4 ... 1.6.
    assert apart["remove"] == {"a/conv": [0, 1, 2, 3], "b/conv": [0, 1]}


@pytest.mark.parametrize("across", ["layers", "network"])
@pytest.mark.parametrize("amount", ["macs", "parameters"])
@pytest.mark.parametrize("part", [0.8, 0.5, 0.2])
def test_a_budget_is_met_and_one_channel_more_would_be_too_many(amount, part, across):
    made, decided = pruned(**{amount: part}, across=across)
    before, after = decided[amount]
    assert after <= part * before
    removed = decided["remove"]
    if across == "network":
        # Without the last channel that went the budget is missed: there is one such channel.
        from nnabla_compress.transforms.remove_channels import costs_after

        fewer = [
            {**removed, name: [c for c in channels if c != channel]}
            for name, channels in removed.items()
            for channel in channels
        ]
        left = [getattr(costs_after(plain(), less), amount) for less in fewer]
        assert max(left) > part * before


def test_one_ranking_by_savings_divides_by_the_operations_that_go_with_a_channel():
    # A channel of a saves 3 x 9 x 16 + 4 x 9 x 4 operations, one of b 8 x 9 x 4 + 2: half as many.
    _, by_network = pruned(macs=0.8, across="network")
    _, by_savings = pruned(macs=0.8, across="savings")
    assert by_network["remove"] == {"a/conv": [0, 1], "b/conv": [0]}
    assert by_savings["remove"] == {"a/conv": [0, 1]}


def test_bytes_are_those_of_floats():
    made, decided = pruned(bytes="800 B")
    assert 4 * decided["parameters"][1] <= 800 < 4 * decided["parameters"][0]
    assert 4 * costs(made.all_outputs).parameters <= 800


def test_inner_filters_of_a_residual_network_go_and_the_others_stay():
    made, decided = pruned(resnet, filters=0.5)
    expected = [16 // 2] * 3 + [32 // 2] * 3 + [64 // 2] * 3
    assert [len(channels) for channels in decided["remove"].values()] == expected
    assert all("conv1" in name for name in decided["remove"])
    assert decided["macs"] == [40551040, 20497024]


def test_channels_between_residual_blocks_go_where_they_may():
    _, decided = pruned(resnet, macs=0.5, residual=True)
    assert any("conv2" in name for name in decided["remove"])
    assert decided["macs"][1] <= 0.5 * decided["macs"][0]


def test_the_last_channel_of_a_layer_stays():
    _, decided = pruned(filters=0.99)
    assert {name: len(c) for name, c in decided["remove"].items()} == {"a/conv": 7, "b/conv": 3}


def test_what_was_decided_is_done_again_without_looking_at_values():
    made, decided = pruned(filters=0.4)
    network = plain()
    nn.get_parameters()["a/conv/W"].d = 1
    again = PruneChannels(filters=0.4).replay(network, decided)
    assert again.parameters["a/conv/W"].shape == made.parameters["a/conv/W"].shape == (5, 3, 3, 3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "nothing is to be pruned"),
        ({"filters": 0.5, "macs": 0.5}, "filters and macs both say"),
        ({"filters": 1.0}, "filters is 1, it is the fraction that goes"),
        ({"macs": 1.5}, "macs is 1.5, it is the part that may be left"),
        ({"parameters": 0.0}, "parameters is 0, it is the part"),
        ({"bytes": "much"}, "much"),
        ({"macs": 0.5, "across": "all"}, "across is 'all'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PruneChannels.checked(options)


def test_a_budget_below_what_can_be_reached_says_the_least_and_what_holds_it():
    with pytest.raises(InfeasibleBudgetError) as error:
        pruned(resnet, macs=0.02)
    assert "the least that can be reached is 0.0477, with one channel left in" in str(error.value)
    assert "layer3/block0/conv2/conv: additions join its channels" in error.value.message
    assert "residual: true" in error.value.help
    with pytest.raises(InfeasibleBudgetError, match=r"parameters of 10 B .* reached is \d+ B"):
        pruned(bytes=10)
    with pytest.raises(InfeasibleBudgetError, match="b/conv: it was not chosen"):
        pruned(macs=0.1, layers="a*")


def test_channels_of_the_output_can_not_go():
    with pytest.raises(ConfigError, match="no channel of fc/affine goes: the network's output"):
        pruned(filters=0.5, layers="fc/affine")
    with pytest.raises(ConfigError, match=r"no layer that can be pruned matches 'c\*'"):
        pruned(filters=0.5, layers="c*")


def test_a_network_without_inner_channels_says_why():
    def one_layer():
        nn.clear_parameters()
        x = nn.Variable((1, 3))
        return Network({"x": x}, {"y": PF.affine(x, 2, name="fc")})

    with pytest.raises(ConfigError, match="no channels can go: fc/affine: the network's output"):
        pruned(one_layer, filters=0.5)


def test_a_dead_layer_is_refused_by_name():
    network = plain()
    nn.get_parameters()["a/conv/W"].d = 0
    with pytest.raises(ConfigError, match="l1 is 0 for all of a/conv: the layer is dead"):
        PruneChannels(filters=0.5).apply(network)
