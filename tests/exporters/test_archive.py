# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.exporters.archive import name_parameters, read, write
from nnabla_compress.exporters.compare import run
from nnabla_compress.graph import leaves
from nnabla_compress.graph.constants import constant
from tests.graph.networks import values


def test_two_parameters_of_one_path_get_a_number_and_one_array_one_path():
    x = nn.Variable((1, 3))
    a, b = constant(values(3, 3), "f/W"), constant(values(3, 3, seed=1), "f/W")
    again = a.get_unlinked_variable(need_grad=False)
    graph = name_parameters({"x": x}, {"y": F.affine(F.affine(F.affine(x, a), b), again)}, {})
    assert list(graph.parameters) == ["f/W", "f/W_2"]
    assert leaves(list(graph.outputs.values())) == [x, *graph.parameters.values()]


def test_what_is_written_is_read_at_another_batch_size_outside_all_scopes(tmp_path):
    x = nn.Variable((1, 3))
    y = F.tanh(F.affine(x, constant(values(3, 2), "f/W")))
    graph = name_parameters({"x": x}, {"y": y}, {})
    write(tmp_path / "net.nnp", graph, 1, True)
    back = read(tmp_path / "net.nnp", ["x"], ["y"], 4)
    data = values(4, 3, seed=2)
    expected = [run([x], [y], [row[None]])[0][0] for row in data]
    np.testing.assert_allclose(run(*back, [data])[0], expected, rtol=1e-6)
    assert nn.get_parameters(grad_only=False) == {}
