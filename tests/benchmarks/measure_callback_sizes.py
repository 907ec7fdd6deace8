# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bytes of the trained ResNet-20 with packed weights, beside what they must at least take.

    python tests/benchmarks/measure_callback_sizes.py --json docs/results/callback_sizes.json

NNABLA_COMPRESS_DATA names the folder that holds ``models/resnet20_cifar10.nnp``. Weights are
quantized without training: sizes do not depend on it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict

import nnabla as nn

from nnabla_compress.compression import compress
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.exporters.sizes import nnb_report
from nnabla_compress.nnb import read_nnb
from nnabla_compress.quantizers import prepare
from nnabla_compress.simulator.packed import needs_callbacks


def measure(path: Path, bits: int) -> Dict[str, Any]:
    """Returns the bytes of a network with dictionaries of ``2**bits`` free entries.

    Args:
        path: The ``.nnp`` of the float network.
        bits: Bits of a weight.
    """
    nn.clear_parameters()
    network = compress(path, {"weights": [f"lut:bits={bits}"]})
    outputs = list(network.outputs.values())
    prepare(outputs)
    with tempfile.TemporaryDirectory() as folder:
        nnp = Path(folder) / "net.nnp"
        report = export_nnp(nnp, network.outputs, network.inputs, target="callback")
        packed = export_nnb(Path(folder) / "packed.nnb", nnp)
        plain = export_nnb(Path(folder) / "float.nnb", nnp, pack=False)
        found, floats = nnb_report(packed, report.float_sizes), read_nnb(plain)
        assert needs_callbacks(read_nnb(packed))
        float_file = plain.stat().st_size
    weights = sum(row.weights for row in report.rows)
    codes = sum((row.weights * bits + 7) // 8 for row in report.rows)
    dictionaries = len(report.rows) * 4 * 2**bits
    scales = sum(
        row.stored_bytes - (row.weights * bits + 31) // 32 * 4 - 16 - 4 * 2**bits
        for row in report.rows
    )
    # What the float file holds beside its weights, written as compactly as the packed one.
    descriptors = float_file - 4 * weights
    least = codes + dictionaries + descriptors
    return {
        "bits": bits,
        "weights": weights,
        "file_bytes": found.nnb_bytes,
        "code_bytes": codes,
        "dictionary_bytes": dictionaries,
        "scale_bytes": scales,
        "float_descriptor_bytes": descriptors,
        "over_least": found.nnb_bytes / least,
        "over_least_with_scales": found.nnb_bytes / (least + scales),
        "float_file_bytes": float_file,
        "buffer_bytes": found.buffer_bytes,
        "float_buffer_bytes": floats.buffer_bytes,
    }


def main() -> None:
    """Measures 4 and 2 bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    path = Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / "resnet20_cifar10.nnp"
    results = {
        "command": "python tests/benchmarks/measure_callback_sizes.py --json FILE",
        "network": path.name,
        "sizes": [measure(path, bits) for bits in (4, 2)],
    }
    text = json.dumps(results, indent=1)
    print(text)
    if chosen.json is not None:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
