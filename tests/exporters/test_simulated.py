# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError, VerifyError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.simulated import simulated
from nnabla_compress.exporters.tolerance import Tolerance
from nnabla_compress.lowering.inference import inference_network
from nnabla_compress.simulator import Machine
from tests.exporters.devices import apart, on_device
from tests.graph.networks import values


@pytest.fixture
def files(tmp_path):
    x = nn.Variable((1, 4))
    y = PF.affine(x, 3, name="fc")
    export_nnp(tmp_path / "net.nnp", {"y": y}, {"x": x})
    return x, y, export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")


def test_the_same_network_agrees(files):
    x, y, nnb = files
    found = on_device(nnb, y, x, {"x": values(20, 4)})
    assert (found.samples, found.found.same_class) == (20, 1.0)
    assert found.found.root_mean_square < 1e-6
    assert "on 20 samples" in str(found) and "the same for 100.0%" in str(found)


def test_without_samples_it_takes_random_numbers(files):
    x, y, nnb = files
    assert on_device(nnb, y, x, {}).samples == 16


def test_another_network_is_found_out(files):
    x, y, nnb = files
    with pytest.raises(VerifyError, match="on the C runtime the network differs by"):
        on_device(nnb, y + 1, x, {"x": values(20, 4)}, tolerance=Tolerance(0.1))


def test_batches_of_the_file_are_filled(tmp_path):
    x = nn.Variable((4, 3, 4, 4))
    y = F.relu(PF.convolution(x, 2, (3, 3), name="c"))
    export_nnp(tmp_path / "net.nnp", {"y": y}, {"x": x}, batch_size=4)
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", batch_size=4)
    found = on_device(nnb, y, x, {"x": values(10, 3, 4, 4)})
    assert found.samples == 8
    assert on_device(nnb, y, x, {"x": values(3, 3, 4, 4)}).samples == 4
    assert found.found.root_mean_square < 1e-6 and found.found.same_class is None


def test_a_missing_file_is_named(files, tmp_path):
    x, y, _ = files
    with pytest.raises(DataError, match="none.nnb"):
        on_device(tmp_path / "none.nnb", y, x, {"x": np.zeros((2, 4))})


def test_without_samples_an_input_of_ids_gets_ids(tmp_path):
    """Other numbers would name no row: each runtime would read what lies beside the table."""
    rng = np.random.RandomState(0)
    table, weight = (
        nn.parameter.get_parameter_or_create(name, shape, initializer=rng.randn(*shape))
        for name, shape in (("e/W", (10, 6)), ("o/W", (30, 3)))
    )
    x = nn.Variable((1, 5))
    y = F.affine(F.embed(x, table), weight)
    export_nnp(tmp_path / "net.nnp", y, x, target="binary-weight")


def test_random_row_numbers_are_those_of_a_table(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 3))
    y = PF.embed(x, 10, 4, name="words")
    nnp, nnb = tmp_path / "words.nnp", tmp_path / "words.nnb"
    export_nnp(nnp, y, x)
    export_nnb(nnb, nnp)
    assert apart(nnb, y, x, {}) < 1e-5


def test_what_the_network_is_known_to_give_is_not_computed_again(files):
    x, y, nnb = files
    given = values(2, 4)
    known = [([given[:1]], [np.float32([[9, 9, 9]])])]
    network = inference_network(x, y, 1)
    found = simulated(Machine(nnb), network, {"x": given}, 2, known=known)
    assert found.samples == 2 and found.found.root_mean_square > 0.5
    assert simulated(Machine(nnb), network, {"x": given[1:]}, 2, known=known).found.largest < 1e-5
