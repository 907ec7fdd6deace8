# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels and ranks go where they count least."""

from __future__ import annotations

import nnabla as nn
import pytest

from nnabla_compress.analysis.costs import costs
from nnabla_compress.fitting.measures.ratios import chosen_ratios
from nnabla_compress.fitting.question import question_of
from nnabla_compress.search.choices import cost_of
from nnabla_compress.search.measure import measure, scored_network
from nnabla_compress.search.shares import Shares
from nnabla_compress.search.smaller import Smaller, parameters_aside
from tests.fitting.networks import digits


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ratios")
    recipe = question_of(*digits(folder)).plain
    shares = Shares((0.25, 0.5), (0.5,))
    return measure(recipe, folder, (), None, 64, shares=shares)


@pytest.mark.long
def test_they_take_no_more_than_one_share_of_all_channels_and_are_less_noise(found):
    chosen = chosen_ratios(found, 0.25)
    alike = [row for row in found.rows if row.kind == "channels" and row.share == 0.25]
    assert chosen.cost < sum(cost_of(row, "snr") for row in alike)
    # Layers bear different ones.
    assert len({row.share for row in chosen.channels.values()}) > 1 or chosen.ranks
    assert chosen.sizes["weights"] < 32 * found.parameters
    removed = Smaller({row.layer: row.decided["channels"] for row in alike})
    with nn.parameter_scope("", {}):
        network, made = scored_network(found).network, []
        for each in (chosen.smaller, removed):
            with parameters_aside():
                made.append(costs(each.of(network).all_outputs))
    assert made[0].macs <= made[1].macs and made[0].parameters <= made[1].parameters
