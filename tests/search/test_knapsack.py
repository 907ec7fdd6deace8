# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import LUT
from nnabla_compress.search.knapsack import Knapsack
from nnabla_compress.search.sampler import Proposal, Trial


def network(**first):
    """Weights: 8 x 4 + 4 biases, then 4 x 2 + 2 biases."""
    nn.clear_parameters()
    x = nn.Variable((1, 8))
    h = F.relu(PF.affine(x, 4, name="a", **first))
    return Network({"x": x}, {"y": PF.affine(h, 2, name="b")})


def test_a_budget_below_the_codes_and_the_biases_is_refused_before_the_first_trial():
    # 40 codes of 2 bits, 6 floats.
    sampler = Knapsack(bits=[4, 2])
    assert sampler.propose(network(), [], 34) is not None
    with pytest.raises(InfeasibleBudgetError, match=r"at most 33 B .* at least 34 B"):
        sampler.propose(network(), [], 33)


def test_weights_that_have_a_quantizer_count_with_the_bits_they_will_have():
    sampler = Knapsack(bits=[2])
    assert sampler.propose(network(apply_w=LUT(bits=8)), [], 34) is not None


def test_a_budget_below_what_was_measured_names_both_sizes():
    # 160 bytes of weights, 24 of biases; each layer's codes and table are what its trial saves.
    sampler = Knapsack(bits=[2])
    sizes = [184 - 128 + 24, 184 - 32 + 18]
    trials = [Trial(Proposal({}, False), 0.1, size) for size in sizes]
    with pytest.raises(InfeasibleBudgetError, match=r"at most 40 B .* at least 66 B"):
        sampler.propose(network(), trials, 40)
    best = sampler.propose(network(), trials, 66)
    assert best.options == {"weights": ["a/affine=lut:bits=2", "b/affine=lut:bits=2"]}
