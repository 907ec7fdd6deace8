# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Results of a made-up run in which every section has something to show."""

from __future__ import annotations

from markupsafe import Markup

from nnabla_compress.report.page import Reported
from nnabla_compress.report.results import Results

# A PNG of one pixel.
DOT = Markup(
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQ"
    "AAAABJRU5ErkJggg=="
)


def content(name="net", layer="conv1/conv", class_name="cat"):
    """What a results.json may hold, with names from outside in it."""
    sizes = {"nnb_bytes": 43600, "parameter_bytes": 42368, "overhead_bytes": 1232}
    sizes.update({"buffer_bytes": 5120, "float_nnb_bytes": 43600, "float_buffer_bytes": 5120})
    network = {"loss": 0.1, "samples": 359, "macs": 131700, "parameters": 10560, **sizes}
    network.update(float_weight_bytes=42000, memory=[[f"Convolution {layer}", 4352], ["ReLU", 512]])
    network["read_back"] = {"largest_difference": 3.7e-7, "tolerance": 1e-4}
    steps = [[n * 10, 1 / n] for n in range(1, 120)]
    row = {"name": layer, "type": "Convolution", "shape": [16, 1, 5, 5], "weights": 400}
    row.update(distinct=4, bits=2, packed_bytes=116, float_bytes=1600, stored_bytes=400)
    shares = [1 / 61] * 61
    return {
        "name": name,
        "seed": 1,
        "versions": {"nnabla": "1.39.0", "python": "3.8"},
        "date": "2026-11-28",
        "float": {**network, "accuracy": 0.9861, "packed_weight_bytes": 42000},
        "compressed": {
            **network,
            "accuracy": 0.9333,
            "packed_weight_bytes": 2689,
            "nnb_bytes": 6148,
            "buffer_bytes": 52224,
            "warnings": [f"the budget of {layer} is missed"],
            "notes": ["the runtime decodes weights into memory"],
            "commands": {"convert": "nnabla_cli convert " + "x" * 300},
        },
        "layers": [row, {**row, "name": "fc", "bits": 32, "packed_bytes": 1600}],
        "what_stays": [{"name": "fc", "type": "Affine", "weights": 400, "bytes": 1600, "share": 1}],
        "course": [
            {
                "step": "train",
                "options": {"epochs": 3, **{f"o{n}": n for n in range(9)}},
                "updates": 1200,
            },
            {"step": "quantize", "options": {"weights": [{"layers": layer, "quantizer": "lut"}]}},
            {"step": "train", "options": {}, "updates": 1200},
        ],
        "curves": [
            {"step": 0, "series": {"Training loss": steps, "Validation loss": steps}},
            {
                "step": 2,
                "series": {
                    "Training loss": steps,
                    "Validation error": [[1200, 0.05]],
                    **{f"Bits {layer}{n}": [[1, 8], [1200, 2]] for n in range(8)},
                },
            },
        ],
        "histograms": [
            {
                "layer": layer,
                "low": -1,
                "high": 1,
                "before": shares,
                "after": shares,
                "levels": [-1, 0, 1],
            }
            for _ in range(8)
        ],
        "ranges": [
            {
                "name": layer,
                "bits": 8,
                "low": -1.0,
                "high": 9.0,
                "covers_low": 0,
                "covers_high": 4,
                "clipped": 0.02,
                "middle": 3,
            }
        ],
        "map_noise": [{"name": layer, "snr": 20.5}, {"name": "output", "snr": 300.0}],
        "steps": [{"step": "range_setting", "kept": True, "snr": 30.0}],
        "recipe_steps": [
            {"trials": [{"tried": {layer: "lut:bits=2"}, "weight_bytes": 5, "output_snr": 9}]}
        ],
        "changes": {
            "samples": 359,
            "labelled": True,
            "agreement": 0.9,
            "class_names": [class_name, *map(str, range(1, 10))],
            "classes": [
                {
                    "name": class_name,
                    "samples": 36,
                    "before": 1.0,
                    "after": 0.9,
                    "lost": 3,
                    "won": 1,
                    "taken_for": "1",
                }
            ],
            "confusion_before": [[n, n, 36] for n in range(10)],
            "confusion_after": [[n, n, 33] for n in range(10)] + [[0, 1, 3]],
            "changed": [
                {
                    "row": n,
                    "label": 0,
                    "before": 0,
                    "after": 1,
                    "sure_before": 1.0,
                    "sure_after": 0.6,
                }
                for n in range(4)
            ],
        },
    }


def reported(**names):
    """A report with something in every section."""
    layer = names.get("layer", "conv1/conv")
    made = Reported(Results.from_dict(content(**names)), place="out")
    made.pictures = {0: DOT, 2: DOT}
    made.sensitivities = [
        {"kind": "weights", "layer": layer, "bits": bits, "share": None, "loss": 1 / bits}
        for bits in (2, 4, 8)
    ]
    output = {"output": layer, "equal": 1.0, "snr": 300.0, "same_class": 1.0}
    made.verification = {
        "samples": {"count": 100},
        "kept": True,
        "comparisons": [
            {
                "between": ["graph", ".nnp"],
                "promised": "value for value",
                "kept": True,
                "outputs": [output],
            }
        ],
    }
    error = {"name": layer, "kind": "weights", "bits": 2, "alone": 9.5, "together": 8}
    made.diagnosis = {
        "samples": 64,
        "snr": 12.5,
        "errors": [{**error, "share": 0.75}, {**error, "alone": 300, "share": 0.0}],
        "findings": [{"title": layer, "text": "it saturates", "command": f"ptq '{layer}'"}],
    }
    return made
