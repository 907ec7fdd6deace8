# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A folder that a network's firmware is built in: network, kernels, program, Makefile."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np

from nnabla_compress.c_kernels import GLUE, KERNELS, source_folder
from nnabla_compress.device.firmware import OWN_SOURCES
from nnabla_compress.device.runtime_source import config_text, switches_of
from nnabla_compress.exporters.c_source import export_c
from nnabla_compress.files import atomic_path, new_files
from nnabla_compress.nnb import read_nnb
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import (
    PACKED_CALLBACKS,
    has_int8_layers,
    has_packed_tables,
    needs_callbacks,
)
from nnabla_compress.verification import Samples

_PROJECT = Path(__file__).parent / "project"
_BOARD = ("board.h", "board.ld", "cortex_m.c")
_BYTES_A_LINE = 20


def write_firmware(folder: Path, nnb: Path) -> List[Path]:
    """Writes what a network's firmware is built of.

    ``make`` in the folder builds a program for an emulated board, which runs the network on a
    sample and compares it with the simulator; ``make library`` what projects with a start-up of
    their own link. Both take a checkout of nnabla-c-runtime.

    Args:
        folder: Where to; made if it is missing.
        nnb: The network.

    Returns:
        The files.

    Raises:
        ConfigError: If the folder can't be written to.
        DataError: If the ``.nnb`` is missing or damaged.
    """
    network = read_nnb(nnb)
    texts = {name: (_PROJECT / name).read_text("utf-8") for name in ("main.c", "Makefile")}
    texts["CMakeLists.txt"] = (_PROJECT / "CMakeLists.txt").read_text("utf-8")
    if not has_int8_layers(network):
        texts["Makefile"] = texts["Makefile"].replace("\nINT8 = 1\n", "\nINT8 = 0\n")
    if not has_packed_tables(network):
        texts["Makefile"] = texts["Makefile"].replace("\nEMBED = 1\n", "\nEMBED = 0\n")
    texts["sample.h"] = _sample(Machine(nnb, callbacks=PACKED_CALLBACKS))
    texts["config/nnablart/config.h"] = config_text(switches_of(network))
    texts.update({f"board/{name}": (OWN_SOURCES / name).read_text("utf-8") for name in _BOARD})
    if needs_callbacks(network):
        kernels = (*KERNELS, *GLUE)
        texts.update({name: (source_folder() / name).read_text("utf-8") for name in kernels})
    with new_files(folder) as where:
        paths = export_c(where / "network.c", nnb)
        paths.pop().unlink()  # the example of the calls: main.c is one
        for name, text in texts.items():
            path = where / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
            paths.append(path)
    return paths


def _sample(machine: Machine) -> str:
    """The C header with random inputs, and what the simulator computes from them."""
    shapes = [port.shape for port in machine.inputs]
    below = [port.rows for port in machine.inputs]
    rows = [array[0] for array in Samples.random(shapes, 1, below).rows]
    inputs = [port.stored(array) for port, array in zip(machine.inputs, rows)]
    outputs = machine.forward(inputs)
    packed = int(needs_callbacks(machine.network))
    lines = [
        "/* A sample of random numbers as inputs hold it, and what the simulator makes of it. */",
        "#ifndef SAMPLE_H",
        "#define SAMPLE_H",
        "#include <stddef.h>",
        "#include <stdint.h>",
        f"#define SAMPLE_PACKED {packed} /* whether weights are packed */",
    ]
    for name, arrays in (("input", inputs), ("output", outputs)):
        lines += _arrays(name, arrays)
    return "\n".join([*lines, "#endif", ""])


def _arrays(name: str, arrays: Sequence[np.ndarray]) -> List[str]:
    lines: List[str] = []
    for number, array in enumerate(arrays):
        content = np.ascontiguousarray(array).tobytes()
        lines.append(
            f"static const uint8_t sample_{name}_{number}[] __attribute__((aligned(4))) = {{"
        )
        for start in range(0, len(content), _BYTES_A_LINE):
            part = content[start : start + _BYTES_A_LINE]
            lines.append("  " + ", ".join(map(str, part)) + ",")
        lines.append("};")
    names: Tuple[str, ...] = tuple(f"sample_{name}_{n}" for n in range(len(arrays)))
    sizes = ", ".join(str(array.nbytes) for array in arrays)
    return [
        *lines,
        f"static const void *const sample_{name}s[] = {{{', '.join(names)}}};",
        f"static const size_t sample_{name}_bytes[] = {{{sizes}}};",
    ]
