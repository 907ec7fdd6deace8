# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Flash, RAM and instructions of networks on an emulated board, for each target and its kernels.

    python tests/benchmarks/measure_targets.py --json docs/results/targets.json

NNABLA_COMPRESS_DATA names the folder that holds the networks, NNABLART_SOURCE the sources of the
C runtime. Weights get dictionaries of 16 entries without training, and formats are chosen from
random numbers: bytes and instructions depend on neither.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

import nnabla as nn
import numpy as np

from nnabla_compress._version import __version__
from nnabla_compress.compression import compress
from nnabla_compress.device import device_test, find_board
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import prepare

NETWORKS = {
    "keywords": "models/mlperf_tiny_kws_dscnn.nnp",
    "ResNet-20": "models/resnet20_cifar10.nnp",
    "LeNet": "nnp/sony_nnabla-lenet_010000.nnp",
}
# What is exported, its bits of a weight (None: as trained), kernels and the most scratch memory.
CASES: List[Dict[str, Any]] = [
    {"target": "portable", "bits": None, "kernels": "stock"},
    {"target": "portable", "bits": 4, "kernels": "stock"},
    {"target": "int16", "bits": None, "kernels": "stock"},
    {"target": "int8", "bits": None, "kernels": "stock"},
    {"target": "callback", "bits": 4, "kernels": "exact"},
    {"target": "callback", "bits": 4, "kernels": "fast"},
    {"target": "callback-int8", "bits": 4, "kernels": "exact"},
    {"target": "callback-int8", "bits": 4, "kernels": "exact", "scratch": 8 << 10},
    {"target": "callback-int8", "bits": None, "kernels": "exact"},
]
BOARDS = ("m4f", "m55")
SAMPLES = 32


def exported(folder: Path, path: Path, target: str, bits: Optional[int]) -> Path:
    """Writes the network for a target."""
    nn.clear_parameters()
    network: Any = NnpFile(path).build()
    if bits is not None:
        network = compress(path, {"weights": [f"lut:bits={bits}"]})
        prepare(list(network.outputs.values()))
    rng = np.random.RandomState(0)
    samples = {
        name: rng.normal(size=(SAMPLES, *x.shape[1:])).astype(np.float32)
        for name, x in network.inputs.items()
    }
    nnp = folder / "net.nnp"
    export_nnp(nnp, network.outputs, network.inputs, target=target, samples=samples)
    return export_nnb(folder / "net.nnb", nnp)


def measured(path: Path, case: Dict[str, Any], boards: List[str]) -> List[Dict[str, Any]]:
    """Returns what a network takes in one form, on each board."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        nnb = exported(Path(folder), path, case["target"], case["bits"])
        for board in boards:
            scratch = case.get("scratch", 0)
            found = device_test(
                nnb, find_board(board), case["kernels"], count=1, scratch_bytes=scratch
            )
            found.check()
            taken = found.as_dict()
            kept = ("core", "promised", "flash", "ram", "instructions", "versions")
            rows.append({**case, **{key: taken[key] for key in kept}})
    return rows


def main() -> None:
    """Measures all networks, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--targets", nargs="+", default=sorted({c["target"] for c in CASES}))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data = Path(os.environ["NNABLA_COMPRESS_DATA"])
    results: Dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "version": __version__,
        "command": "python tests/benchmarks/measure_targets.py --json FILE",
        "seed": 0,
        "networks": {},
    }
    for name in chosen.networks:
        rows = results["networks"][name] = []
        for case in (case for case in CASES if case["target"] in chosen.targets):
            rows += measured(data / NETWORKS[name], case, chosen.boards)
            last = rows[-1]
            print(name, case, last["flash"], last["ram"], last["instructions"], flush=True)
            if chosen.json is not None:
                chosen.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
