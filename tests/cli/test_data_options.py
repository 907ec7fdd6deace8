# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Options of the verbs that take data."""

from __future__ import annotations

import click
import pytest

from nnabla_compress.cli.data_options import data_of_run, data_options, taken
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.quick_data import DataOptions


def test_a_verb_gets_the_options_in_their_order():
    @click.command()
    @data_options("what it is", None)
    def verb(**options):
        pass

    assert [option.name for option in verb.params] == ["data", "scale", "mean", "std"]


def test_what_is_not_said_is_as_the_class_has_it():
    options = {"data": None, "loss": "SquaredError", "seed": None, "epochs": 3}
    assert taken(DataOptions, options) == DataOptions(loss="SquaredError")
    assert options == {"epochs": 3}


def test_what_a_run_says_itself_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a run knows its loss"):
        data_of_run(tmp_path, None, loss="SquaredError", data=None)
    with pytest.raises(ConfigError, match="--seed is for data that are given"):
        data_of_run(tmp_path, None, seed=1, data=None)
    assert data_of_run(tmp_path, None, data=None, training=True) is None
