# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network costs on the C runtime before and after it became smaller.

    python tests/benchmarks/measure_on_runtime.py RUN --json docs/results/NAME.json

RUN is the folder of a run, whose float.nnb and results.nnb are compared: bytes of file and
buffers, the least processor time of fifteen forward passes on one thread, and, where valgrind is
installed, instructions of a pass. NNABLART_INCLUDE and NNABLART_LIB name the C runtime.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.c_kernels import GLUE, KERNELS, source_folder
from nnabla_compress.nnb import read_nnb

DRIVER = Path(__file__).parent / "c_runtime_bench.c"
TIMED = ["-O3", "-march=native"]
COUNTED = ["-O3", "-mavx2", "-mfma", "-DROUNDS=1"]  # valgrind does not know AVX-512
LIBRARIES = ("libnnablart_runtime", "libnnablart_functions")


def built(program: Path, options: Sequence[str], include: str, library: str) -> str:
    """Builds the driver with the C runtime."""
    found = [str(path) for name in LIBRARIES for path in sorted(Path(library).rglob(f"{name}.a"))]
    sources = [str(source_folder() / name) for name in (KERNELS[0], GLUE[0])]
    command = ["gcc", *options, "-w", f"-I{source_folder()}", f"-I{include}", "-o", str(program)]
    subprocess.run([*command, str(DRIVER), *sources, *found, "-lm"], check=True)
    return str(program)


def printed(command: Sequence[str]) -> str:
    """What a command prints on both streams."""
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return result.stdout + result.stderr


def instructions(program: str, nnb: Path) -> int:
    """Instructions of a forward pass, with those of loading the file."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program]
    found = re.search(r"Collected : (\d+)", printed([*command, "exact", str(nnb)]))
    assert found is not None
    return int(found.group(1))


def measured(run: Path, include: str, library: str) -> List[Dict[str, Any]]:
    """Returns the costs of the float network and of the result."""
    rows: List[Dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        timed = built(Path(folder) / "timed", TIMED, include, library)
        counted = built(Path(folder) / "counted", COUNTED, include, library)
        for name in ("float", "results"):
            nnb = run / f"{name}.nnb"
            time, context = printed([timed, "exact", str(nnb)]).split()[:2]
            row: Dict[str, Any] = {
                "network": name,
                "file_bytes": nnb.stat().st_size,
                "buffer_bytes": read_nnb(nnb).buffer_bytes,
                "context_bytes": int(context),
                "ns": int(time),
            }
            if shutil.which("valgrind"):
                row["instructions"] = instructions(counted, nnb)
            rows.append(row)
    return rows


def decided(run: Path) -> Dict[str, Any]:
    """Returns operations and parameters before and after, as the run wrote them."""
    for path in sorted(run.glob("steps/*.json")):
        text = path.read_text(encoding="utf-8")
        found = json.loads(text[: text.rindex("}") + 1]).get("decided", {})
        if "macs" in found and "parameters" in found:
            return {key: found[key] for key in ("macs", "parameters")}
    return {}


def main() -> None:
    """Measures a run and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args()
    results = json.loads((chosen.run / "results.json").read_text(encoding="utf-8"))
    rows = measured(chosen.run, os.environ["NNABLART_INCLUDE"], os.environ["NNABLART_LIB"])
    keys = [key for key in rows[0] if key != "network"]
    cpu = Path("/proc/cpuinfo")
    found = {
        "command": "python tests/benchmarks/measure_on_runtime.py RUN --json FILE",
        "run": results["name"],
        "date": datetime.date.today().isoformat(),
        "versions": {"nnabla_compress": __version__, "numpy": np.__version__},
        "gcc": printed(["gcc", "--version"]).splitlines()[0],
        "timed_with": " ".join(TIMED),
        "counted_with": " ".join(COUNTED),
        "cpu": re.findall(r"model name\s*: (.+)", cpu.read_text())[:1] if cpu.is_file() else [],
        **decided(chosen.run),
        "accuracy": [results[part]["accuracy"] for part in ("float", "compressed")],
        "rows": rows,
        "left": {key: round(rows[1][key] / rows[0][key], 4) for key in keys},
    }
    chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
