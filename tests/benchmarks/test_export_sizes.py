# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the device loads: size, memory and export time of the trained ResNet-20 in each form.

With ``NNABLA_COMPRESS_EXPORT_SIZES=FILE.json`` the table is also written there.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from pathlib import Path

import nnabla as nn
import pytest

from nnabla_compress.exporters import export_nnb, export_nnp, nnb_report
from nnabla_compress.files import atomic_path
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import LUT, Affine, Uniform
from nnabla_compress.runs.results import versions
from nnabla_compress.transforms import insert_weight_quantizers

# Name, quantizer, options of the export, the most that the file may take of the float file.
ROWS = (
    ("float", None, {}, 1.0),
    ("uniform 8 bit", Uniform(bits=8), {}, 0.26),
    ("affine 8 bit, a scale a channel", Affine(bits=8, axis=0), {}, 0.27),
    ("uniform 6 bit", Uniform(bits=6), {}, 0.21),
    ("uniform 4 bit", Uniform(bits=4), {}, 0.154),
    ("uniform 4 bit", Uniform(bits=4), {"storage": "packed"}, 0.154),
    ("uniform 4 bit", Uniform(bits=4), {"storage": "sign_planes"}, 0.155),
    ("uniform 3 bit", Uniform(bits=3), {}, 0.12),
    ("uniform 2 bit", Uniform(bits=2), {}, 0.084),
    ("dictionary 4 bit", LUT(bits=4), {}, 0.154),
    ("dictionary 4 bit", LUT(bits=4), {"storage": "dictionary_planes"}, 0.195),
    (
        "dictionary 4 bit on a grid",
        LUT(bits=4),
        {"storage": "dictionary_planes", "snap_dictionary": True},
        0.195,
    ),
    ("dictionary 3 bit", LUT(bits=3), {}, 0.134),
    ("dictionary 2 bit", LUT(bits=2), {}, 0.087),
    ("powers of two 4 bit", LUT(bits=4, dictionary="pow2"), {"storage": "pow2_planes"}, 0.18),
    ("binary", LUT(dictionary="binary"), {}, 0.051),
)


def test_the_files_of_resnet_20_are_as_small_as_promised(tmp_path):
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    source = Path(os.environ["NNABLA_COMPRESS_DATA"]) / "models" / "resnet20_cifar10.nnp"
    converter = converter_bytes(tmp_path, source)
    measured = [measure(tmp_path, source, converter, *row) for row in ROWS]
    print(table(measured))
    target = os.environ.get("NNABLA_COMPRESS_EXPORT_SIZES")
    if target:
        content = {
            "network": "ResNet-20, CIFAR-10, trained float, quantized without training",
            "command": "NNABLA_COMPRESS_EXPORT_SIZES=FILE.json pytest -s "
            "tests/benchmarks/test_export_sizes.py",
            "date": datetime.date.today().isoformat(),
            "versions": versions(),
            "rows": measured,
        }
        with atomic_path(target) as path:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for row in measured:
        assert row["converter_ratio"] <= row["converter_limit"], row


def converter_bytes(folder, source):
    """Bytes of the float file as NNabla's converter writes it, which the limits are parts of."""
    nn.clear_parameters()
    network = NnpFile(source).build(batch_size=1)
    export_nnp(folder / "float.nnp", network.outputs, network.inputs)
    path = export_nnb(folder / "float.nnb", folder / "float.nnp", compact=False)
    return path.stat().st_size


def measure(folder, source, converter, name, quantizer, options, limit):
    """Exports once and returns what came out."""
    nn.clear_parameters()
    network = NnpFile(source).build(batch_size=1)
    y = network.output
    if quantizer is not None:
        (y,) = insert_weight_quantizers([y], lambda layer: quantizer)
    start = time.perf_counter()
    report = export_nnp(folder / "net.nnp", {"y": y}, network.inputs, **options)
    middle = time.perf_counter()
    path = export_nnb(folder / "net.nnb", folder / "net.nnp")
    end = time.perf_counter()
    sizes = nnb_report(path, report.float_sizes)
    weights = sum(row.weights for row in report.rows)
    return {
        "weights": name,
        "storage": options.get("storage", "smallest"),
        "schemes": sorted({row.storage for row in report.rows}),
        "bits": round(sum(row.bits * row.weights for row in report.rows) / weights, 3),
        "stored_bits": round(8 * sum(row.stored_bytes for row in report.rows) / weights, 3),
        **sizes.as_dict(),
        "ratio": round(sizes.ratio, 4),
        "converter_float_nnb_bytes": converter,
        "converter_ratio": round(sizes.nnb_bytes / converter, 4),
        "converter_limit": limit,
        "difference": report.largest_difference,
        "nnp_seconds": round(middle - start, 1),
        "nnb_seconds": round(end - middle, 1),
    }


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| weights | stored as | .nnb bytes | of float | converter's | limit | overhead | memory |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['weights']} | {', '.join(row['schemes'])} | {row['nnb_bytes']:,} | "
            f"{row['ratio']:.4f} | {row['converter_ratio']:.4f} | {row['converter_limit']} | "
            f"{row['overhead_bytes'] / row['nnb_bytes']:.1%} | {row['buffer_bytes']:,} |"
        )
    return "\n".join(lines)
