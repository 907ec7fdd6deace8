# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Energies of singular values, and the ranks that keep a part of them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.decompositions import (
    evbmf,
    mode_values,
    rank_of_energy,
    singular_values,
    spatial_matrix,
    tails,
)

DATA = Path(os.environ.get("NNABLA_COMPRESS_DATA", ""))


def test_tails_go_from_all_to_nothing():
    np.testing.assert_allclose(tails(np.array([3.0, 2, 1])), [14, 5, 1, 0])


@pytest.mark.parametrize(
    "energy, rank", [(0.01, 1), (9 / 14, 1), (0.65, 2), (13 / 14, 2), (0.93, 3), (1, 3)]
)
def test_the_least_rank_that_keeps_the_energy_is_taken(energy, rank):
    assert rank_of_energy(np.array([3.0, 2, 1, 0]), energy) == rank


def test_rank_one_of_the_small_example_keeps_nine_tenths():
    values = singular_values(np.array([[3.0, 0], [4, 5], [0, 0]]))
    assert values[0] ** 2 / np.square(values).sum() == pytest.approx(0.9)
    assert rank_of_energy(values, 0.9) == 1


@pytest.mark.skipif(not (DATA / "oracles").is_dir(), reason="needs the trained ResNet-20")
def test_the_ranks_of_the_trained_resnet20_are_those_of_the_table():
    with open(DATA / "oracles" / "pruning" / "resnet20_ranks.csv") as file:
        rows = list(csv.DictReader(file))
    nn.load_parameters(str(DATA / "models" / "resnet20_cifar10.h5"))
    parameters = nn.get_parameters(grad_only=False)
    assert len(rows) == 19
    for row in rows:
        weight = parameters[row["layer"]].d.astype(np.float64)
        by_output, by_input = (
            np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1) for axis in (0, 1)
        )
        found = {"evbmf_out": evbmf(by_output).rank, "evbmf_in": evbmf(by_input).rank}
        spatial = singular_values(spatial_matrix(weight))
        for name, energy in (("e90", 0.9), ("e95", 0.95)):
            found[f"{name}_out"] = rank_of_energy(mode_values(weight, 0), energy)
            found[f"{name}_in"] = rank_of_energy(mode_values(weight, 1), energy)
            found[f"{name}_spatial"] = rank_of_energy(spatial, energy)
        assert found == {name: int(row[name]) for name in found}, row["layer"]
