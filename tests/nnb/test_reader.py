# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, read_nnb, to_bytes
from nnabla_compress.simulator import Machine, traps
from tests.properties import examples

VECTORS = Path(__file__).parents[1] / "data/c_runtime"
FILES = sorted(VECTORS.glob("*/*.nnb"))
SMALL = (VECTORS / "41_trap_bias_fp/net.nnb").read_bytes()


def test_a_file_holds_what_the_network_has():
    network = read_nnb(VECTORS / "20_int8_lenet/net.nnb")
    assert (network.version, network.api_level) == (3, 44)
    names = [function.type_name for function in network.functions]
    assert names[:3] == ["Convolution", "ReLU", "MaxPooling"] and names[-1] == "Affine"
    first = network.functions[0]
    assert first.arguments == {
        "base_axis": 1,
        "pad": (0, 0),
        "stride": (1, 1),
        "dilation": (1, 1),
        "group": 1,
        "channel_last": False,
    }
    assert [network.variables[n].type for n in first.inputs] == ["FIXED8"] * 3
    assert network.variables[first.inputs[1]].shape == (8, 1, 5, 5)
    assert len(network.variables[first.inputs[1]].data) == 200


def test_data_of_another_length_than_the_shape_are_kept_whole():
    network = read_nnb(VECTORS / "50_callback_lut4_packed/net.nnb")
    packed = network.variables[network.functions[0].inputs[1]]
    assert packed.shape == (8, 1, 5, 5) and len(packed.data) == 100


def test_a_function_that_nobody_knows_keeps_its_bytes_and_lists():
    variable = NnbVariable(0, (1,), "FLOAT32", buffer=0)
    first = NnbFile(3, 44, (4,), (variable,), (), (), ())
    lists = (struct.pack("<2i", 7, 8), struct.pack("<i", 9))
    datum = 8  # inputs, outputs, buffers, shape, variable, list of variables, then in- and outputs
    raw = struct.pack("<iIiI", 2, datum, 1, datum + 1)
    unknown = NnbFunction("function 60000", 60000, 3, (0,), (0,), raw=raw, raw_lists=(8, lists))
    content = to_bytes(NnbFile(3, 44, (4,), (variable,), (unknown,), (), ()))
    read = read_nnb(content)
    assert read.functions == (unknown,) and to_bytes(read) == content
    assert len(content) > len(to_bytes(first))
    moved = NnbFile(3, 44, (4,), (variable, variable), (unknown,), (), ())
    with pytest.raises(CompressError, match="its lists can't be moved"):
        to_bytes(moved)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda raw: raw[:20], "a header alone has 56"),
        (lambda raw: raw[:-1], "and declares"),
        (lambda raw: raw + b"0000", "and declares"),
        (lambda raw: b"", "it has 0 bytes"),
        (lambda raw: struct.pack("<I", 7) + raw[4:], "its version is 7"),
        (lambda raw: raw[:8] + struct.pack("<i", 2**30) + raw[12:], "do not fit"),
        (lambda raw: raw[:8] + struct.pack("<i", -1) + raw[12:], "do not fit"),
        (lambda raw: raw[:12] + struct.pack("<I", 10**6) + raw[16:], "is datum 1000000 of"),
        (lambda raw: raw[:48] + struct.pack("<I", 2**31) + raw[52:], "and declares"),
    ],
)
def test_damage_is_said_in_one_message(change, match):
    with pytest.raises(DataError, match=match):
        read_nnb(change(SMALL))


def replace_variable(network, number, **changes):
    variables = list(network.variables)
    fields = {name: getattr(variables[number], name) for name in ("shape", "type", "fp_pos")}
    variables[number] = NnbVariable(
        number, **{**fields, "buffer": variables[number].buffer, **changes}
    )
    fields = {name: getattr(network, name) for name in network.__dataclass_fields__}
    return NnbFile(**{**fields, "variables": tuple(variables)})


def test_shapes_and_numbers_out_of_range_are_refused():
    network = read_nnb(SMALL)
    huge = replace_variable(network, 1, shape=(2**16, 2**16))
    with pytest.raises(DataError, match=r"variable 1 has the shape \(65536, 65536\)"):
        read_nnb(to_bytes(huge))
    elsewhere = replace_variable(network, 1, buffer=99)
    with pytest.raises(DataError, match="variable 1 lies in buffer 99 of"):
        read_nnb(to_bytes(elsewhere))
    outside = NnbFile(3, 44, (), (), (), (5,), ())
    with pytest.raises(DataError, match="input of the network is variable 5 of 0"):
        read_nnb(to_bytes(outside))


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(DataError, match="can't read .*none.nnb: No such file"):
        read_nnb(tmp_path / "none.nnb")
    with pytest.raises(DataError, match="can't read"):
        read_nnb(tmp_path)


def survive(content):
    """Reads, judges and runs a file: anything but a clear error is a failure."""
    try:
        network = read_nnb(content)
        assert to_bytes(read_nnb(to_bytes(network))) == to_bytes(network)
        traps(network)
        if network.buffer_bytes < 1 << 22:
            machine = Machine(network)
            if sum(int(np.prod(port.shape)) for port in machine.inputs) < 1 << 20:
                machine.forward([np.zeros(port.shape, port.dtype) for port in machine.inputs])
    except CompressError as error:
        assert str(error)


@examples(300, derandomize=True)
@given(
    which=st.integers(0, len(FILES) - 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
    head=st.booleans(),
)
def test_flipped_bytes_never_end_in_anything_but_a_clear_error(which, flips, head):
    content = bytearray(FILES[which].read_bytes())
    size = min(len(content), 600) if head else len(content)
    for where, value in flips:
        content[int(where * (size - 1))] = value
    survive(bytes(content))


@examples(200, derandomize=True)
@given(
    where=st.integers(0, len(SMALL) // 4 - 1),
    value=st.sampled_from([0, 1, 2, 5, 255, 2**16, 2**31 - 1, -1, -2, -(2**31)]),
)
def test_changed_words_never_end_in_anything_but_a_clear_error(where, value):
    content = bytearray(SMALL)
    struct.pack_into("<i", content, 4 * where, value)
    survive(bytes(content))


@examples(100, derandomize=True)
@given(length=st.integers(0, len(SMALL)), tail=st.binary(max_size=40))
def test_cut_files_are_refused(length, tail):
    survive(SMALL[:length] + tail)
