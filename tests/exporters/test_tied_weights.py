# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exports of networks that read one parameter in several places compute what these do."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from tests.graph import tied_networks as tied


def on_device(folder, x, y, target, rule):
    """The output of the exported network in the simulator, that of the float one, the report."""
    y.forward()
    expected = y.d.copy()
    samples = {"x": np.random.RandomState(0).randn(64, tied.SIZE)} if target == "int16" else None
    nnp = folder / "net.nnp"
    report = export_nnp(nnp, compress(y, rule), x, target=target, samples=samples)
    machine = Machine(export_nnb(folder / "net.nnb", nnp), callbacks=PACKED_CALLBACKS)
    (got,) = machine.run([x.d.astype(np.float32)])
    return got.reshape(expected.shape), expected, report


@pytest.mark.parametrize("kind", tied.KINDS, ids=lambda kind: kind.__name__)
def test_an_exact_dictionary_gives_the_float_network(tmp_path, kind):
    got, expected, _ = on_device(tmp_path, *tied.built(kind), "portable", "lut:bits=8")
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("target", ["integer", "callback", "binary-weight", "int16"])
@pytest.mark.parametrize(
    "kind",
    [tied.transposed_not_square, tied.sliced, tied.as_kernel, tied.scaled_and_normalized],
    ids=lambda kind: kind.__name__,
)
def test_every_target_keeps_what_stands_between(tmp_path, kind, target):
    got, expected, _ = on_device(tmp_path, *tied.built(kind), target, "affine:bits=8")
    assert np.abs(got - expected).max() < 0.03 * np.abs(expected).max()


@pytest.mark.parametrize("kind", tied.MOVED, ids=lambda kind: kind.__name__)
def test_what_only_moved_is_stored_with_its_few_bits(tmp_path, kind):
    report = on_device(tmp_path, *tied.built(kind), "callback", "affine:bits=4")[2]
    assert [row.bits for row in report.rows] == [4, 4]
    assert len({row.name for row in report.rows}) == 2
    assert all("4-bit" in row.storage for row in report.rows)


def test_what_was_computed_of_a_weight_is_a_float(tmp_path):
    report = on_device(tmp_path, *tied.built(tied.squashed), "portable", "affine:bits=4")[2]
    assert [(row.name, row.bits) for row in report.rows] == [("t", 4), ("t_2", 32)]
    (network,) = summary(tmp_path / "net.nnp").networks
    assert [layer.weights.bits for layer in network.layers] == [4, 32]


def test_two_normalizations_behind_one_weight_keep_it_encoded(tmp_path):
    kind = tied.shared_and_normalized
    report = on_device(tmp_path, *tied.built(kind), "integer", "affine:bits=4")[2]
    assert [row.bits for row in report.rows] == [4]


def test_parameters_stay_as_they_are(tmp_path):
    x, y = tied.built(tied.transposed)
    before = nn.get_parameters()["t/W"].d.copy()
    on_device(tmp_path, x, y, "portable", "lut:bits=2")
    np.testing.assert_array_equal(nn.get_parameters()["t/W"].d, before)
