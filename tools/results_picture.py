# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Draws docs/pictures/resnet20.png: accuracy over packed bytes of all results of the ResNet-20.

python tools/results_picture.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

from nnabla_compress.report.pictures import picture

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
PICTURE = ROOT / "docs" / "pictures" / "resnet20.png"
# How names of results begin behind "resnet20-", and what they are drawn as.
METHODS = {
    "lutq": ("LUT-Q", "o"),
    "dq": ("DQ", "s"),
    "qat": ("quantization-aware training", "D"),
    "ptq-lut": ("dictionaries, no training", "^"),
    "ptq": ("uniform steps, no training", "v"),
}


def found() -> Dict[str, List[Dict[str, Any]]]:
    """Returns the results of each method."""
    methods: Dict[str, List[Dict[str, Any]]] = {name: [] for name in METHODS}
    for path in [*sorted(RESULTS.glob("resnet20-*.json")), *sorted(RESULTS.glob("ptq/*.json"))]:
        result = json.loads(path.read_text("utf-8"))
        rest = str(result.get("name", "")).partition("resnet20-")[2]
        method = next((name for name in METHODS if rest.startswith(name)), None)
        if method is not None and "compressed" in result:
            methods[method].append(result)
    return methods


def main() -> None:
    """Draws the picture."""
    with picture(PICTURE, 8, 5, layout="constrained") as figure:
        axes = figure.subplots()
        plain: float = 0
        for method, results in found().items():
            label, marker = METHODS[method]
            parts = [result["compressed"] for result in results]
            axes.scatter(
                [part["packed_weight_bytes"] / 1024 for part in parts],
                [100 * part["accuracy"] for part in parts],
                marker=marker,
                label=label,
                alpha=0.8,
            )
            plain = max([plain, *(100 * result["float"]["accuracy"] for result in results)])
        axes.axhline(plain, color="grey", linestyle=":", label=f"float, 1,048 kB: {plain:.2f} %")
        axes.set_xscale("log")
        axes.set_xticks([64, 96, 128, 192, 256], ["64", "96", "128", "192", "256"])
        axes.minorticks_off()
        axes.set_xlabel("weights, packed, in kB")
        axes.set_ylabel("accuracy on the test images, in %")
        axes.set_title("ResNet-20 on CIFAR-10")
        axes.legend()


if __name__ == "__main__":
    main()
