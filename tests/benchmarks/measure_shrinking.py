# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What channel-sparse networks take on the C runtime before and after ``shrink``.

    python tests/benchmarks/measure_shrinking.py --json docs/results/shrinking.json

NNABLA_COMPRESS_DATA names the folder that holds the networks. Half of the inner channels of each,
drawn at random, are put to zero. Where NNABLART names the program of the C runtime, its processor
time for one sample is measured, the least of 5 runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import costs, couplings
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb.summary import nnb_summary
from nnabla_compress.quantizers import LUT, prepare
from nnabla_compress.runs.results import versions
from nnabla_compress.transforms import insert_weight_quantizers, shrink

NETWORKS = ("resnet20_cifar10", "mlperf_tiny_kws_dscnn")
_ZEROED = ("output", "scale", "shift")


def sparse(path: Path) -> Network:
    """A stored network with half of its inner channels at zero."""
    nn.clear_parameters()
    network = NnpFile(path).build()
    rng = np.random.RandomState(0)
    for group in couplings(network):
        if not group.inner:
            continue
        for channel in rng.choice(group.size, group.size // 2, False):
            for member in group.members:
                if member.role in _ZEROED:
                    values = network.parameters[member.parameter].d
                    np.moveaxis(values, member.axis, 0)[list(member.where[channel])] = 0
    return network


def measure(network: Network, bits: Optional[int]) -> Dict[str, Any]:
    """Bytes, operations and time of a network, its weights as floats or in dictionaries."""
    total = costs(network.all_outputs, network.parameters, network.all_inputs)
    if bits is not None:
        made = insert_weight_quantizers(network.all_outputs, lambda layer: LUT(bits=bits))
        prepare(made)
        network = network.giving(made)
    with tempfile.TemporaryDirectory() as folder:
        nnp = Path(folder) / "net.nnp"
        target = "portable" if bits is None else "callback"
        export_nnp(nnp, network.outputs, network.inputs, target=target)
        nnb = export_nnb(Path(folder) / "net.nnb", nnp)
        found = nnb_summary(nnb)
        return {
            "parameters": total.parameters,
            "macs": total.macs,
            "nnb_bytes": found.bytes,
            "buffer_bytes": found.buffer_bytes,
            "milliseconds": None if bits is not None else _time(nnb, network, Path(folder)),
        }


def _time(nnb: Path, network: Network, folder: Path) -> Optional[float]:
    program = os.environ.get("NNABLART")
    if program is None:
        return None
    shape = network.all_inputs[0].shape
    np.random.RandomState(0).randn(*shape).astype(np.float32).tofile(folder / "x.bin")
    found = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        for _ in range(5):
            subprocess.run([program, "infer", nnb, folder / "x.bin", folder / "y"], check=True)
        found.append((resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before) / 5)
    return round(1000 * min(found), 1)


def main() -> None:
    """Measures both networks as floats, and with dictionaries of 4 bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = []
    for name in NETWORKS:
        for bits in (None, 4):
            path = Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / f"{name}.nnp"
            network = sparse(path)
            before = measure(network, bits)
            after = measure(shrink(sparse(path)), bits)
            rows.append({"network": name, "bits": bits, "before": before, "after": after})
    results = {
        "command": "python tests/benchmarks/measure_shrinking.py --json FILE",
        "versions": versions(),
        "rows": rows,
    }
    text = json.dumps(results, indent=1)
    print(text)
    if chosen.json is not None:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
