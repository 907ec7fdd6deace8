# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small files that ask for very much: ``python -m tests.fuzz.hostile FOLDER`` writes them all.

Each is a few kilobytes, at most 1 MiB, and valid as far as its format goes, so that only a limit
stands between it and all memory, or all time.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import h5py
import numpy as np

Shape = Sequence[int]
NETWORKS: Dict[str, Callable[[], bytes]] = {}
DATA: Dict[str, Callable[[], bytes]] = {}
TEXTS: Dict[str, Callable[[], bytes]] = {}
FEATURES = 4


def _named(table: Dict[str, Callable[[], bytes]]) -> Callable[[Callable[[], bytes]], Any]:
    def keep(make: Callable[[], bytes]) -> Callable[[], bytes]:
        table[make.__name__] = make
        return make

    return keep


network, data, text = (_named(table) for table in (NETWORKS, DATA, TEXTS))


# --- parts of networks ---


def variable(name: str, shape: Shape, kind: str = "Buffer", more: str = "") -> str:
    """A variable of a text."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return f'variable {{ name: "{name}" type: "{kind}" shape {{ {dims} }} {more} }}\n'


def function(kind: str, inputs: Sequence[str], output: str, arguments: str = "") -> str:
    """A function of a text."""
    read = " ".join(f'input: "{name}"' for name in inputs)
    name = f"f_{output}"
    return f'function {{ name: "{name}" type: "{kind}" {read} output: "{output}" {arguments} }}\n'


def executor(name: str = "x") -> str:
    """What says that x goes in and y comes out."""
    return (
        'executor { name: "run" network_name: "net" '
        f'data_variable {{ variable_name: "{name}" data_name: "{name}" }} '
        'output_variable { variable_name: "y" data_name: "y" } }\n'
    )


def net(*parts: str, head: str = "batch_size: 1") -> str:
    """The text of a network."""
    return f'network {{ name: "net" {head}\n{"".join(parts)} }}\n{executor()}'


def hdf5(arrays: Mapping[str, np.ndarray], **options: Any) -> bytes:
    """Parameters."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for index, (name, values) in enumerate(arrays.items()):
            item = file.create_dataset(name, data=values, **options)
            item.attrs.update(need_grad=True, index=index)
    return memory.getvalue()


def archive(members: Mapping[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive in memory."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", packing) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return memory.getvalue()


def nnp(text: str, parameters: bytes = b"", **members: bytes) -> bytes:
    """An ``.nnp`` of a text and parameters."""
    given = {f"more{number}.h5": content for number, content in enumerate(members.values())}
    parameters = parameters or hdf5({})
    return archive({"network.nntxt": text.encode(), "parameter.h5": parameters, **given})


def one(kind: str, arguments: str = "", shape: Shape = (1, FEATURES), out: Shape = (1, 1)) -> bytes:
    """A network of one function behind an Affine, so that every verb has a layer to work on."""
    weights = hdf5({"fc/W": np.ones((FEATURES, FEATURES), np.float32)})
    before = [
        variable("x", (1, FEATURES)),
        variable("fc/W", (FEATURES, FEATURES), "Parameter"),
        variable("h", (1, FEATURES)),
        function("Affine", ["x", "fc/W"], "h", "affine_param { base_axis: 1 }"),
    ]
    if tuple(shape) != (1, FEATURES):
        dims = " ".join(f"dim: {size}" for size in shape)
        before += [
            variable("r", shape),
            function("Reshape", ["h"], "r", f"reshape_param {{ shape {{ {dims} }} }}"),
        ]
    last = "h" if tuple(shape) == (1, FEATURES) else "r"
    return nnp(net(*before, variable("y", out), function(kind, [last], "y", arguments)), weights)


def chain(count: int, kind: str = "Tanh", arguments: str = "") -> bytes:
    """So many functions one behind another."""
    parts = [variable("x", (1, FEATURES)), variable("fc/W", (FEATURES, FEATURES), "Parameter")]
    parts += [variable("v0", (1, FEATURES))]
    parts += [function("Affine", ["x", "fc/W"], "v0", "affine_param { base_axis: 1 }")]
    for number in range(1, count):
        parts.append(variable(f"v{number}", (1, FEATURES)))
        parts.append(function(kind, [f"v{number - 1}"], f"v{number}", arguments))
    parts += [variable("y", (1, FEATURES)), function("Tanh", [f"v{count - 1}"], "y")]
    return nnp(net(*parts), hdf5({"fc/W": np.ones((FEATURES, FEATURES), np.float32)}))


# --- archives ---


@network
def zeros_in_the_archive() -> bytes:
    """An HDF5 member of 900 MB of zeros."""
    return archive({"network.nntxt": net().encode(), "p.h5": bytes(900_000_000)})


@network
def declares_less_than_it_unpacks() -> bytes:
    """The directory says that a member has 100 bytes; it has 500 MB."""
    content = bytearray(archive({"network.nntxt": net().encode(), "p.h5": bytes(500_000_000)}))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    return bytes(content)


@network
def packed_by_bzip2() -> bytes:
    """Of bzip2 a kilobyte unpacks to hundreds of megabytes, whatever the directory says."""
    content = bytearray(
        archive({"network.nntxt": net().encode(), "p.h5": bytes(700_000_000)}, zipfile.ZIP_BZIP2)
    )
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    return bytes(content)


@network
def many_members() -> bytes:
    """As many members as fit into a megabyte."""
    return archive(
        {"network.nntxt": net().encode(), **{f"{n}.h5": b"" for n in range(9_000)}},
        zipfile.ZIP_STORED,
    )


@network
def archive_in_an_archive() -> bytes:
    """Nested archives are no parameters."""
    inner = archive({"p.h5": bytes(400_000_000)})
    return archive({"network.nntxt": net().encode(), "p.h5": inner, "q.nnp": inner})


# --- texts and messages ---


@network
def text_of_monitors() -> bytes:
    """28 MB of words."""
    return nnp(net() + 1_000_000 * 'monitor { name: "m" }\n')


@network
def text_of_dimensions() -> bytes:
    """A variable of a million axes, a number and a comma each."""
    dims = ",".join(["1"] * 500_000)
    shape = f'variable {{ name: "x" type: "Buffer" shape {{ dim: [{dims}] }} }}\n'
    return nnp(net(shape))


@network
def text_of_empty_messages() -> bytes:
    """Networks, a word and two brackets each."""
    return nnp(net() + 300_000 * "network{}")


@network
def text_of_white_space() -> bytes:
    """Nothing, for 15 MB."""
    return nnp(net() + 15_000_000 * " ")


@network
def text_of_one_string() -> bytes:
    """A name of 8 MB with escapes."""
    return nnp(net(variable(2_000_000 * "\\001", (1, 4))))


@network
def text_of_lines_near_the_limit() -> bytes:
    """As many words as are allowed, nearly."""
    return nnp(net() + 200_000 * 'monitor{name:"m"}')


@network
def messages_of_two_bytes() -> bytes:
    """A binary member of empty networks: each becomes an object of some hundred bytes."""
    return archive({"network.nntxt": net().encode(), "p.protobuf": 4_000_000 * b"\xa2\x06\x00"})


@network
def functions_of_two_bytes() -> bytes:
    """Likewise within one network."""
    inner = 4_000_000 * b"\xa2\x06\x00"
    length = b"".join(bytes([len(inner) >> shift & 127 | 128]) for shift in (0, 7, 14))
    field = b"\xa2\x06" + length + bytes([len(inner) >> 21])
    return archive({"network.nntxt": net().encode(), "p.protobuf": field + inner})


@network
def parameters_of_two_bytes() -> bytes:
    """Likewise parameters without a name."""
    return archive({"network.nntxt": net().encode(), "p.protobuf": 4_000_000 * b"\xc2\x0c\x00"})


@network
def metadata_that_nests() -> bytes:
    """Notes of an export, nested half a million times."""
    content = zipfile.ZipFile(io.BytesIO(one("Tanh")))
    members = {name: content.read(name) for name in content.namelist()}
    return archive({**members, "nnabla_compress.json": 500_000 * b"["})


@network
def metadata_of_lists() -> bytes:
    """Notes of an export: 14 MB of empty lists."""
    content = zipfile.ZipFile(io.BytesIO(one("Tanh")))
    members = {name: content.read(name) for name in content.namelist()}
    notes = b'{"layers": [' + b",".join([b"[]"] * 4_600_000) + b"]}"
    return archive({**members, "nnabla_compress.json": notes})


@network
def settings_of_many_lines() -> bytes:
    """Types of 100,000 variables that don't exist."""
    content = zipfile.ZipFile(io.BytesIO(one("Tanh")))
    members = {name: content.read(name) for name in content.namelist()}
    lines = "".join(f"  v{n}: SIGN\n" for n in range(70_000))
    return archive({**members, "settings.yaml": b"variables:\n" + lines.encode()})


# --- parameters ---


def _weights(values: bytes) -> bytes:
    parts = [
        variable("x", (1, FEATURES)),
        variable("fc/W", (FEATURES, FEATURES), "Parameter"),
        variable("y", (1, FEATURES)),
        function("Affine", ["x", "fc/W"], "y", "affine_param { base_axis: 1 }"),
    ]
    return nnp(net(*parts), hdf5({"fc/W": np.ones((FEATURES, FEATURES), np.float32)}), more=values)


def _declared(shape: Shape, **options: Any) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        item = file.create_dataset("big/W", shape=shape, dtype="f4", **options)
        item.attrs.update(need_grad=True, index=9)
    return memory.getvalue()


@network
def hdf5_without_data() -> bytes:
    """An array of a terabyte of which no chunk was written."""
    return _weights(_declared((2**20, 2**18), chunks=(64, 64)))


@network
def hdf5_of_fill_values() -> bytes:
    """256 MB that are a fill value."""
    return _weights(_declared((2**26,), chunks=(2**10,), fillvalue=1.5))


@network
def hdf5_of_compressed_zeros() -> bytes:
    """128 MB of zeros, deflated within the HDF5 file."""
    return _weights(hdf5({"big/W": np.zeros(2**25, np.float32)}, compression="gzip"))


@network
def hdf5_of_compressed_zeros_near_the_limit() -> bytes:
    """What is allowed, nearly: a layer of four million weights in a few kilobytes."""
    parts = [
        variable("x", (1, FEATURES)),
        variable("fc/W", (FEATURES, 1_000_000), "Parameter"),
        variable("y", (1, 1_000_000)),
        function("Affine", ["x", "fc/W"], "y", "affine_param { base_axis: 1 }"),
    ]
    values = np.zeros((FEATURES, 1_000_000), np.float32)
    values[:, ::7] = 0.5
    return nnp(net(*parts), hdf5({"fc/W": values}, compression="gzip"))


@network
def hdf5_of_a_large_chunk() -> bytes:
    """An array of 4 numbers in a chunk of 400 MB."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        item = file.create_dataset(
            "big/W", (4,), "f4", maxshape=(None,), chunks=(10**8,), compression="gzip"
        )
        item[...] = 1
        item.attrs.update(need_grad=True, index=9)
    return _weights(memory.getvalue())


@network
def hdf5_of_many_arrays() -> bytes:
    """Thousands of arrays of one number."""
    return _weights(hdf5({f"a{n}/W": np.ones(1, np.float32) for n in range(2_500)}))


@network
def hdf5_of_links() -> bytes:
    """Groups that hold each other, and links to themselves and to other files."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        groups = [file.create_group(f"g{n}") for n in range(300)]
        for first, second in zip(groups, groups[1:]):
            first["a"] = first["b"] = second
        groups[-1]["round"] = groups[0]
        file["soft"] = h5py.SoftLink("/soft")
        file["out"] = h5py.ExternalLink("/dev/zero", "/")
    return _weights(memory.getvalue())


@network
def hdf5_in_capitals() -> bytes:
    """A member that NNabla reads by its ending, whatever its letters."""
    content = zipfile.ZipFile(io.BytesIO(one("Tanh")))
    members = {name: content.read(name) for name in content.namelist()}
    zeros = hdf5({"big/W": np.zeros(2**26, np.float32)}, compression="gzip")
    return archive({**members, "big.H5": zeros})


@network
def parameter_without_data() -> bytes:
    """A parameter of a trillion numbers that the file would have initialized."""
    more = 'initializer { type: "Normal" multiplier: 1 }'
    parts = [
        variable("x", (1, FEATURES)),
        variable("fc/W", (FEATURES, 2**38), "Parameter", more),
        variable("y", (1, 2**38)),
        function("Affine", ["x", "fc/W"], "y", "affine_param { base_axis: 1 }"),
    ]
    return nnp(net(*parts))


# --- variables and functions ---


@network
def input_of_a_trillion() -> bytes:
    """An input of 10^12 numbers."""
    return nnp(net(variable("x", (1, 10**12)), variable("y", (1, 1)), function("Tanh", ["x"], "y")))


@network
def input_of_a_gigabyte() -> bytes:
    """An input of 2^28 numbers."""
    return nnp(net(variable("x", (1, 2**28)), variable("y", (1, 1)), function("Tanh", ["x"], "y")))


@network
def batch_of_a_million() -> bytes:
    """A batch size of the file that takes 16 GB."""
    return nnp(
        net(
            variable("x", (-1, 4096)),
            variable("y", (-1, 4096)),
            function("Tanh", ["x"], "y"),
            head="batch_size: 1000000",
        )
    )


@network
def input_of_thousands_of_axes() -> bytes:
    """A shape of 20,000 axes of one."""
    return nnp(
        net(variable("x", [1] * 20_000), variable("y", (1, 1)), function("Tanh", ["x"], "y"))
    )


@network
def steps_that_double() -> bytes:
    """Each function joins a map with itself: 2^40 at the end."""
    parts = [variable("x", (1, FEATURES)), variable("v0", (1, FEATURES))]
    parts.append(function("Tanh", ["x"], "v0"))
    for n in range(40):
        parts.append(variable(f"v{n + 1}", (1, FEATURES)))
        both = [f"v{n}", f"v{n}"]
        parts.append(function("Concatenate", both, f"v{n + 1}", "concatenate_param { axis: 1 }"))
    parts += [variable("y", (1, 1)), function("Tanh", ["v40"], "y")]
    return nnp(net(*parts))


@network
def sums_of_rows_and_columns() -> bytes:
    """(1, 8192) + (8192, 1): 67 million numbers, by two functions of no arguments."""
    parts = [
        variable("x", (1, 8192)),
        variable("c", (8192, 1)),
        function("Reshape", ["x"], "c", "reshape_param { shape { dim: 8192 dim: 1 } }"),
        variable("y", (8192, 8192)),
        function("Add2", ["x", "c"], "y", "add2_param {}"),
    ]
    return nnp(net(*parts))


def _dims(*sizes: int) -> str:
    return "{ " + " ".join(f"dim: {size}" for size in sizes) + " }"


_MAP = (1, 1, 2, 2)
_FUNCTIONS: List[Tuple[str, str, Shape]] = [
    ("Pad", 'pad_param { pad_width: [0, 0, 0, 1000000000] mode: "constant" }', (1, 4)),
    ("Pad", 'pad_param { pad_width: [0, 0, 0, 100000000] mode: "constant" }', (1, 4)),
    ("Pad", 'pad_param { pad_width: [0, 0, 0, 30000000] mode: "reflect" }', (1, 4)),
    ("Pad", 'pad_param { pad_width: [0, 0, 0, 30000000] mode: "repeat" }', (1, 4)),
    ("Tile", "tile_param { reps: [1, 100000000] }", (1, 4)),
    ("Broadcast", f"broadcast_param {{ shape {_dims(2**28, 4)} }}", (1, 4)),
    ("BroadcastTo", "broadcast_to_param { axis: 0 }", (1, 4)),
    ("Interpolate", 'interpolate_param { output_size: [20000, 20000] mode: "linear" }', _MAP),
    ("Interpolate", 'interpolate_param { output_size: [20000, 20000] mode: "nearest" }', _MAP),
    ("OneHot", f"one_hot_param {{ shape {_dims(100000000)} }}", (4, 1)),
    ("Unpooling", f"unpooling_param {{ kernel {_dims(20000, 20000)} }}", _MAP),
    ("MatrixDiag", "", (1, 4)),
    ("RandomShift", "random_shift_param { shifts: [100000000] }", (1, 4)),
    (
        "MaxPooling",
        f"max_pooling_param {{ kernel {_dims(1, 1)} stride {_dims(1, 1)} ignore_border: true "
        f"pad {_dims(20000, 20000)} }}",
        _MAP,
    ),
    (
        "AveragePooling",
        f"average_pooling_param {{ kernel {_dims(9000, 9000)} stride {_dims(1, 1)} "
        f"ignore_border: true pad {_dims(8999, 8999)} including_pad: true }}",
        _MAP,
    ),
    ("Arange", "arange_param { start: 0 stop: 100000000 step: 1 }", (1, 4)),
    ("TopKData", "top_k_data_param { k: 100000000 base_axis: 1 }", (1, 4)),
    ("STFT", "stft_param { window_size: 100000000 stride: 1 fft_size: 134217728 }", (1, 4)),
    ("Repeat", "", (1, 4)),
    ("Sort", "sort_param { axis: 1000000000 }", (1, 4)),
    ("DepthwiseConvolution", "", _MAP),
    ("AffineGrid", "affine_grid_param { size: [20000, 20000] }", (1, 2, 2)),
    ("RandomCrop", f"random_crop_param {{ shape {_dims(100000000)} }}", (1, 4)),
    ("ImageAugmentation", f"image_augmentation_param {{ shape {_dims(1, 20000, 20000)} }}", _MAP),
    ("RandomChoice", f"random_choice_param {{ shape {_dims(100000000)} }}", (1, 4)),
    ("Shift", 'shift_param { shifts: [1000000000] border_mode: "nearest" }', (1, 4)),
    ("Stack", "stack_param { axis: 0 }", (1, 4)),
    ("Split", "split_param { axis: 1 }", (1, 4)),
    ("Slice", "slice_param { start: 0 stop: 1 step: 1 }", (1, 4)),
]
_SOURCES: List[Tuple[str, str]] = [
    ("Constant", f"constant_param {{ val: 1 shape {_dims(2**28)} }}"),
    ("Rand", f"rand_param {{ low: 0 high: 1 shape {_dims(2**28)} }}"),
    ("Randn", f"randn_param {{ mu: 0 sigma: 1 shape {_dims(2**28)} }}"),
    ("Randint", f"randint_param {{ low: 0 high: 9 shape {_dims(2**28)} }}"),
    ("Arange", "arange_param { start: 0 stop: 16000000 step: 1 }"),
    ("Linspace", "linspace_param { start: 0 stop: 1 num: 100000000 }"),
]


def _function(kind: str, arguments: str, shape: Shape) -> Callable[[], bytes]:
    return lambda: one(kind, arguments, shape)


def _source(kind: str, arguments: str) -> Callable[[], bytes]:
    parts = [
        variable("x", (1, FEATURES)),
        variable("c", (1,)),
        function(kind, [], "c", arguments),
        variable("s", (1,)),
        function("Sum", ["c"], "s", "sum_param { axes: [0] keep_dims: true }"),
        variable("y", (1, FEATURES)),
        function("Add2", ["x", "s"], "y", "add2_param {}"),
    ]
    return lambda: nnp(net(*parts))


for _number, (_kind, _arguments, _shape) in enumerate(_FUNCTIONS):
    NETWORKS[f"function_{_number}_{_kind}"] = _function(_kind, _arguments, _shape)
for _number, (_kind, _arguments) in enumerate(_SOURCES):
    NETWORKS[f"source_{_number}_{_kind}"] = _source(_kind, _arguments)


# --- many functions, and loops ---


@network
def a_chain_near_the_limit() -> bytes:
    """1,200 functions one behind another: with their variables what is allowed, nearly."""
    return chain(1_200)


@network
def a_chain_of_thousands() -> bytes:
    """4,900 functions one behind another: more than is allowed."""
    return chain(4_900)


@network
def a_chain_of_ten_thousands() -> bytes:
    """More than is allowed."""
    return chain(30_000)


@network
def a_chain_of_layers() -> bytes:
    """Layers that share a weight."""
    parts = [variable("x", (1, FEATURES)), variable("fc/W", (FEATURES, FEATURES), "Parameter")]
    last = "x"
    for number in range(3_000):
        parts.append(variable(f"v{number}", (1, FEATURES)))
        parts.append(
            function("Affine", [last, "fc/W"], f"v{number}", "affine_param { base_axis: 1 }")
        )
        last = f"v{number}"
    parts += [variable("y", (1, FEATURES)), function("Tanh", [last], "y")]
    return nnp(net(*parts), hdf5({"fc/W": np.ones((FEATURES, FEATURES), np.float32)}))


@network
def layers_of_their_own() -> bytes:
    """2,000 layers, each with a weight of its own."""
    parts, weights, last = [variable("x", (1, FEATURES))], {}, "x"
    for number in range(1_500):
        parts.append(variable(f"l{number}/affine/W", (FEATURES, FEATURES), "Parameter"))
        parts.append(variable(f"v{number}", (1, FEATURES)))
        read = [last, f"l{number}/affine/W"]
        parts.append(function("Affine", read, f"v{number}", "affine_param { base_axis: 1 }"))
        weights[f"l{number}/affine/W"] = np.eye(FEATURES, dtype=np.float32)
        last = f"v{number}"
    parts += [variable("y", (1, FEATURES)), function("Tanh", [last], "y")]
    return nnp(net(*parts), hdf5(weights))


@network
def branches_that_meet() -> bytes:
    """A map that is added to itself 2,000 times: 2^2000 ways from the input to the output."""
    parts = [variable("x", (1, FEATURES)), variable("fc/W", (FEATURES, FEATURES), "Parameter")]
    parts += [variable("v0", (1, FEATURES))]
    parts += [function("Affine", ["x", "fc/W"], "v0", "affine_param { base_axis: 1 }")]
    for n in range(2_000):
        parts.append(variable(f"v{n + 1}", (1, FEATURES)))
        parts.append(function("Add2", [f"v{n}", f"v{n}"], f"v{n + 1}", "add2_param {}"))
    parts += [variable("y", (1, FEATURES)), function("Tanh", ["v2000"], "y")]
    return nnp(net(*parts), hdf5({"fc/W": np.ones((FEATURES, FEATURES), np.float32)}))


@network
def one_reader_of_thousands() -> bytes:
    """A function of 20,000 inputs."""
    names = ["x"] * 20_000
    parts = [variable("x", (1, FEATURES)), variable("y", (1, 80_000))]
    return nnp(net(*parts, function("Concatenate", names, "y", "concatenate_param { axis: 1 }")))


@network
def a_loop_of_thousands() -> bytes:
    """A loop that writes out to as many functions as are allowed, nearly."""
    parts = [
        'repeat_info { id: "r" times: 4000 }\n',
        variable("x", (1, FEATURES)),
        variable("s", (1, FEATURES)),
        variable("h", (1, FEATURES), more='repeat_id: "r"'),
        variable("y", (1, FEATURES)),
        'function { name: "start" type: "RepeatStart" input: "x" input: "h" output: "s" '
        'repeat_param { repeat_id: "r" times: 4000 } repeat_id: "r" }\n',
        'function { name: "tanh" type: "Tanh" input: "s" output: "h" repeat_id: "r" }\n',
        'function { name: "end" type: "RepeatEnd" input: "h" output: "y" '
        'repeat_param { repeat_id: "r" times: 4000 } }\n',
    ]
    return nnp(net(*parts))


@network
def loops_within_loops() -> bytes:
    """A hundred loops of 100 turns within each other."""
    infos = [f'repeat_info {{ id: "r{n}" times: 100 }}\n' for n in range(100)]
    ids = " ".join(f'repeat_id: "r{n}"' for n in range(100))
    parts = [variable("x", (1, 4)), variable("y", (1, 4), more=ids)]
    return nnp(net(*infos, *parts, function("Tanh", ["x"], "y", ids)))


# --- work ---


@network
def much_work_in_few_numbers() -> bytes:
    """A convolution of a small file over a large map: 10^12 products."""
    values = np.zeros((512, 512, 3, 3), np.float32)
    parts = [
        variable("x", (1, 1, 224, 224)),
        variable("b", (1, 512, 224, 224)),
        function("Broadcast", ["x"], "b", f"broadcast_param {{ shape {_dims(1, 512, 224, 224)} }}"),
        variable("c/conv/W", values.shape, "Parameter"),
        variable("y", (1, 512, 224, 224)),
        function(
            "Convolution",
            ["b", "c/conv/W"],
            "y",
            f"convolution_param {{ base_axis: 1 pad {_dims(1, 1)} stride {_dims(1, 1)} "
            f"dilation {_dims(1, 1)} group: 1 }}",
        ),
    ]
    return nnp(net(*parts), hdf5({"c/conv/W": values}, compression="gzip"))


@network
def products_of_large_matrices() -> bytes:
    """4096 x 4096 times itself, without a weight."""
    parts = [
        variable("x", (1, 4096)),
        variable("b", (1, 4096, 4096)),
        variable("r", (1, 1, 4096)),
        function("Reshape", ["x"], "r", f"reshape_param {{ shape {_dims(1, 1, 4096)} }}"),
        function("Broadcast", ["r"], "b", f"broadcast_param {{ shape {_dims(1, 4096, 4096)} }}"),
        variable("y", (1, 4096, 4096)),
        function("BatchMatmul", ["b", "b"], "y", "batch_matmul_param {}"),
    ]
    return nnp(net(*parts))


# --- data ---


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays, deflated."""
    memory = io.BytesIO()
    np.savez_compressed(memory, **arrays)
    return memory.getvalue()


def _head(shape: str, dtype: str = "'<f4'") -> bytes:
    head = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head


@data
def npz_of_zeros() -> bytes:
    """900 MB of zeros."""
    return npz({"x": np.zeros((56_000_000, FEATURES), np.float32), "y": np.zeros(4)})


@data
def npz_of_a_false_shape() -> bytes:
    """A head that declares four terabytes."""
    return archive({"x.npy": _head("(1099511627776,)") + bytes(100), "y.npy": _head("(4,)")})


@data
def npz_of_nothing_times_much() -> bytes:
    """A shape of zero and very many."""
    return archive({"x.npy": _head("(4611686018427387904, 0)"), "y.npy": _head("(4,)") + bytes(16)})


@data
def npz_of_many_members() -> bytes:
    """Nine thousand arrays of nothing."""
    content = _head("(0,)")
    return archive({f"x{n}.npy": content for n in range(4_500)})


@data
def npz_by_bzip2() -> bytes:
    """Packed by bzip2."""
    values = _head("(50000000, 4)") + bytes(800_000_000)
    return archive({"x.npy": values}, zipfile.ZIP_BZIP2)


@data
def npz_of_a_long_head() -> bytes:
    """A head of 60,000 brackets."""
    head = b"(" * 60_000 + b"\n"
    return archive({"x.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head})


# --- texts of recipes and rules ---


@text
def yaml_of_aliases() -> bytes:
    """Nine lists of nine aliases of the one before: 9^9 entries."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join([*lines, "name: *a8", "weights: *a8", "compression: {weights: *a8}"]).encode()


@text
def yaml_that_holds_itself() -> bytes:
    """A list in itself."""
    return b"name: n\nmodel: &a {nnp: *a}\nweights: &w [*w]\n"


@text
def yaml_that_nests() -> bytes:
    """Half a million brackets."""
    return b"weights: " + 500_000 * b"["


@text
def yaml_of_many_lines() -> bytes:
    """A megabyte of entries."""
    return b"weights:\n" + 90_000 * b"- fc=lut:b\n"


@text
def yaml_of_a_long_number() -> bytes:
    """A number of a megabyte."""
    return b"seed: " + 1_000_000 * b"9"


@text
def yaml_of_sixties() -> bytes:
    """A number of base 60, as YAML 1.1 has them."""
    return b"seed: 1" + 400_000 * b":1"


@text
def yaml_of_tags() -> bytes:
    """Tags of Python."""
    return b"name: !!python/object/apply:os.system [exit]\n"


def write(folder: Path) -> Dict[str, Path]:
    """Writes all files and returns them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for table, ending in ((NETWORKS, ".nnp"), (DATA, ".npz"), (TEXTS, ".yaml")):
        for name, make in table.items():
            made[name] = folder / f"{name}{ending}"
            made[name].write_bytes(make())
    return made


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])).values():
        print(f"{path.stat().st_size:>9,} {path}")
