# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A file that is built several times gives the same network each time."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.models.nnp_build import call
from tests.graph.networks import values


@pytest.fixture
def file(tmp_path):
    x = nn.Variable((1, 3, 6, 6))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="c1"))
    export_nnp(tmp_path / "net.nnp", PF.affine(h, 5, name="f1"), x)
    nn.clear_parameters()
    return NnpFile(tmp_path / "net.nnp")


def test_a_copy_is_what_nnabla_builds(file):
    x = nn.Variable.from_numpy_array(values(2, 3, 6, 6))
    built = [file(x, test=True) for _ in range(4)]
    for y in built:
        y.forward()
        np.testing.assert_array_equal(y.d, built[0].d)
        assert y.name == built[0].name and y.shape == built[0].shape
        assert y.need_grad == built[0].need_grad
    kinds = [[f.info.type_name for f in functions([y])] for y in built]
    assert kinds == kinds[:1] * 4
    shared = [f for y in built for f in functions([y])]
    assert len(set(shared)) == len(shared)


def test_nnabla_is_asked_twice_whatever_the_number_of_builds(file, monkeypatch):
    asked = []

    def counted(*arguments):
        asked.append(1)
        call(*arguments)

    monkeypatch.setattr("nnabla_compress.models.nnp.call", counted)
    for _ in range(5):
        file(nn.Variable((1, 3, 6, 6)), test=True)
    assert len(asked) == 2


def test_copies_share_the_numbers_of_parameters_but_not_whether_they_are_trained(file):
    x = nn.Variable((1, 3, 6, 6))
    trained = []
    for _ in range(4):
        file(x, test=True)
        trained.append(nn.get_parameters(grad_only=False)["f1/affine/W"])
    trained[-1].d = 7
    assert all((parameter.d == 7).all() for parameter in trained)
    trained[-1].need_grad = False
    assert trained[-2].need_grad
