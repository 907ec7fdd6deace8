# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What lies between layers from int8 to int8: the bits of the runtime's own kernels."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, to_bytes, write_nnb
from nnabla_compress.simulator import Machine

POOLING = {
    "kernel": (3, 2),
    "stride": (2, 2),
    "ignore_border": True,
    "pad": (1, 0),
    "channel_last": False,
}
WHOLE = {**POOLING, "kernel": (7, 6), "stride": (7, 6), "pad": (0, 0)}
OUTSIDE = {**POOLING, "ignore_border": False, "including_pad": True}
SLICE = {"start": (1, 0, 1), "stop": (4, 7, 6), "step": (1, 2, 2)}
X = (1, 4, 7, 6)
# Type, number, shape of the output, arguments, fraction bits that are lost.
CASES = {
    "Add2": ("Add2", 31, X, {"inplace": False}, 0),
    "Add2 to fewer bits": ("Add2", 31, X, {"inplace": False}, 2),
    "ReLU": ("ReLU", 14, X, {"inplace": False}, 0),
    "ReLU to fewer bits": ("ReLU", 14, X, {"inplace": False}, 3),
    "MaxPooling": ("MaxPooling", 266, (1, 4, 4, 3), POOLING, 0),
    "AveragePooling": ("AveragePooling", 267, (1, 4, 4, 3), {**POOLING, "including_pad": False}, 0),
    "of padding, too": ("AveragePooling", 267, (1, 4, 4, 3), OUTSIDE, 0),
    "of whole maps": ("AveragePooling", 267, (1, 4, 1, 1), {**WHOLE, "including_pad": True}, 0),
    "Pad": (
        *("Pad", 123, (1, 7, 8, 6)),
        {"pad_width": (1, 2, 0, 1, 0, 0), "mode": 0, "constant_value": -1.3},
        0,
    ),
    "Slice": ("Slice", 77, (1, 3, 4, 3), SLICE, 0),
}


def network(name, dtype="FIXED8"):
    """A file of one function."""
    type_name, number, shape, arguments, lost = CASES[name]
    count = 2 if type_name == "Add2" else 1
    inputs = tuple(NnbVariable(i, X, dtype, 4, buffer=i) for i in range(count))
    y = NnbVariable(count, shape, dtype, 4 - lost, buffer=count)
    variables = (*inputs, y)
    call = NnbFunction(type_name, number, 0, tuple(range(count)), (count,), arguments)
    sizes = tuple(v.nbytes for v in variables)
    return NnbFile(3, 44, sizes, variables, (call,), tuple(range(count)), (count,))


def results(program, folder, file, inputs):
    """Exit status, and the bytes of the output."""
    (folder / "net.nnb").write_bytes(to_bytes(file))
    paths = [folder / f"in_{number}.bin" for number in range(len(inputs))]
    for path, x in zip(paths, inputs):
        path.write_bytes(x.tobytes())
    command = [program, "exact", folder / "net.nnb", *paths, folder / "out"]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    output = folder / "out_0.bin"
    found = np.frombuffer(output.read_bytes(), np.int8) if output.is_file() else None
    return done.returncode, found


def numbers(rng, file):
    """Inputs that hold every number of 8 bits, and the least one beside itself."""
    inputs = [rng.permutation(168).astype(np.uint8).view(np.int8) for _ in file.inputs]
    for x in inputs:
        x[:4] = -128, 127, -128, -1
    return [np.ascontiguousarray(x.reshape(X)) for x in inputs]


@pytest.mark.parametrize("runtime", ["stub", "real"])
@pytest.mark.parametrize("name", CASES)
def test_functions_between_layers_have_the_bits_of_the_simulator(
    request, tmp_path, rng, runtime, name
):
    file = network(name)
    inputs = numbers(rng, file)
    status, found = results(request.getfixturevalue(runtime), tmp_path, file, inputs)
    machine = Machine(write_nnb(tmp_path / "simulated.nnb", file))
    (expected,) = machine.forward(inputs)
    assert status == 0
    np.testing.assert_array_equal(found, np.ravel(expected))


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (1, 4, 1, 6)},
        {"fp_pos": 5},
        {"type": "FIXED16"},
    ],
    ids=["broadcast", "two formats", "16 bits"],
)
def test_other_forms_stay_with_the_runtime(stub, tmp_path, rng, changes):
    # The stand-in has no addition of its own: it ends where it would have to run one.
    file = network("Add2")
    variables = list(file.variables)
    variables[1] = replace(variables[1], **changes)
    sizes = tuple(v.nbytes for v in variables)
    file = replace(file, variables=tuple(variables), buffers=sizes)
    inputs = [np.zeros(v.nbytes, np.int8) for v in variables[:2]]
    status, _found = results(stub, tmp_path, file, inputs)
    assert status < 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Pad", {"pad_width": (1, 2, 0, 1, 0, 7)}),
        ("Pad", {"mode": 1}),
        ("Slice", {"start": (2, 0, 1)}),
        ("AveragePooling", {"pad": (1, 9)}),
        ("MaxPooling", {"channel_last": True}),
    ],
)
def test_arguments_that_lead_out_of_a_map_are_not_run(stub, tmp_path, rng, name, changes):
    file = network(name)
    (call,) = file.functions
    call = replace(call, arguments={**call.arguments, **changes})
    file = replace(file, functions=(call,))
    assert results(stub, tmp_path, file, numbers(rng, file))[0] != 0
