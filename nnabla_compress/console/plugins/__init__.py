# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The plug-ins: one a file, a script by itself, copied to where Neural Network Console looks.

What a script imports is looked for beside it first, so that none may be called as a module that
others import.
"""

from __future__ import annotations

NAMES = (
    "weight_compression",
    "post_training_quantization",
    "channel_pruning",
    "device_export",
    "layer_sensitivity",
    "network_inspection",
    "compression_report",
    "fit_to_device",
)
"""The plug-ins, in the order in which they are listed."""
