# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Shares that mean something, importances and methods that there are."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.search import Shares


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("option", ["channels", "ranks"])
def test_a_share_out_of_range_is_refused(option, share):
    with pytest.raises(ConfigError, match=f"{option}: {share:g} is no share") as refused:
        Shares(**{option: [0.5, share]})
    assert "above 0 and below 1" in refused.value.help


@pytest.mark.parametrize(
    "options, words",
    [
        ({"channels": [0.5], "importance": "l3"}, "unknown importance 'l3'"),
        ({"channels": [0.5], "importance": "taylor:sample=3"}, "sample"),
        ({"channels": [0.5], "importance": "taylor:samples"}, "samples' has no value"),
        ({"ranks": [0.5], "method": "spatiall"}, "unknown method 'spatiall'"),
        ({"ranks": [0.5], "method": "svd,"}, "unknown method ''"),
    ],
)
def test_what_there_is_not_is_refused_with_names(options, words):
    with pytest.raises(ConfigError, match=words) as refused:
        Shares(**options)
    assert refused.value.help


def test_options_of_an_importance_stand_behind_its_name():
    assert Shares(channels=[0.5], importance="random:seed=3").ranking().seed == 3
    assert Shares(ranks=[0.5], method="svd, tucker").methods == ["svd", "tucker"]


def test_what_is_not_asked_for_is_not_refused():
    assert Shares(importance="nothing", method="nothing").how == {}
