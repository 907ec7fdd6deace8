# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Random float networks in NNabla, in the simulator, and on the C runtime where there is one."""

from __future__ import annotations

import nnabla as nn
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.simulator import Machine
from tests.c_runtime import check_runtime
from tests.graph.networks import build, forward, randomize_statistics, recipes, values
from tests.properties import examples


@examples(6)
@given(recipe=recipes(), batch=st.integers(1, 3), seed=st.integers(0, 2**16))
def test_random_networks_compute_what_nnabla_does(tmp_path_factory, recipe, batch, seed):
    nn.clear_parameters()
    folder = tmp_path_factory.mktemp("net")
    x = nn.Variable((batch, 4, 6, 6))
    y = build(recipe, x)
    randomize_statistics(seed)
    export_nnp(folder / "net.nnp", y, x, storage="float", batch_size=batch)
    nnb = export_nnb(folder / "net.nnb", folder / "net.nnp", batch_size=batch)
    rows = values(2, *x.shape, seed=seed)
    rows[1] *= np.random.RandomState(seed).rand(*x.shape) < 0.5  # maps with zeros
    for row, got in zip(rows, Machine(nnb).run_many([rows])[0]):
        x.d = row
        expected = forward(y)
        assert np.abs(got - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1e-6)
    check_runtime(nnb, [rows.reshape(-1, *x.shape[1:])])
