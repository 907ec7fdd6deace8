# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The two networks of a post-training quantization: a float one and a quantized one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import Layer, layers, parameter_names
from nnabla_compress.analysis.feature_maps import FeatureMap, stored_maps
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import leaves, rebuild, with_batch_statistics
from nnabla_compress.graph.constants import constant
from nnabla_compress.quantizers import graph_quantizers, prepare
from nnabla_compress.quantizers.base import quantizer_of, shown_type
from nnabla_compress.rules import Candidate, choose_rules
from nnabla_compress.transforms import (
    check_faithful,
    fold_batch_normalization,
    insert_map_quantizers,
    insert_weight_quantizers,
)
from nnabla_compress.transforms.faithful import FOLDED


@dataclass
class Copy:
    """A network with inputs and parameters of its own.

    Args:
        outputs: Its outputs.
        inputs: Its inputs.
        scope: Its parameters, as a parameter scope.
    """

    outputs: List[nn.Variable]
    inputs: List[nn.Variable]
    scope: Dict[str, Any]

    @property
    def parameters(self) -> Dict[str, nn.Variable]:
        """The parameters by path."""
        with nn.parameter_scope("", self.scope):
            return dict(nn.get_parameters(grad_only=False))

    def layers(self) -> List[Layer]:
        """The layers, named after these parameters."""
        return layers(self.outputs, self.parameters)

    def state(self) -> Dict[str, np.ndarray]:
        """Returns copies of all parameters' values."""
        return {name: np.array(v.d) for name, v in self.parameters.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts values back that :meth:`state` returned; parameters of other names stay."""
        for name, variable in self.parameters.items():
            if name in state:
                variable.d = state[name]


def folded_copy(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> Copy:
    """Returns a network for inference, batch normalizations folded; the original stays as it is.

    Args:
        outputs: Variables of one graph, without quantizers.
        inputs: Its inputs.

    Raises:
        ConfigError: If it has quantizers already.
    """
    found = graph_quantizers(outputs)
    if found:
        raise ConfigError(
            f"the network is quantized already, by {shown_type(found[0])} of "
            f"{found[0].info.args.get('name') or '(no name)'}.",
            help="start from the float network, or remove them: graph.remove_quantizers",
        )
    copy = copy_of(fold_batch_normalization(with_batch_statistics(outputs, False)), inputs)
    check_faithful(outputs, copy.outputs, inputs, copy.inputs, FOLDED)
    return copy


def copy_of(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> Copy:
    """Returns a network with copies of all parameters, under their paths.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs.
    """
    names = parameter_names(outputs)
    scope: Dict[str, Any] = OrderedDict()
    copies: Dict[Any, nn.Variable] = {}
    new = {variable: nn.Variable(variable.shape) for variable in inputs}
    taken = set()
    for leaf in leaves(outputs):
        if leaf in new:
            continue
        if leaf.data not in copies:
            path = names.get(leaf.data) or leaf.name or "parameter"
            number, unique = 1, path
            while unique in taken:
                number += 1
                unique = f"{path}_{number}"
            taken.add(unique)
            copies[leaf.data] = constant(np.array(leaf.d), unique, leaf.need_grad)
            with nn.parameter_scope("", scope):
                nn.parameter.set_parameter(unique, copies[leaf.data])
        new[leaf] = copies[leaf.data]
    made = rebuild(outputs, inputs=new)
    return Copy(made, [new[variable] for variable in inputs], scope)


def quantized_copy(plain: Copy, signed: Mapping[str, bool], settings: PostTrainingSettings) -> Copy:
    """Returns a copy with quantizers on weights and feature maps, as the rules say.

    Args:
        plain: The float network.
        signed: Whether its feature maps hold negative values, by the names that
            ``stored_maps`` gives them, as far as they are to be quantized.
        settings: The rules.

    Raises:
        ConfigError: If a rule matches nothing.
    """
    copy = copy_of(plain.outputs, plain.inputs)
    with nn.parameter_scope("", copy.scope):
        found = layers(copy.outputs)
        candidates = [Candidate(x.name, x.type, int(x.weight.size)) for x in found]
        chosen = choose_rules(settings.weight_rules, candidates) if settings.weights else {}

        def choose(layer: Layer) -> Any:
            rule = chosen.get(layer.name)
            if rule is None:
                return None
            axis = layer.output_axis if layer.direct else None
            return rule.make(**settings.defaults(axis))

        outputs = insert_weight_quantizers(copy.outputs, choose)
        if settings.activations:
            maps = stored_maps(outputs, copy.inputs)
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
    check_faithful(plain.outputs, outputs, plain.inputs, copy.inputs)
    return Copy(outputs, copy.inputs, copy.scope)


def weight_quantizers(network: Copy) -> List[Any]:
    """Returns the quantizer nodes of the weights.

    Args:
        network: The quantized network.
    """
    nodes = [layer.quantizer for layer in network.layers() if not layer.shared]
    return [node for node in nodes if node is not None]


def fit_weights(network: Copy) -> None:
    """Lets the quantizers of the weights start again from the weights present.

    Args:
        network: The quantized network; its quantizers' parameters change.
    """
    for node in weight_quantizers(network):
        for variable in node.inputs[1:]:
            if np.asarray(variable.d).dtype.kind == "f":
                variable.d = np.nan
    prepare(network.outputs)


def set_ranges(network: Copy, statistics: Mapping[nn.Variable, Statistics], method: Any) -> None:
    """Sets scales and zero points of the feature maps' quantizers.

    Args:
        network: The quantized network.
        statistics: Of the feature maps, by the names of the quantizers' scopes.
        method: A calibration method.
    """
    seen = {s.name: s for s in statistics.values()}
    for node in graph_quantizers(network.outputs):
        name = node.info.args["name"]
        if node.info.args.get("tensor") == "" and name in seen:
            quantizer = quantizer_of(node)
            assert quantizer is not None
            low, high = method(seen[name], quantizer.of(node.info.args))
            quantizer.set_range(node.info.args, node.inputs, low, high)
