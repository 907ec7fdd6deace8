# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizing each feature map alone costs at the outputs, and which ones to give more bits.

Only the variation of the error counts, not its mean, which bias correction takes off. Errors of
different maps are taken as independent: their powers add up.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import decibels
from nnabla_compress.analysis.feature_maps import FeatureMap, stored_maps
from nnabla_compress.calibration.maps_alone import energy, give_state, noise_alone, options_of
from nnabla_compress.calibration.observe import compute
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Quantizer, graph_quantizers
from nnabla_compress.transforms.insert_map_quantizers import insert_map_quantizers

_SAMPLES = 32
# A note is due where outputs are worse than this, and maps make at least half of the noise.
_GOOD, _HALF = 30.0, 3.0
_NAMED, _MORE_BITS = 3, 16


def costly_maps(
    plain: Network, network: Network, samples: Sequence[np.ndarray], snr: float
) -> Optional[str]:
    """Returns a sentence on the maps that cost most, None where maps are not what limits outputs.

    Args:
        plain: The float network.
        network: The quantized one, calibrated.
        samples: Samples to measure on.
        snr: Signal-to-noise ratio of the outputs of the quantized network, in dB.
    """
    nodes = {
        node.info.args["name"]: node
        for node in graph_quantizers(network.all_outputs)
        if node.info.args.get("tensor") == ""
    }
    if not nodes or snr >= _GOOD:
        return None
    few = [array[:_SAMPLES] for array in samples]
    expected = compute(plain.all_outputs, plain.all_inputs, few)
    signal = sum(float(np.square(y.astype(np.float64)).sum()) for y in expected)
    whole = _noise(plain, nodes, few, expected)
    if decibels(signal, whole) > snr + _HALF:
        return None
    weighed = {name: node for name, node in nodes.items() if _bits(node) < _MORE_BITS}
    alone = noise_alone(plain, weighed, few, expected)
    worst = sorted(alone, key=lambda name: -alone[name])[:_NAMED]
    if not worst:
        return None
    total = sum(alone.values())
    part = sum(alone[name] for name in worst) / total if total > 0 else 0.0
    told = ", ".join(f"{name} ({decibels(signal, alone[name]):.1f} dB)" for name in worst)
    rules = " ".join(f"-a '{name}={_rule(nodes[name])}'" for name in worst)
    return (
        f"feature maps alone limit the outputs to about {decibels(signal, whole):.1f} dB; those "
        f"that cost most, each by itself: {told}: {part:.0%} of the noise of all maps. More bits "
        f"there: {rules}, after the rule for the other maps."
    )


def _noise(
    plain: Network,
    nodes: Dict[str, Any],
    samples: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
) -> float:
    """The energy of what quantizing all maps adds to the outputs, their means left out."""
    with plain.within():
        maps = stored_maps(plain.all_outputs, plain.all_inputs)

    def choose(found: FeatureMap) -> Optional[Quantizer]:
        return options_of(nodes[found.name]) if found.name in nodes else None

    with nn.parameter_scope("", OrderedDict()):
        outputs: List[nn.Variable] = insert_map_quantizers(plain.all_outputs, maps, choose)
    for node in graph_quantizers(outputs):
        give_state(node, nodes[node.info.args["name"]])
    return energy(compute(outputs, plain.all_inputs, samples), expected)


def _bits(node: Any) -> int:
    return int(node.info.args["bits"])


def _rule(node: Any) -> str:
    symmetric = "true" if node.info.args["symmetric"] else "false"
    return f"affine:bits={_MORE_BITS},symmetric={symmetric}"
