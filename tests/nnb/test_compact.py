# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, read_nnb, to_bytes, write_nnb
from nnabla_compress.nnb.compact import compact
from nnabla_compress.quantizers import LUT
from nnabla_compress.simulator import Machine
from tests.c_runtime import check_runtime
from tests.graph.networks import build, randomize_statistics, recipes, values
from tests.properties import examples


def converted(folder, y, x):
    export_nnp(folder / "net.nnp", y, x)
    return export_nnb(folder / "net.nnb", folder / "net.nnp", compact=False)


@examples(8)
@given(recipes())
def test_random_networks_compute_the_same_bits(tmp_path_factory, recipe):
    nn.clear_parameters()
    folder = tmp_path_factory.mktemp("compact")
    x = nn.Variable((1, 4, 6, 6))
    y = build(recipe, x)
    randomize_statistics(1)
    path = converted(folder, y, x)
    small = write_nnb(folder / "small.nnb", compact(read_nnb(path)), share_lists=True)
    data = values(5, 1, 4, 6, 6)
    expected, got = (Machine(file).run_many([data])[0] for file in (path, small))
    np.testing.assert_array_equal(got.view(np.int32), expected.view(np.int32))
    check_runtime(small, [data[:2, 0]])
    assert small.stat().st_size < path.stat().st_size
    assert read_nnb(small).buffer_bytes <= read_nnb(path).buffer_bytes


def test_decoding_takes_less_memory_and_fewer_bytes(tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 16, 8, 8))
    h = F.relu(PF.convolution(x, 64, (3, 3), apply_w=LUT(bits=4), name="c"))
    y = PF.convolution(h, 16, (3, 3), apply_w=LUT(bits=4), name="d")
    path = converted(tmp_path, y, x)
    network = read_nnb(path)
    small = compact(network)
    assert len(small.functions) == len(network.functions)
    assert len(small.variables) < 0.6 * len(network.variables)
    assert small.buffer_bytes <= 0.75 * network.buffer_bytes
    assert len(to_bytes(small, share_lists=True)) < 0.85 * path.stat().st_size
    machine = Machine(small)
    assert not machine.warnings
    np.testing.assert_array_equal(machine.run([x.d])[0], Machine(path).run([x.d])[0])


def test_what_is_read_later_is_not_overwritten(tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 3, 4, 4))
    h = F.relu(PF.convolution(x, 4, (1, 1), name="c"))
    y = F.add2(F.mul_scalar(h, -2.0), F.tanh(h))
    path = converted(tmp_path, {"y": y, "h": h}, {"x": x})
    for got, expected in zip(Machine(compact(read_nnb(path))).run([x.d]), Machine(path).run([x.d])):
        np.testing.assert_array_equal(got, expected)


def relu(source, target):
    return NnbFunction("ReLU", 14, 0, (source,), (target,), {"inplace": False})


def chain(*functions, outputs=(2,), version=3):
    variables = [NnbVariable(i, (1, 4), "FLOAT32", buffer=i) for i in range(3)]
    return NnbFile(version, 44, (16,) * 3, tuple(variables), functions, (0,), outputs)


def test_a_chain_of_element_wise_functions_takes_one_buffer():
    small = compact(chain(relu(0, 1), relu(1, 2)))
    assert small.buffers == (16,) and len(small.variables) == 1
    assert len(small.functions) == 2


@pytest.mark.parametrize(
    "network",
    [
        chain(relu(0, 1), relu(0, 1), relu(1, 2)),  # written twice
        chain(relu(1, 2)),  # reads what nobody wrote
        chain(relu(0, 1), relu(1, 2), version=2),  # buffers counted in elements
        NnbFile(3, 44, (16,), (NnbVariable(0, (1, 4), "FLOAT32", buffer=0),), (), (0,), (0,)),
    ],
)
def test_other_files_come_back_as_they_are(network):
    assert compact(network) == network
