# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Times of int8 networks on the C runtime on this processor, beside LiteRT where it is given.

    python tests/benchmarks/measure_int8_on_pc.py --json docs/results/int8_on_pc.json
        [--litert-python PYTHON --tflite keywords=FILE.tflite ResNet-20=FILE.tflite]

NNABLA_COMPRESS_DATA names the folder that holds the networks, NNABLART_INCLUDE and NNABLART_LIB the
C runtime. PYTHON is one that has the package ai-edge-litert; the files are the same networks in
int8. A time is the least processor time of many forwards of one image on one thread, in turns.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Dict

from measure_c_kernels import COUNTED, DEPTHWISE, TIMED, times
from measure_on_runtime import built, printed
from measure_targets import NETWORKS, exported

from nnabla_compress._version import __version__

BUILDS = {
    "native, weights decoded once": ["-O3", "-march=native"],
    "native, weights decoded at each forward": ["-O3", "-march=native", "-DKEEP=0"],
    "AVX2, weights decoded once": ["-O3", "-mavx2", "-mfma"],
}
CASES = {
    "callback-int8, 4 bits": ("callback-int8", 4),
    "callback-int8, 8 bits": ("callback-int8", None),
}
TURNS = 3
COMMAND = (
    "python tests/benchmarks/measure_int8_on_pc.py --json FILE --litert-python PYTHON "
    "--tflite keywords=FILE ResNet-20=FILE"
)
LITERT = """
import sys, time
import ai_edge_litert, numpy as np
from ai_edge_litert.interpreter import Interpreter
network = Interpreter(sys.argv[1], num_threads=1)
network.allocate_tensors()
x = network.get_input_details()[0]
image = np.random.RandomState(0).randint(-128, 128, x["shape"])
network.set_tensor(x["index"], image.astype(x["dtype"]))
least = 1e18
for _ in range(500):
    start = time.process_time_ns()
    network.invoke()
    least = min(least, time.process_time_ns() - start)
print("version", getattr(ai_edge_litert, "__version__", ""), "ns", int(least))
"""


def times_of(
    name: str, programs: Dict[str, str], data: Path, tflite: str, litert: str
) -> Dict[str, Any]:
    """Least nanoseconds of a network in each form, all in turns."""
    found: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for case, (target, bits) in CASES.items():
            files[case] = Path(folder) / case
            files[case].mkdir()
            files[case] = exported(files[case], data / NETWORKS[name], target, bits)
        for _ in range(TURNS):
            for case, nnb in files.items():
                for build, program in programs.items():
                    time = int(printed([program, "exact", str(nnb)]).split()[0])
                    row = found.setdefault(case, {})
                    row[build] = min(time, row.get(build, time))
            if litert and tflite:
                text = printed([litert, "-c", LITERT, tflite])
                time = int(re.findall(r"ns (\d+)", text)[-1])
                found["LiteRT int8"] = min(time, found.get("LiteRT int8", time))
    return found


def main() -> None:
    """Measures and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=["keywords", "ResNet-20"])
    parser.add_argument("--litert-python", default="")
    parser.add_argument("--tflite", nargs="*", default=[])
    chosen = parser.parse_args()
    include, library = (os.environ[f"NNABLART_{name}"] for name in ("INCLUDE", "LIB"))
    tflite = dict(pair.split("=", 1) for pair in chosen.tflite)
    data = Path(os.environ["NNABLA_COMPRESS_DATA"])
    cpu = Path("/proc/cpuinfo")
    versions: Dict[str, str] = {"nnabla_compress": __version__}
    if chosen.litert_python:
        ask = "from importlib.metadata import version; print(version('ai-edge-litert'))"
        versions["ai-edge-litert"] = printed([chosen.litert_python, "-c", ask]).strip()
    result: Dict[str, Any] = {
        "what": "nanoseconds of a forward of one image, least processor time, one thread",
        "command": COMMAND,
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "versions": versions,
        "gcc": printed(["gcc", "--version"]).splitlines()[0],
        "cpu": re.findall(r"model name\s*: (.+)", cpu.read_text())[:1] if cpu.is_file() else [],
        "networks": {},
        "depthwise": {
            name: times(DEPTHWISE, 40, flags)
            for name, flags in (("native", TIMED), ("AVX2", COUNTED))
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            name: built(Path(folder) / str(number), [*flags, "-DROUNDS=500"], include, library)
            for number, (name, flags) in enumerate(BUILDS.items())
        }
        for name in chosen.networks:
            found = times_of(name, programs, data, tflite.get(name, ""), chosen.litert_python)
            result["networks"][name] = found
            print(name, json.dumps(found, indent=1), flush=True)
    chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
