# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The two networks of a post-training quantization: a float one and a quantized one."""

from __future__ import annotations

from typing import Any, List, Mapping

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import Layer, layers
from nnabla_compress.analysis.feature_maps import FeatureMap, stored_maps
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import Network, with_batch_statistics
from nnabla_compress.graph.rewrite import is_for_inference
from nnabla_compress.quantizers import graph_quantizers, prepare
from nnabla_compress.quantizers.base import is_given, quantizer_of, shown_type
from nnabla_compress.rules import Candidate, choose_rules
from nnabla_compress.transforms import (
    check_faithful,
    fold_batch_normalization,
    insert_map_quantizers,
    insert_weight_quantizers,
)
from nnabla_compress.transforms.faithful import FOLDED
from nnabla_compress.transforms.settle import settled


def folded_copy(network: Network, prove: bool = True, sharing: bool = False) -> Network:
    """Returns a network for inference, batch normalizations folded; the original stays as it is.

    Args:
        network: The network, without quantizers.
        prove: Run both and compare; False where that was done, or is done soon.
        sharing: As of :meth:`nnabla_compress.graph.network.Network.copy`.

    Raises:
        ConfigError: If it has quantizers already.
    """
    found = [node for node in graph_quantizers(network.all_outputs) if not is_given(node)]
    if found:
        raise ConfigError(
            f"the network is quantized already, by {shown_type(found[0])} of "
            f"{found[0].info.args.get('name') or '(no name)'}.",
            help="start from the float network, or remove them: transforms.remove_quantizers",
        )
    given = network.all_outputs
    inferring = settled(given if is_for_inference(given) else with_batch_statistics(given, False))
    folded = fold_batch_normalization(inferring)
    copy = network.giving(folded).copy(sharing)
    if prove:
        inputs = network.all_inputs, copy.all_inputs
        check_faithful(network.all_outputs, copy.all_outputs, *inputs, FOLDED)
    return copy


def quantized_copy(
    plain: Network,
    signed: Mapping[str, bool],
    settings: PostTrainingSettings,
    prove: bool = True,
) -> Network:
    """Returns a copy with quantizers on weights and feature maps, as the rules say.

    Its weights and biases read the arrays of the float network, until they get some of their own.

    Args:
        plain: The float network.
        signed: Whether its feature maps hold negative values, by the names that
            ``stored_maps`` gives them, as far as they are to be quantized.
        settings: The rules.
        prove: As of :func:`folded_copy`.

    Raises:
        ConfigError: If a rule matches nothing.
    """
    copy = plain.copy(sharing=True)
    with copy.within():
        found = layers(copy.all_outputs)
        candidates = [Candidate(x.name, x.type, int(x.weight.size)) for x in found]
        chosen = choose_rules(settings.weight_rules, candidates) if settings.weights else {}

        def choose(layer: Layer) -> Any:
            rule = chosen.get(layer.name)
            if rule is None:
                return None
            axis = layer.output_axis if layer.direct else None
            return rule.make(**settings.defaults(axis))

        outputs = insert_weight_quantizers(copy.all_outputs, choose)
        if settings.activations:
            maps = stored_maps(outputs, copy.all_inputs)
            behind = choose_rules(
                settings.activation_rules, [Candidate(found.name, found.type) for found in maps],
                "activation",
            )  # fmt: skip

            def choose_map(found: FeatureMap) -> Any:
                rule = behind[found.name]
                if rule is None:
                    return None
                options = {key: v for key, v in settings.defaults().items() if key != "axis"}
                return rule.make(signed=signed.get(found.name, True), **options)

            outputs = insert_map_quantizers(outputs, maps, choose_map)
    if prove:
        check_faithful(plain.all_outputs, outputs, plain.all_inputs, copy.all_inputs)
    return copy.giving(outputs)


def layers_of(network: Network) -> List[Layer]:
    """Returns the layers of a network, named after its own parameters.

    Args:
        network: The network.
    """
    return layers(network.all_outputs, network.parameters)


def weight_quantizers(network: Network) -> List[Any]:
    """Returns the quantizer nodes of the weights.

    Args:
        network: The quantized network.
    """
    nodes = [layer.quantizer for layer in layers_of(network) if not layer.shared]
    return [node for node in nodes if node is not None]


def fit_weights(network: Network) -> None:
    """Lets the quantizers of the weights start again from the weights present.

    Args:
        network: The quantized network; its quantizers' parameters change.
    """
    for node in weight_quantizers(network):
        for variable in node.inputs[1:]:
            if np.asarray(variable.d).dtype.kind == "f":
                variable.d = np.nan
    prepare(network.all_outputs)


def set_ranges(network: Network, statistics: Mapping[nn.Variable, Statistics], method: Any) -> None:
    """Sets scales and zero points of the feature maps' quantizers.

    Args:
        network: The quantized network.
        statistics: Of the feature maps, by the names of the quantizers' scopes.
        method: A calibration method.
    """
    seen = {s.name: s for s in statistics.values()}
    for node in graph_quantizers(network.all_outputs):
        name = node.info.args["name"]
        if node.info.args.get("tensor") == "" and name in seen:
            quantizer = quantizer_of(node)
            assert quantizer is not None
            low, high = method(seen[name], quantizer.of(node.info.args))
            quantizer.set_range(node.info.args, node.inputs, low, high)
