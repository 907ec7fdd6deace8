# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalizations that a file runs with the statistics of the batch are told of."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.models import NnpFile


def saved(path, batch_stat, trained=True, count=1, used=True):
    x = h = nn.Variable((1, 3, 4, 4))
    for number in range(count):
        h = PF.batch_normalization(h, batch_stat=batch_stat, name=f"b{number}")
    y = PF.affine(h if used else x, 3, name="fc")
    outputs = {"y": y} if used else {"y": y, "h": h}
    if trained:
        nn.get_parameters(grad_only=False)["b0/bn/var"].d = 4.0
    network = {"name": "net", "batch_size": 1, "outputs": outputs, "names": {"x": x}}
    run = {"name": "runtime", "network": "net", "data": ["x"], "output": ["y"]}
    save(str(path), {"networks": [network], "executors": [run]})
    nn.clear_parameters()
    return NnpFile(path)


def test_the_note_says_which_statistics_are_used(tmp_path):
    (note,) = saved(tmp_path / "a.nnp", True).notes()
    assert note.startswith("BatchNormalization b0/bn: saved with batch_stat=True")
    assert "the running statistics are used (b0/bn/mean, b0/bn/var)" in note
    assert "as they were created" not in note


def test_statistics_that_were_never_updated_are_told(tmp_path):
    (note,) = saved(tmp_path / "a.nnp", True, trained=False, count=3).notes()
    assert "b0/bn and 2 more" in note and "still as they were created" in note


@pytest.mark.parametrize("options", [{"batch_stat": False}, {"batch_stat": True, "used": False}])
def test_there_is_nothing_to_tell_of_others(tmp_path, options):
    assert saved(tmp_path / "a.nnp", **options).notes() == ()


@pytest.mark.parametrize("kind", ["batch_normalization", "fused_batch_normalization"])
def test_what_is_built_uses_the_running_statistics(tmp_path, kind):
    x = nn.Variable((2, 3, 4, 4))
    y = F.relu(getattr(PF, kind)(x, batch_stat=True, name="b"))
    variance = nn.get_parameters(grad_only=False)["b/bn/var"]
    variance.d = 4.0
    network = {"name": "net", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "a.nnp"), {"networks": [network], "executors": []})
    nn.clear_parameters()
    file = NnpFile(tmp_path / "a.nnp")
    assert len(file.notes()) == 1
    built = file.build()
    built.inputs["x"].d = np.full((2, 3, 4, 4), 2.0)
    built.output.forward()
    np.testing.assert_allclose(built.output.d, 1.0, rtol=1e-4)
