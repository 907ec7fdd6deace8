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
from nnabla_compress.graph.compare import run
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


def convolved(tmp_path, batch_size):
    nn.clear_parameters()
    x = nn.Variable((batch_size, 2, 5, 5))
    h = F.relu(PF.convolution(x, 3, (3, 3), name="c"))
    y = PF.affine(h, 4, name="fc")
    nnp, nnb = tmp_path / "net.nnp", tmp_path / "net.nnb"
    export_nnp(nnp, {"y": y}, {"x": x}, batch_size=batch_size)
    return inference_network(x, y, batch_size), export_nnb(nnb, nnp, batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_many_samples_are_computed_at_once_and_compared_one_by_one(
    tmp_path, monkeypatch, batch_size
):
    network, nnb = convolved(tmp_path, batch_size)
    rows = []

    def counted(inputs, outputs, values):
        rows.append(len(values[0]))
        return run(inputs, outputs, values)

    monkeypatch.setattr("nnabla_compress.exporters.simulated.run", counted)
    given = values(75, 2, 5, 5)
    known = [
        ([given[:batch_size]], run(network.all_inputs, network.all_outputs, [given[:batch_size]]))
    ]
    found = simulated(Machine(nnb), network, {"x": given}, 75, known=known)
    assert found.samples == 75 and found.found.largest < 1e-5
    assert sum(rows) >= 75 - batch_size and max(rows) > batch_size and len(rows) <= 4


def test_a_network_that_mixes_rows_is_run_as_it_is(tmp_path, monkeypatch):
    x = nn.Variable((2, 3))
    y = PF.affine(x - F.broadcast(F.mean(x, axis=0, keepdims=True), (2, 3)), 4, name="fc")
    network = inference_network(x, y, 2)
    rows = []

    def counted(inputs, outputs, given):
        rows.append(len(given[0]))
        return run(inputs, outputs, given)

    class Same:
        def run_many(self, calls):
            made = [run(network.all_inputs, network.all_outputs, [call]) for call in calls[0]]
            return [np.stack(column) for column in zip(*made)]

    monkeypatch.setattr("nnabla_compress.exporters.simulated.run", counted)
    found = simulated(Same(), network, {"x": values(8, 3)}, 8)
    assert rows == [2, 2, 2, 2] and found.found.largest == 0
