# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of the policies."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.search.policies import POLICIES


@pytest.mark.parametrize("name", list(POLICIES))
def test_it_begins_undecided_and_the_same_seed_begins_the_same(name):
    found = []
    for _ in range(2):
        policy = POLICIES[name](3, 5, seed=1)
        with nn.parameter_scope("", policy.scope):
            memory = [nn.Variable.from_numpy_array(each) for each in policy.memory(4)]
            logits, value, after = policy.step(nn.Variable.from_numpy_array(np.eye(4, 3)), memory)
            nn.forward_all([logits, value, *after])
        assert logits.shape == (4, 5) and value.shape == (4, 1)
        assert np.ptp(logits.d) < 0.1
        found.append(logits.d.copy())
    assert np.array_equal(*found) and not nn.get_parameters()


def test_the_lstm_remembers():
    policy = POLICIES["lstm"](2, 3, seed=0)
    first, second = nn.Variable((1, 2)), nn.Variable((1, 2))
    first.d, second.d = 0, 0
    with nn.parameter_scope("", policy.scope), nn.auto_forward(False):
        memory = [nn.Variable.from_numpy_array(each) for each in policy.memory(1)]
        logits, _, _ = policy.step(second, policy.step(first, memory)[2])
    logits.forward()
    before = logits.d.copy()
    first.d = 1
    logits.forward()
    assert not np.allclose(before, logits.d, atol=1e-6)
