# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Peak memory and processor time of compress, ptq and export, over the weights of a network.

    python tests/benchmarks/measure_large_networks.py --json docs/results/large_networks.json
    python tests/benchmarks/measure_large_networks.py --table docs/results/large_networks.json

Networks have the layers of VGG-16 on 224 x 224 images, fewer channels for fewer weights, random
weights and no batch normalization. Each row is a process of its own, so its peak is its own; what
it takes to start (imports, help) is measured beside it and taken off. Processor time is that of
the user, of all threads, without the time of the import. What does not grow with the weights, such
as running the network on its large images, is told apart by what a row takes more than the same row
of the next smaller network.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

MILLIONS = (1.0, 4.0, 16.0, 138.0)
# What is measured of each target: the verb, and its options.
ROWS: Dict[str, List[str]] = {
    "portable": ["compress", "-w", "lut:bits=4"],
    "portable, one bit": ["compress", "-w", "lut:dictionary=binary"],
    "integer": ["compress", "-w", "uniform:bits=8", "-a", "uniform:bits=8"],
    "binary-weight": ["compress", "-w", "uniform:bits=8"],
    "int16": ["compress", "-w", "uniform:bits=8"],
    "int8": ["compress", "-w", "uniform:bits=8"],
    "callback": ["compress", "-w", "lut:bits=4"],
    "ptq": ["ptq", "--bits", "8"],
    "export": ["export"],
}
_NEED_DATA = ("integer", "int16", "int8", "ptq")
_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
_FULL, _SAMPLES = 138.36, 4
_FOLDER = str(Path(__file__).resolve().parents[2])


class Used(NamedTuple):
    """What a process took.

    Args:
        status: Its exit status.
        peak: Largest resident size, bytes.
        seconds: Processor time in user mode.
    """

    status: int
    peak: int
    seconds: float


def network(path: Path, millions: float) -> int:
    """Writes a network of random weights; returns how many.

    Args:
        path: The ``.nnp``.
        millions: About how many millions of weights.
    """
    import nnabla as nn
    import nnabla.functions as F
    import nnabla.parametric_functions as PF
    import numpy as np
    from nnabla.utils.save import save

    share = min((millions / _FULL) ** 0.5, 1.0)
    random = np.random.RandomState(0)

    def values(shape: Any) -> Any:
        return random.standard_normal(shape).astype(np.float32) * np.sqrt(2 / np.prod(shape[1:]))

    nn.clear_parameters()
    x = h = nn.Variable((1, 3, 224, 224))
    for number, channels in enumerate(_LAYERS):
        if channels:
            maps = max(round(channels * share), 1)
            h = F.relu(PF.convolution(h, maps, (3, 3), (1, 1), w_init=values, name=f"c{number}"))
        else:
            h = F.max_pooling(h, (2, 2))
    for name, size in (("fc1", 4096), ("fc2", 4096)):
        h = F.relu(PF.affine(h, max(round(size * share), 1), w_init=values, name=name))
    y = PF.affine(h, max(round(1000 * share), 2), w_init=values, name="fc3")
    stored = {"name": "Validation", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    executor = {"name": "Runtime", "network": "Validation", "data": ["x"], "output": ["y"]}
    save(str(path), {"networks": [stored], "executors": [executor]})
    return sum(v.size for v in nn.get_parameters(grad_only=False).values())


def run(command: List[str], log: Path) -> Used:
    """Runs a command in a process of its own and returns what it took."""
    environment = {**os.environ, "PYTHONPATH": _FOLDER, "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return Used(
        os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status),
        usage.ru_maxrss * 1024,
        usage.ru_utime,
    )


def _samples(path: Path) -> None:
    import numpy as np

    random = np.random.RandomState(1)
    np.savez(path, x=random.standard_normal((_SAMPLES, 3, 224, 224)).astype(np.float32))


def measure(folder: Path, millions: float, rows: List[str]) -> Dict[str, Any]:
    """Measures some rows with one network.

    Args:
        folder: Where files may be written.
        millions: About how many millions of weights.
        rows: Which rows.
    """
    source = folder / "net.nnp"
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    script += "import measure_large_networks as m; from pathlib import Path\n"
    script += f"print(m.network(Path({str(source)!r}), {millions}))"
    weights = int(subprocess.check_output([sys.executable, "-c", script]).split()[-1])
    _samples(folder / "data.npz")
    verb = [sys.executable, "-m", "nnabla_compress"]
    imports = "import nnabla_compress.runs, nnabla_compress.calibration, nnabla_compress.exporters"
    start = run([sys.executable, "-c", imports], folder / "log.txt")
    found = []
    for name in rows:
        kind, *options = ROWS[name]
        if kind == "compress":
            options += ["-t", name.split(",")[0]]
        if name in _NEED_DATA:
            options += ["-d", str(folder / "data.npz")]
        if kind == "compress" and name in _NEED_DATA:
            options += ["--validation", "0"]
        out = folder / "out"
        command = [*verb, kind, str(source), *options, "-o", str(out)]
        before = time.perf_counter()
        used = run(command, folder / "log.txt")
        clock = time.perf_counter() - before
        row = {
            "what": name,
            "command": " ".join(["nnabla-compress", kind, "NET.nnp", *ROWS[name][1:]]),
            "status": used.status,
            "peak_bytes": used.peak - start.peak,
            "bytes_a_weight": (used.peak - start.peak) / weights,
            "within": used.peak - start.peak <= 12 * weights + 300e6,
            "user_seconds": used.seconds - start.seconds,
            "seconds_a_million": (used.seconds - start.seconds) / weights * 1e6,
            "seconds_on_the_clock": clock,
        }
        if used.status:
            row["said"] = (folder / "log.txt").read_text(errors="replace")[-2000:]
        files = out.rglob("*") if out.is_dir() else ()
        row["written"] = {p.name: p.stat().st_size for p in files if p.suffix in (".nnp", ".nnb")}
        print(
            f"{weights:>12,} weights, {name}: {row['peak_bytes'] / 1e6:,.0f} MB, "
            f"{row['bytes_a_weight']:.1f} bytes a weight{'' if row['within'] else ' (too many)'}, "
            f"{row['seconds_a_million']:.2f} s a million, status {used.status}",
            flush=True,
        )
        if used.status:
            print(row["said"], flush=True)
        found.append(row)
        subprocess.run(["rm", "-rf", str(out)], check=True)
    return {"weights": weights, "start_bytes": start.peak, "rows": found}


def joined(before: List[Dict[str, Any]], now: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Returns measured sizes in order, new rows in the place of old ones, with what grows.

    Args:
        before: Sizes of earlier measurements.
        now: New ones.
    """
    rows: Dict[int, Dict[str, Any]] = {}
    for size in (*before, *now):
        known = rows.setdefault(size["weights"], {**size, "rows": {}})["rows"]
        known.update((row["what"], row) for row in size["rows"])
    sizes = [{**rows[weights], "rows": rows[weights]["rows"]} for weights in sorted(rows)]
    for number, size in enumerate(sizes):
        for name, row in size["rows"].items():
            smaller = [s for s in sizes[:number] if name in s["rows"]]
            if smaller:
                more = size["weights"] - smaller[-1]["weights"]
                seconds = row["user_seconds"] - smaller[-1]["rows"][name]["user_seconds"]
                row["seconds_a_million_more"] = seconds / more * 1e6
    return [{**size, "rows": list(size["rows"].values())} for size in sizes]


def table(results: Dict[str, Any]) -> str:
    """Returns measurements as a table in Markdown."""
    lines = [
        "| weights | row | peak, MB | bytes a weight | within 12 + 300 MB | s a million | "
        "s a million more | within 1.5 |",
        "|---:|---|---:|---:|---|---:|---:|---|",
    ]
    for size in results["sizes"]:
        allowed = (12 * size["weights"] + 300e6) / 1e6
        for row in size["rows"]:
            grows = row.get("seconds_a_million_more")
            seconds = row["seconds_a_million"]
            fits = seconds <= 1.5
            said = "yes" if fits else "what grows" if grows is not None and grows <= 1.5 else "no"
            lines.append(
                f"| {size['weights']:,} | {row['what']} | {row['peak_bytes'] / 1e6:,.0f} | "
                f"{row['bytes_a_weight']:.1f} | "
                f"{'yes' if row['within'] else f'no ({allowed:,.0f} MB)'} | {seconds:.2f} | "
                f"{'' if grows is None else f'{grows:.2f}'} | {said} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measures all sizes, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--millions", type=float, nargs="*", default=MILLIONS)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--folder", type=Path, help="where large files may lie for a while")
    parser.add_argument("--add", action="store_true", help="to what stands in the JSON file")
    parser.add_argument("--table", type=Path, help="prints the table of a JSON file, and ends")
    chosen = parser.parse_args()
    if chosen.table is not None:
        print(table(json.loads(chosen.table.read_text(encoding="utf-8"))))
        return
    sizes = []
    for millions in chosen.millions:
        if chosen.folder is not None:
            chosen.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            sizes.append(measure(Path(folder), millions, chosen.rows))
    results = {
        "command": "python tests/benchmarks/measure_large_networks.py --json FILE",
        "memory_page": resource.getpagesize(),
        "sizes": joined(_standing(chosen.json) if chosen.add else [], sizes),
    }
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _standing(path: Path) -> List[Dict[str, Any]]:
    sizes: List[Dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["sizes"]
    return sizes


if __name__ == "__main__":
    main()
