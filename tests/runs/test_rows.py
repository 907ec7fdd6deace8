# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks whose first axis is not that of the samples."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.cli.data_options import described
from nnabla_compress.errors import DataError
from nnabla_compress.models import NnpFile
from nnabla_compress.runs import evaluate_network, export_file
from tests.models.others import save
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


def test_samples_are_refused(sequence, tmp_path):
    recipe, folder = described(sequence, str(tmp_path / "data.npz"))
    with pytest.raises(DataError, match="the first axis is not that of the samples"):
        evaluate_network(sequence, recipe, folder)
