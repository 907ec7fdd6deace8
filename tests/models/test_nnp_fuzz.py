# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile ``.nnp`` files: one message each, never a crash, never memory without bound.

They are opened in a process of its own whose memory is limited: it says what came of each file.
"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from nnabla_compress.limits import Limits
from tests.models.damaged import changed_text, good_members, write_members
from tests.properties import examples

# Opens the files whose names come in, and prints for each "ok", or the name of what was raised and
# its message. The memory beyond what Python and NNabla take is limited to 1.5 GiB.
_READER = """
import json, os, resource, sys
from nnabla_compress.inspection import summary
from nnabla_compress.models import NnpFile
from nnabla_compress.report.network import summary_tables
from nnabla_compress.errors import CompressError
from rich.console import Console
import nnabla as nn
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**29, used + 3 * 2**29))
console = Console(file=open(os.devnull, "w"))
for line in sys.stdin:
    path = json.loads(line)
    try:
        file = NnpFile(path)
        for name in file.names:
            try:
                file.build(name)
            except CompressError as error:
                str(error)
            finally:
                nn.clear_parameters()
        for part in summary_tables(summary(path)):
            console.print(part)
        said = ["ok", ""]
    except CompressError as error:
        said = ["CompressError", str(error)]
    except BaseException as error:
        said = [type(error).__name__, str(error)]
    if nn.get_parameters(grad_only=False):
        said = ["parameters were left behind", ""]
    print("SAID", json.dumps(said), flush=True)
"""


class Reader:
    """The process that opens files."""

    def __init__(self):
        root = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, PYTHONPATH=root, OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1"),
            text=True,
        )

    def __call__(self, path):
        """Returns what came of a file."""
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("SAID "):
                return tuple(json.loads(line[5:]))
        raise AssertionError(f"the process ended with {self._process.wait()}")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    return good_members(tmp_path_factory.mktemp("fuzz") / "good.nnp")


def test_the_good_file_is_read(reader, members, tmp_path):
    assert reader(write_members(tmp_path / "good.nnp", members)) == ("ok", "")


_FUZZ = examples(
    25,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _fine(said):
    assert said[0] in ("ok", "CompressError"), said
    assert said[0] == "ok" or "help: " in said[1]
    assert len(said[1]) < 3000


@_FUZZ
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(reader, members, tmp_path, part):
    content = write_members(tmp_path / "cut.nnp", members).read_bytes()
    (tmp_path / "cut.nnp").write_bytes(content[: int(part * len(content))])
    said = reader(tmp_path / "cut.nnp")
    assert said[0] == "CompressError" and "cut.nnp" in said[1]


@_FUZZ
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255), tail=st.booleans())
def test_a_flipped_byte_is_refused_or_harmless(reader, members, tmp_path, place, mask, tail):
    content = bytearray(write_members(tmp_path / "flip.nnp", members).read_bytes())
    # The directory at the end is small, and flips there do most.
    start = content.index(b"PK\x01\x02") if tail else 0
    content[start + int(place * (len(content) - start))] ^= mask
    (tmp_path / "flip.nnp").write_bytes(bytes(content))
    _fine(reader(tmp_path / "flip.nnp"))


@_FUZZ
@given(
    name=st.sampled_from(["network.nntxt", "parameter.h5"]),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4),
    mask=st.integers(1, 255),
)
def test_a_flipped_byte_under_a_valid_checksum(reader, members, tmp_path, name, places, mask):
    content = bytearray(members[name])
    for place in places:
        content[int(place * len(content))] ^= mask
    _fine(reader(write_members(tmp_path / "inside.nnp", dict(members, **{name: bytes(content)}))))


@examples(40, _FUZZ)
@given(data=st.data())
def test_any_number_in_the_text_may_be_wrong(reader, members, tmp_path, data):
    lines = members["network.nntxt"].decode().split("\n")
    numbers = [i for i, line in enumerate(lines) if line.split(": ")[-1].lstrip("-").isdigit()]
    for number in data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3)):
        key = lines[number].split(": ")[0]
        value = data.draw(st.sampled_from([0, -1, 1, 3, 7, 2**20, 2**31 - 1, 2**62, -(2**62)]))
        lines[number] = f"{key}: {value}"
    content = "\n".join(lines).encode()
    _fine(
        reader(write_members(tmp_path / "number.nnp", dict(members, **{"network.nntxt": content})))
    )


@examples(40, _FUZZ)
@given(data=st.data())
def test_any_line_of_the_text_may_be_lost_or_doubled(reader, members, tmp_path, data):
    lines = members["network.nntxt"].decode().split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number : number + 1] = [lines[number]] * data.draw(st.sampled_from([0, 2]))
    content = "\n".join(lines).encode()
    _fine(reader(write_members(tmp_path / "line.nnp", dict(members, **{"network.nntxt": content}))))


@_FUZZ
@given(name=st.sampled_from(["network.nntxt", "parameter.h5", "p.protobuf"]), junk=st.binary())
def test_a_member_of_junk(reader, members, tmp_path, name, junk):
    _fine(reader(write_members(tmp_path / "junk.nnp", dict(members, **{name: junk}))))


def _bomb(tmp_path, members, size):
    """A file whose compressed member unpacks to ``size`` zeros."""
    return write_members(
        tmp_path / "bomb.nnp", dict(members, **{"p.h5": bytes(size)}), zipfile.ZIP_DEFLATED
    )


def _declared(path, size):
    """Has the directory of an archive declare another size for its last member."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", size)
    path.write_bytes(bytes(content))
    return path


def test_a_declared_size_above_the_limit_is_refused_with_both_numbers(reader, members, tmp_path):
    path = _declared(_bomb(tmp_path, members, 1000), 2**31)
    kind, text = reader(path)
    assert (
        kind == "CompressError" and f"the limit is {Limits().bytes:,}" in text and "2,147," in text
    )
    big = write_members(
        tmp_path / "text.nnp",
        dict(members, **{"big.nntxt": b"\n" * (Limits().tokens + 1)}),
        zipfile.ZIP_DEFLATED,
    )
    kind, text = reader(big)
    assert kind == "CompressError" and f"the limit is {Limits().tokens:,}" in text


def test_a_zip_bomb_takes_no_more_than_it_declares(reader, members, tmp_path):
    _fine(reader(_declared(_bomb(tmp_path, members, 2**24), 100)))
    kind, _ = reader(_bomb(tmp_path, members, 2**24))
    assert kind == "CompressError"


def test_duplicate_and_too_many_members_are_refused(reader, members, tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = write_members(tmp_path / "a.nnp", [*members.items(), *members.items()])
    assert "twice" in reader(twice)[1]
    many = write_members(tmp_path / "b.nnp", {**members, **{f"{i}.txt": b"" for i in range(1001)}})
    assert "1,004 members" in reader(many)[1]


def test_member_names_are_never_paths(reader, members, tmp_path):
    names = ["../../evil.h5", "/evil.h5", "..\\evil.h5", "a/../../evil.nntxt", "\x1b[2J.h5"]
    folder = tmp_path / "here"
    folder.mkdir()
    for name in names:
        kind, text = reader(write_members(folder / "path.nnp", {**members, name: b"junk"}))
        assert kind == "CompressError" and "path.nnp" in text
    assert sorted(tmp_path.rglob("*")) == [folder, folder / "path.nnp"]


def _hdf5(fill):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill(file)
    return memory.getvalue()


def _enormous(file):
    # Chunks that were never written take no room in the file.
    data = file.create_dataset("c/conv/W", shape=(2**20, 2**20), dtype="f4", chunks=(64, 64))
    data.attrs.update(need_grad=True, index=0)


def _of_text(file):
    file["c/conv/W"] = "text"
    file["c/conv/W"].attrs.update(need_grad=True, index=0)


def _external(file):
    file.create_dataset("c/conv/W", (16,), "u1", external=[("/etc/hostname", 0, 16)])
    file["c/conv/W"].attrs.update(need_grad=True, index=0)


def _linked(file):
    file["c"] = h5py.ExternalLink("/etc/hostname", "W")


def _wrong_shape(file):
    file["c/conv/W"] = np.zeros((3, 3), np.float32)
    file["c/conv/W"].attrs.update(need_grad=True, index=0)


@pytest.mark.parametrize(
    "fill, words",
    [
        (_enormous, f"the limit is {Limits().bytes:,}"),
        (_of_text, "of type"),
        (_external, "refers to another file"),
        (_linked, "lacks"),
        (_wrong_shape, r"shape"),
    ],
)
def test_parameters_that_are_none(reader, members, tmp_path, fill, words):
    file = write_members(tmp_path / "p.nnp", dict(members, **{"parameter.h5": _hdf5(fill)}))
    kind, text = reader(file)
    assert kind == "CompressError" and (words in text or "lacks" in text)


def test_a_parameter_of_another_shape_is_named(reader, members, tmp_path):
    file = io.BytesIO(members["parameter.h5"])
    with h5py.File(file, "r+") as stored:
        del stored["c/conv/W"]
        _wrong_shape(stored)
    kind, text = reader(
        write_members(tmp_path / "p.nnp", dict(members, **{"parameter.h5": file.getvalue()}))
    )
    assert kind == "CompressError"
    assert "parameter c/conv/W" in text and "(4, 1, 3, 3)" in text and "(3, 3) is stored" in text


def test_protobuf_parameters_must_have_as_many_values_as_they_say(reader, members, tmp_path):
    from nnabla.utils.nnabla_pb2 import NNablaProtoBuf

    message = NNablaProtoBuf()
    parameter = message.parameter.add(variable_name="c/conv/W", need_grad=True)
    parameter.shape.dim.extend([2**40, 2**40])
    parameter.data.extend([1.0, 2.0])
    content = message.SerializeToString()
    kind, text = reader(write_members(tmp_path / "p.nnp", {**members, "p.protobuf": content}))
    assert kind == "CompressError" and "2 values" in text and "c/conv/W" in text


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("dim: 8", f"dim: {2**40}", "the limit is 2,147,483,647"),
        ("group: 2", "group: 0", "group of Convolution"),
        ("group: 2", "", "group of Convolution"),
        ("batch_size: 2", f"batch_size: {2**50}", "the limit is 2,147,483,647"),
        ('output: "y"', 'output: "x"', "net"),
        ('name: "net"', 'name: "' + 10**6 * "n" + '"', ""),
    ],
)
def test_numbers_that_would_end_the_process(reader, members, tmp_path, old, new, words):
    kind, text = reader(write_members(tmp_path / "n.nnp", changed_text(members, old, new)))
    assert kind == "CompressError" if words else kind in ("ok", "CompressError")
    assert words in text and len(text) < 3000


_HEAD = 'network { name: "n" batch_size: 1 %s }'
_VARIABLE = 'variable { name: "%s" type: "Buffer" shape { dim: 1 dim: 4 } %s }'


def _network(*lines):
    return {"network.nntxt": (_HEAD % "\n".join(lines)).encode()}


def test_functions_that_wait_for_each_other_are_refused(reader, tmp_path):
    names = [_VARIABLE % (name, "") for name in "xaby"]
    functions = [
        'function { name: "f1" type: "Add2" input: "x" input: "b" output: "a" add2_param {} }',
        'function { name: "f2" type: "Tanh" input: "a" output: "b" }',
        'function { name: "f3" type: "Tanh" input: "a" output: "y" }',
    ]
    kind, text = reader(write_members(tmp_path / "circle.nnp", _network(*names, *functions)))
    assert kind == "CompressError" and "in a circle" in text


def test_a_loop_of_a_billion_turns_is_refused(reader, tmp_path):
    loop = 'repeat_info { id: "r" times: 1000000000 }'
    names = [_VARIABLE % ("x", ""), _VARIABLE % ("y", 'repeat_id: "r"')]
    function = 'function { name: "f" type: "Tanh" repeat_id: "r" input: "x" output: "y" }'
    kind, text = reader(write_members(tmp_path / "loop.nnp", _network(loop, *names, function)))
    assert kind == "CompressError" and f"the limit is {Limits().functions:,}" in text


@pytest.mark.parametrize(
    "kind, arguments, shape",
    [
        ("Tile", "tile_param { " + 4 * f"reps: {2**30} " + "}", (1, 4)),
        ("MatrixDiag", "", ()),
        ("LSTM", "lstm_param { num_layers: 1 }", ()),
        ("Arange", "arange_param { start: 0 stop: 1e30 step: 1e-9 }", None),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", (1, 4)),
        ("MaxPooling", "max_pooling_param { kernel { dim: 0 dim: 0 } }", (1, 1, 4, 4)),
        ("MaxPooling", "max_pooling_param { }", (1, 1, 4, 4)),
        ("MaxPooling", "", (1, 1, 4, 4)),
        ("AveragePooling", "", (1, 1, 4, 4)),
        ("Unpooling", "", (1, 1, 4, 4)),
        ("Interpolate", "", (1, 1, 4, 4)),
        ("Split", "", (1, 4)),
        ("Pad", "", (1, 4)),
        ("Slice", "slice_param { step: 0 }", (1, 4)),
        ("OneHot", "", (1, 4)),
        ("TopKData", "", (1, 4)),
        ("GRU", "", (1, 4)),
        ("RNN", "", (1, 4)),
        ("STFT", "", (1, 4)),
        ("Transpose", "", (1, 4)),
        ("BatchMatmul", "", (1, 4)),
    ],
)
def test_functions_that_trust_their_arguments(reader, tmp_path, kind, arguments, shape):
    dims = "" if not shape else " ".join(f"dim: {size}" for size in shape)
    inputs = {"Arange": 0, "LSTM": 4, "GRU": 3, "RNN": 3, "BatchMatmul": 2}.get(kind, 1)
    names = [
        f'variable {{ name: "x{i}" type: "Buffer" shape {{ {dims} }} }}' for i in range(inputs)
    ]
    text = " ".join(f'input: "x{i}"' for i in range(inputs))
    function = f'function {{ name: "f" type: "{kind}" {text} output: "y" {arguments} }}'
    _fine(
        reader(write_members(tmp_path / "f.nnp", _network(*names, _VARIABLE % ("y", ""), function)))
    )
