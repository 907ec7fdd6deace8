# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks whose first axis is not that of the samples."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.errors import DataError
from nnabla_compress.loading.inputs import OtherData
from nnabla_compress.models import NnpFile
from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs import Run, evaluate_network, evaluate_run, export_file, export_run
from nnabla_compress.runs.nnb_network import evaluate_nnb
from nnabla_compress.runs.ptq import run_ptq
from nnabla_compress.runs.verified import verify_on_data, verify_run
from tests.models.others import parameter, save
from tests.models.test_nnp_batch import time_major


@pytest.fixture
def sequence(tmp_path):
    path = save(tmp_path / "net.nnp", *time_major(4), batch_size=1)
    nn.clear_parameters()
    np.savez(tmp_path / "data.npz", x=np.random.RandomState(0).randn(12, 1, 5), y=np.arange(12) % 3)
    return path


def test_it_is_exported_with_all_its_steps(sequence, tmp_path):
    exported = export_file(sequence, tmp_path / "out")
    found = [NnpFile(path).build(batch_size=4) for path in (sequence, exported.paths[0])]
    values = np.random.RandomState(1).randn(4, 1, 5).astype(np.float32)
    for network in found:
        (x,) = network.inputs.values()
        x.d = values
        network.output.forward()
    np.testing.assert_allclose(found[1].output.d, found[0].output.d, rtol=1e-5)


def verbs(path, data, output):
    """Every verb that takes a file with data."""
    recipe, folder = network_recipe(path, DataOptions(str(data)))
    for target in ("int8", "portable"):
        yield lambda target=target: export_file(path, output, target, recipe, folder)
    yield lambda: evaluate_network(path, recipe, folder)
    yield lambda: verify_on_data(path, recipe, folder)
    yield lambda: run_ptq(recipe, folder, output, PostTrainingSettings())
    yield lambda: Run(recipe, output, folder).execute(lambda phase, total: None)


def test_samples_are_refused_by_every_verb(sequence, tmp_path):
    for verb in verbs(sequence, tmp_path / "data.npz", tmp_path / "out"):
        with pytest.raises(DataError, match="the first axis is not that of the samples"):
            verb()
    assert not (tmp_path / "out").exists()


def test_samples_are_refused_for_an_nnb(sequence, tmp_path):
    nnb = next(p for p in export_file(sequence, tmp_path / "out").paths if p.suffix == ".nnb")
    nnb = nnb.rename(tmp_path / "alone.nnb")
    recipe, folder = network_recipe(nnb, DataOptions(str(tmp_path / "data.npz")))
    for verb in (verify_on_data, evaluate_nnb):
        with pytest.raises(DataError, match="the first axis is not that of the samples"):
            verb(nnb, recipe, folder)


def test_steps_in_and_out_are_no_samples_either(tmp_path):
    x = nn.Variable((4, 1, 5))
    start = F.constant(0, (1, 1, 1, 6))
    h = F.rnn(x, start, parameter("r/w", 1, 6, 11), None, parameter("r/b", 1, 1, 6))[0]
    path = save(tmp_path / "net.nnp", x, h, batch_size=1)
    nn.clear_parameters()
    labels = np.arange(12) % 6
    np.savez(tmp_path / "data.npz", x=np.random.RandomState(0).randn(12, 1, 5), y=labels)
    for verb in verbs(path, tmp_path / "data.npz", tmp_path / "out"):
        with pytest.raises(DataError, match="computes its rows from each other"):
            verb()


def test_a_batch_written_into_a_network_of_samples_is_none_of_these(tmp_path):
    x = nn.Variable((4, 6))
    y = PF.affine(x * parameter("per_row", 4, 6), 3, name="a")
    path = save(tmp_path / "net.nnp", x, y, batch_size=4)
    np.savez(tmp_path / "data.npz", x=np.random.RandomState(0).randn(12, 6), y=np.arange(12) % 3)
    recipe, folder = network_recipe(path, DataOptions(str(tmp_path / "data.npz")))
    assert evaluate_network(path, recipe, folder).samples == 12


def test_the_data_of_a_run_are_refused_before_its_network_is_used(sequence, tmp_path):
    recipe, folder = network_recipe(sequence)
    Run(recipe, tmp_path / "run", folder).execute(lambda phase, total: None)
    other = OtherData(network_recipe(sequence, DataOptions(str(tmp_path / "data.npz")))[0], folder)
    for verb in (evaluate_run, verify_run):
        with pytest.raises(DataError, match="the first axis is not that of the samples"):
            verb(tmp_path / "run", other=other)
    with pytest.raises(DataError, match="the first axis is not that of the samples"):
        export_run(tmp_path / "run", tmp_path / "out", other=other)
    assert not (tmp_path / "out").exists()
