# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The recorded answers of the real runtime, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.simulator import Machine, traps
from nnabla_compress.simulator.callbacks import packed_dictionary
from tests.simulator.embed import embed

FOLDERS = sorted(p.parent for p in (Path(__file__).parents[1] / "data/c_runtime").glob("*/net.nnb"))
CALLBACKS = {(265, 14): packed_dictionary, (0, 14): packed_dictionary, (10, 0): embed}


def load(folder):
    case = json.loads((folder / "case.json").read_text())
    with np.load(folder / "in.npz") as x, np.load(folder / "out.npz") as y:
        inputs = [x[spec["name"]] for spec in case["inputs"]]
        return case, inputs, [y[spec["name"]] for spec in case["outputs"]]


def by_number(number):
    return next(folder for folder in FOLDERS if folder.name.startswith(number))


def assert_bits(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_array_equal(got.view(f"u{got.itemsize}"), want.view(f"u{want.itemsize}"))


def test_all_cases_are_there():
    assert len(FOLDERS) == 38


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f.name[:2] != "40"], ids=lambda f: f.name)
def test_every_recorded_bit_is_reproduced(folder):
    case, inputs, outputs = load(folder)
    repeated = case["runs"]["kind"] == "repeated"
    machine = Machine(folder / "net.nnb", callbacks=CALLBACKS)
    for run in range(case["runs"]["count"]):
        if run and not repeated:
            machine = Machine(folder / "net.nnb", callbacks=CALLBACKS)
        got = machine.forward([array[0 if repeated else run] for array in inputs])
        for result, want in zip(got, outputs):
            if case["tolerance"]["kind"] == "bit-exact" or folder.name != "01_float_lenet":
                assert_bits(result, want[run])
            else:  # expf is the C library's, which may differ from the recorded one's
                np.testing.assert_allclose(result, want[run], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "folder",
    [f for f in FOLDERS if f.name[:2] not in ("01", "40", "41", "43")],
    ids=lambda f: f.name,
)
def test_samples_side_by_side_give_the_same_bits(folder):
    _, inputs, outputs = load(folder)
    machine = Machine((folder / "net.nnb").read_bytes(), callbacks=CALLBACKS)
    repeated = [np.concatenate([array, array, array[:1]]) for array in inputs]
    for result, want in zip(machine.forward_many(repeated), outputs):
        assert_bits(result, np.concatenate([want, want, want[:1]]))


@pytest.mark.parametrize(
    "folder", [f for f in FOLDERS if (f / "probe.nnb").exists()], ids=lambda f: f.name
)
def test_every_intermediate_value_of_the_integer_networks_is_reproduced(folder):
    case, inputs, _ = load(folder)
    machine = Machine(folder / "probe.nnb")
    with np.load(folder / "probe.npz") as probe:
        for name, got in zip(case["probe"]["variables"], machine.forward_many(inputs)):
            assert_bits(got, probe[name])


def test_inputs_and_outputs_are_described_as_recorded():
    for folder in FOLDERS:
        case, _, _ = load(folder)
        machine = Machine(folder / "net.nnb")
        for ports, specs in ((machine.inputs, case["inputs"]), (machine.outputs, case["outputs"])):
            described = [(list(p.shape), str(p.dtype), p.fp_pos) for p in ports]
            assert described == [(s["shape"], s["dtype"], s["fp_pos"] or 0) for s in specs]


def test_buffer_bytes_are_those_that_the_runtime_takes():
    for folder in FOLDERS:
        case, _, _ = load(folder)
        taken = case["runtime_memory"]["variable_buffer_bytes"]
        assert Machine(folder / "net.nnb").network.buffer_bytes == taken


def test_a_convolution_of_mixed_types_is_refused_and_warned_of():
    folder = by_number("40")
    _, inputs, _ = load(folder)
    machine = Machine(folder / "net.nnb")
    assert "trap 1" in machine.warnings[0] and "FIXED8_7, 8x4x3x3" in machine.warnings[0]
    with pytest.raises(UnsupportedFunctionError, match=r"function 0 \(Convolution\) mixes types"):
        machine.forward([array[0] for array in inputs])


@pytest.mark.parametrize("number, trap", [("41", 2), ("42", 6), ("43", 4), ("40", 1)])
def test_the_trap_cases_are_warned_of_by_their_numbers(number, trap):
    found = traps(by_number(number) / "net.nnb")
    assert trap in {one.number for one in found if one.severity != "note"}
    assert all("variable" in one.message and "function" in one.message for one in found)


def test_the_other_cases_hold_no_errors_and_no_lasting_traps():
    for folder in FOLDERS:
        if folder.name[:2] not in ("40", "41", "43"):
            found = traps(folder / "net.nnb", CALLBACKS)
            assert not [str(one) for one in found if one.severity == "error"], folder.name
            assert not {one.number for one in found} & {2, 3, 4}, folder.name


def test_a_callback_that_is_missing_is_named():
    _, inputs, _ = load(by_number("50"))
    machine = Machine(by_number("50") / "net.nnb")
    assert "implement 14" in machine.warnings[0]
    with pytest.raises(UnsupportedFunctionError, match="packed weights need their callback"):
        machine.forward([array[0] for array in inputs])
    machine = Machine(by_number("51") / "net.nnb")
    with pytest.raises(UnsupportedFunctionError, match=r"\(Embed\) with id 10 is not implemented"):
        machine.forward([array[0] for array in load(by_number("51"))[1]])
