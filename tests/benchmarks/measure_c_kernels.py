# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Measures the C kernels on the layers of ResNet-20 for CIFAR-10: time, instructions, code size.

    python tests/benchmarks/measure_c_kernels.py --json docs/results/c_kernels.json

Times are those of one thread, the least of several rounds in which all kernels take turns. What
is not installed is left out: valgrind, gcc-arm-none-eabi, and the C runtime that NNABLART_INCLUDE
and NNABLART_LIB name, on which the network that NNABLA_COMPRESS_DATA holds is run as a whole.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.c_kernels import GLUE, KERNELS, source_folder
from nnabla_compress.c_kernels.rewrite import PACKED_LAYERS, pack_network
from nnabla_compress.exporters import export_nnb
from nnabla_compress.nnb import NnbFile, read_nnb, to_bytes, values, write_nnb

DRIVER = Path(__file__).parent / "c_kernels_bench.c"
RUNTIME_DRIVER = Path(__file__).parent / "c_runtime_bench.c"
STUB = Path(__file__).parents[1] / "c_kernels" / "stub_runtime"
TIMED = ["-O3", "-march=native"]
COUNTED = ["-O3", "-mavx2", "-mfma"]  # valgrind does not know AVX-512
CORTEX_M4F = ["-Os", "-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]


class Layer(NamedTuple):
    """A layer of the network and how often it has one like this."""

    name: str
    times: int
    kind: int  # 0 convolution, 2 affine
    in_maps: int
    out_maps: int
    size: int  # height and width of the input
    kernel: int
    pad: int
    stride: int
    groups: int = 1

    def line(self, bits: int) -> str:
        """What the driver reads."""
        height, width = SIZES.get(self.size, (self.size, self.size))
        sizes = (self.kind, self.groups, self.in_maps, self.out_maps, height, width)
        return " ".join(map(str, (*sizes, self.kernel, self.pad, self.stride, bits)))


KEYWORDS_SIZE = 0
SIZES = {KEYWORDS_SIZE: (25, 5)}  # maps that are not square
DEPTHWISE = [
    Layer("64 of 25 x 5", 1, 0, 1, 1, KEYWORDS_SIZE, 3, 1, 1, 64),
    Layer("64 of 32 x 32", 1, 0, 1, 1, 32, 3, 1, 1, 64),
    Layer("64 of 32 x 32, stride 2", 1, 0, 1, 1, 32, 3, 1, 2, 64),
    Layer("96 of 25 x 25, stride 2", 1, 0, 1, 1, 25, 3, 1, 2, 96),
    Layer("256 of 6 x 6", 1, 0, 1, 1, 6, 3, 1, 1, 256),
]
RESNET20 = [
    Layer("3 -> 16, 32 x 32", 1, 0, 3, 16, 32, 3, 1, 1),
    Layer("16 -> 16, 32 x 32", 6, 0, 16, 16, 32, 3, 1, 1),
    Layer("16 -> 32, 32 x 32, stride 2", 1, 0, 16, 32, 32, 3, 1, 2),
    Layer("32 -> 32, 16 x 16", 5, 0, 32, 32, 16, 3, 1, 1),
    Layer("32 -> 64, 16 x 16, stride 2", 1, 0, 32, 64, 16, 3, 1, 2),
    Layer("64 -> 64, 8 x 8", 5, 0, 64, 64, 8, 3, 1, 1),
    Layer("64 -> 10, affine", 1, 2, 64, 10, 1, 1, 0, 1),
]


def compile_driver(folder: Path, flags: List[str]) -> Path:
    """Compiles kernels and driver with gcc."""
    program = folder / "bench"
    sources = [str(DRIVER), str(source_folder() / KERNELS[0])]
    command = ["gcc", *flags, f"-I{source_folder()}", "-o", str(program), *sources]
    subprocess.run(command, check=True)
    return program


def output(command: List[str], text: str = "") -> str:
    """Standard output and error of a command."""
    return subprocess.run(
        command, input=text, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout


def times(layers: List[Layer], rounds: int, flags: List[str] = TIMED) -> List[Dict[str, object]]:
    """Nanoseconds of layers: plain loop, fast and int8 kernels, 4-bit codes and float32 weights."""
    lines = [layer.line(bits) for bits in (4, 32) for layer in layers]
    with tempfile.TemporaryDirectory() as folder:
        program = compile_driver(Path(folder), flags)
        printed = output([str(program), str(rounds)], "\n".join(lines)).splitlines()
    numbers = [[int(number) for number in line.split()] for line in printed]
    found = []
    for layer, packed, float32 in zip(layers, numbers, numbers[len(layers) :]):
        found.append(
            {
                "layer": layer.name,
                "times": layer.times,
                "exact_ns": packed[0],
                "fast_ns": packed[1],
                "int8_ns": packed[4],
                "float32_exact_ns": float32[0],
                "float32_fast_ns": float32[1],
                "exact_scratch_bytes": packed[2],
                "fast_scratch_bytes": packed[3],
            }
        )
    return found


def instructions() -> List[Dict[str, object]]:
    """Instructions of every layer with 4-bit codes, counted by callgrind."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        program = compile_driver(Path(folder), COUNTED)
        for layer in RESNET20:
            row: Dict[str, object] = {"layer": layer.name, "times": layer.times}
            for mode in ("exact", "fast"):
                function = "packed_affine" if layer.kind else "packed_convolution"
                function += "_fast" if mode == "fast" else ""
                tool = ["valgrind", "--tool=callgrind", f"--toggle-collect={function}"]
                tool.append(f"--callgrind-out-file={folder}/out")
                printed = output([*tool, str(program), "1", "once", mode], layer.line(4))
                row[mode] = int(re.search(r"Collected : (\d+)", printed).group(1))  # type: ignore
            found.append(row)
    return found


CODE = {
    "exact convolution": ["packed_convolution"],
    "exact, all layers": ["packed_convolution", "packed_deconvolution", "packed_affine"],
    "integer, all layers": ["packed_convolution_integer", "packed_affine_integer"],
    "fast, all layers": ["packed_convolution_fast", "packed_affine_fast"],
    "glue with exact and integer kernels": ["packed_register_exact", "packed_self_test"],
    "glue with fast and integer kernels": ["packed_register_fast", "packed_self_test"],
    "glue with exact, integer and int8 kernels": ["packed_register_exact", "packed_self_test"],
    "glue with exact and integer kernels and Embed": ["packed_register_exact", "packed_self_test"],
}


def code_sizes() -> Dict[str, int]:
    """Bytes of code on a Cortex-M4F, unused sections dropped, with what it needs of libc."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        sources = [str(source_folder() / name) for name in (KERNELS[0], GLUE[0])]
        include = [f"-I{STUB}", f"-I{source_folder()}"]
        for name, symbols in CODE.items():
            linked = f"{folder}/linked"
            keep = [f"-Wl,-u,{symbol}" for symbol in symbols]
            keep += [] if "int8" in name else ["-DPACKED_NO_INT8"]
            keep += [] if "Embed" in name else ["-DPACKED_NO_EMBED"]
            flags = [*CORTEX_M4F, "-ffunction-sections", "-fdata-sections", "-nostartfiles"]
            link = [
                "-Wl,--gc-sections,--unresolved-symbols=ignore-all",
                f"-Wl,-e,{symbols[0]}",
                *keep,
            ]
            command = ["arm-none-eabi-gcc", *flags, *include, *sources, *link]
            subprocess.run([*command, "-o", linked], check=True)
            found[name] = int(output(["arm-none-eabi-size", linked]).splitlines()[1].split()[0])
    return found


def with_dictionaries(network: NnbFile, bits: int) -> NnbFile:
    """The network with each weight rounded to as many of its quantiles."""
    variables = list(network.variables)
    for function in network.functions:
        if function.type_name in PACKED_LAYERS:
            number = function.inputs[1]
            weight = values(variables[number])
            entries = np.quantile(weight, (np.arange(2**bits) + 0.5) / 2**bits).astype(np.float32)
            nearest = abs(weight.reshape(-1, 1) - entries).argmin(axis=1)
            variables[number] = replace(variables[number], data=entries[nearest].tobytes())
    return replace(network, variables=tuple(variables))


def on_runtime(include: str, library: str, nnp: Path) -> Dict[str, object]:
    """Bytes and times of the whole network on the C runtime, with float and with 4-bit weights."""
    result: Dict[str, object] = {}
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        floats = with_dictionaries(read_nnb(export_nnb(f"{folder}/net.nnb", nnp)), 4)
        packed, _ = pack_network(floats)
        names = ("libnnablart_runtime", "libnnablart_functions")
        found = [str(path) for name in names for path in sorted(Path(library).rglob(name + ".*"))]
        sources = [str(source_folder() / name) for name in (KERNELS[0], GLUE[0])]
        command = ["gcc", *TIMED, "-w", f"-I{source_folder()}", f"-I{include}"]
        program = f"{folder}/bench"
        subprocess.run(
            [*command, "-o", program, str(RUNTIME_DRIVER), *sources, *found, "-lm"], check=True
        )
        runs = [("float", floats, "exact"), ("exact", packed, "exact"), ("fast", packed, "fast")]
        for name, network, mode in runs:
            path = write_nnb(f"{folder}/{name}.nnb", network)
            time, context, *y = output([program, mode, str(path)]).split()
            outputs[name] = np.array([float.fromhex(value) for value in y])
            result[name] = {
                "file_bytes": path.stat().st_size,
                "buffer_bytes": network.buffer_bytes,
                "context_bytes": int(context),
                "ns": int(time),
                "largest_difference": float(abs(outputs[name] - outputs["float"]).max()),
            }
        weights = [v for v in packed.variables if v.type == "FIXED8"]
        stored = sum(len(v.data or b"") for v in weights) - 16 * len(weights) // 2
        float_bytes = sum(
            floats.variables[number].nbytes
            for number in {f.inputs[1] for f in floats.functions if f.type_name in PACKED_LAYERS}
        )
        least = len(to_bytes(floats)) - float_bytes + stored
        result["packed_file_to_least"] = len(to_bytes(packed)) / least
    return result


def network_file() -> Optional[Path]:
    """The trained network, where it is at hand."""
    folder = os.environ.get("NNABLA_COMPRESS_DATA")
    path = Path(folder or ".") / "models" / "resnet20_cifar10.nnp"
    return path if path.is_file() else None


def totals(rows: List[Dict[str, object]], keys: List[str]) -> Dict[str, int]:
    """Sums over the network."""
    return {key: sum(int(row["times"]) * int(row[key]) for row in rows) for key in keys}  # type: ignore


def measure(rounds: int) -> Dict[str, object]:
    """All that can be measured here."""
    rows = times(RESNET20, rounds)
    keys = ["exact_ns", "fast_ns", "int8_ns", "float32_exact_ns", "float32_fast_ns"]
    result: Dict[str, object] = {
        "what": "layers of ResNet-20 for CIFAR-10, one image, one thread, 4-bit codes",
        "command": "python tests/benchmarks/measure_c_kernels.py --json FILE",
        "date": datetime.date.today().isoformat(),
        "seed": 313,
        "versions": {"nnabla_compress": __version__, "numpy": np.__version__},
        "gcc": output(["gcc", "--version"]).splitlines()[0],
        "timed_with": " ".join(TIMED),
        "times": rows,
        "times_of_network": totals(rows, keys),
        "times_depthwise": times(DEPTHWISE, rounds),
        "times_depthwise_avx2": times(DEPTHWISE, rounds, COUNTED),
    }
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        result["cpu"] = re.findall(r"model name\s*: (.+)", cpu.read_text())[:1]
    if shutil.which("valgrind"):
        counted = instructions()
        result["instructions_with"] = " ".join(COUNTED)
        result["instructions"] = counted
        result["instructions_of_network"] = totals(counted, ["exact", "fast"])
    if shutil.which("arm-none-eabi-gcc"):
        result["arm_gcc"] = output(["arm-none-eabi-gcc", "--version"]).splitlines()[0]
        result["code_with"] = " ".join(CORTEX_M4F)
        result["code_bytes"] = code_sizes()
    include, library = (os.environ.get(f"NNABLART_{name}") for name in ("INCLUDE", "LIB"))
    nnp = network_file()
    if include and library and nnp:
        result["on_runtime"] = on_runtime(include, library, nnp)
    return result


def table(result: Dict[str, object]) -> str:
    """The times as text."""
    lines = [
        f"{'layer':30} {'plain':>9} {'fast':>9} {'ratio':>6} {'float32':>9} {'to it':>6} "
        f"{'int8':>9} {'ratio':>6}  us"
    ]
    rows = [*result["times"], {"layer": "network", **result["times_of_network"]}]  # type: ignore
    for row in [*rows, *result["times_depthwise"], *result["times_depthwise_avx2"]]:  # type: ignore
        exact, fast, float32, int8 = (
            row[key] / 1e3 for key in ("exact_ns", "fast_ns", "float32_fast_ns", "int8_ns")
        )
        label = row["layer"] + (f", {row['times']} times" if row.get("times", 1) > 1 else "")
        lines.append(
            f"{label:30} {exact:9.2f} {fast:9.2f} {exact / fast:6.1f} {float32:9.2f} "
            f"{fast / float32:6.2f} {int8:9.2f} {exact / int8:6.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    measured = measure(options.rounds)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2) + "\n")
    sys.stdout.write(table(measured) + "\n")
