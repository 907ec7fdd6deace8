# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.function import PythonFunction

from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.rewrite import functions


@pytest.fixture
def network():
    nn.clear_parameters()
    x = nn.Variable((4, 2, 6, 6))
    x.d = np.random.RandomState(0).randn(*x.shape)
    h = PF.batch_normalization(PF.convolution(x, 3, (3, 3), pad=(1, 1), name="c"), name="b")
    h.name = "normalized"
    return F.mean(F.affine(F.relu(h), nn.Variable.from_numpy_array(np.ones((108, 2)))))


def test_the_graph_reads_the_same_and_learns_the_same(network):
    (quick,) = with_cpu_kernels([network])
    seen = [
        [(f.info.type_name, dict(f.info.args), [v.name for v in f.outputs]) for f in functions([y])]
        for y in (network, quick)
    ]
    assert seen[0] == seen[1]
    found = []
    for y in (network, quick):
        for parameter in nn.get_parameters().values():
            parameter.g = 0
        y.forward(clear_no_need_grad=True)
        y.backward(clear_buffer=True)
        found.append([float(y.d), *(p.g.copy() for p in nn.get_parameters().values())])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_nothing_is_replaced_where_the_context_is_another(network):
    with nn.context_scope(nn.Context(["cpu:half"], "CpuCachedArray", "0")):
        assert with_cpu_kernels([network]) == [network]


def test_convolutions_are_computed_by_this_package(network, monkeypatch):
    made = []
    keep = PythonFunction.__call__
    monkeypatch.setattr(
        PythonFunction,
        "__call__",
        lambda self, *inputs: made.append(self.name) or keep(self, *inputs),
    )
    with_cpu_kernels([network])
    assert made == ["Convolution", "BatchNormalization", "ReLU"]
