# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.nnb import (
    NnbFile,
    NnbFunction,
    NnbVariable,
    read_nnb,
    to_bytes,
    values,
    write_nnb,
)
from nnabla_compress.simulator import Machine

VECTORS = Path(__file__).parents[1] / "data/c_runtime"
FILES = sorted(VECTORS.glob("*/*.nnb"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_what_was_read_is_written_byte_for_byte(path):
    assert to_bytes(read_nnb(path)) == path.read_bytes()


@pytest.mark.parametrize("api", [1, 3, 44])
def test_files_of_the_converter_are_written_byte_for_byte_at_all_levels(api, tmp_path):
    x = nn.Variable((1, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), group=1, name="c"))
    h = F.max_pooling(h, (2, 2)) + 0.5 * F.average_pooling(h, (2, 2))
    h = F.concatenate(h, F.transpose(h, (0, 1, 3, 2)), axis=1)
    h = F.pad(F.slice(h, start=(0, 1, 0, 0), stop=(1, 5, 4, 4)), (1, 1), "constant", 0.5)
    y = F.softmax(PF.affine(F.leaky_relu(h), 5, name="f"))
    export_nnp(tmp_path / "net.nnp", y, x)
    path = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp", api=api, compact=False)
    network = read_nnb(path)
    assert to_bytes(network) == path.read_bytes() and network.api_level == api
    assert not any(function.raw for function in network.functions)
    x.d = np.random.RandomState(0).randn(*x.shape)
    y.forward()
    np.testing.assert_allclose(Machine(network).run([x.d])[0], y.d, rtol=1e-5, atol=1e-6)


def test_parameters_of_another_length_and_new_variables_can_be_written(tmp_path):
    network = read_nnb(VECTORS / "01_float_lenet/net.nnb")
    number = network.functions[0].inputs[1]
    variables = list(network.variables)
    variables[number] = dataclasses.replace(variables[number], type="FIXED8", data=bytes(range(99)))
    added = NnbVariable(len(variables), (4,), "FLOAT32", data=np.float32([1, 2, 3, 4]).tobytes())
    function = network.functions[0]
    inputs = (*function.inputs, added.id)
    functions = (
        dataclasses.replace(function, implement=14, inputs=inputs),
        *network.functions[1:],
    )
    changed = dataclasses.replace(network, variables=(*variables, added), functions=functions)
    read = read_nnb(write_nnb(tmp_path / "new.nnb", changed))
    assert read.functions[0].inputs == inputs and read.functions[0].implement == 14
    assert read.variables[number].data[:99] == bytes(range(99))
    np.testing.assert_array_equal(values(read.variables[-1]), [1, 2, 3, 4])
    assert read.functions[1:] == network.functions[1:]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_shared_lists_make_a_smaller_file_of_the_same_network(path):
    network = read_nnb(path)
    shared = to_bytes(network, share_lists=True)
    assert read_nnb(shared) == network
    assert len(shared) < path.stat().st_size


def test_what_does_not_fit_is_refused(tmp_path):
    x = NnbVariable(0, (1,), "FLOAT32", buffer=0)
    relu = NnbFunction("ReLU", 14, 0, (0,), (0,), {"inplace": False})
    for match, change in (
        ("needs either a buffer or data", {"variables": (NnbVariable(0, (1,), "FLOAT32"),)}),
        ("has type FIXED4", {"variables": (NnbVariable(0, (1,), "FIXED4", data=b""),)}),
        ("fp_pos 16", {"variables": (NnbVariable(0, (1,), "FIXED8", 16, data=b"0"),)}),
        ("lacks its argument inplace", {"functions": (dataclasses.replace(relu, arguments={}),)}),
        ("can't be stored", {"functions": (dataclasses.replace(relu, implement=1 << 16),)}),
        ("can't be stored", {"buffers": (2**40,)}),
    ):
        network = NnbFile(3, 44, (4,), (x,), (relu,), (0,), (0,))
        with pytest.raises(ExportError, match=match):
            to_bytes(dataclasses.replace(network, **change))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't write"):
        write_nnb(tmp_path / "file" / "net.nnb", network)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "net.nnb"
    path.write_bytes(b"good")
    broken = NnbFile(3, 44, (2**40,), (), (), (), ())
    with pytest.raises(ExportError):
        write_nnb(path, broken)
    assert path.read_bytes() == b"good" and list(tmp_path.iterdir()) == [path]
