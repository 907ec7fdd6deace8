# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers on the weights and feature maps that rules choose."""

from __future__ import annotations

from typing import Any, ClassVar, Container, Dict, List, Literal, Mapping, Optional, Sequence, Tuple

import nnabla as nn
from pydantic import Field, field_validator, model_validator

from nnabla_compress.analysis import (
    FeatureMap,
    Layer,
    activations,
    layers,
    parameter_names,
    places,
    stored_maps,
)
from nnabla_compress.encodings import CODES
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.function_types import RECURRENT
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.options import Options
from nnabla_compress.quantizers import Quantizer
from nnabla_compress.quantizers.base import graph_quantizers, is_given, shown_type
from nnabla_compress.rules import Candidate, QuantizerRule, choose_rules
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.insert_map_quantizers import insert_map_quantizers
from nnabla_compress.transforms.insert_weights import insert_weight_quantizers
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform


class QuantizerRules(Options):
    """Which weights and activations get which quantizer; the last rule that matches one holds.

    Args:
        weights: Rules for the layers' weights, such as ``lut:bits=4`` or ``fc*=lut:bits=8``.
        activations: Rules for feature maps, such as ``uniform:bits=8``.
        maps: Which maps these are for: ``"activations"``, the outputs of activation functions, or
            ``"stored"``, all that a device stores as codes: inputs and sums, too. Their names are
            the same, and those that ``calibrate`` uses.
    """

    one_or_several: ClassVar[Tuple[str, ...]] = ("weights", "activations")

    weights: List[QuantizerRule] = Field(default_factory=list)
    activations: List[QuantizerRule] = Field(default_factory=list)
    maps: Literal["activations", "stored"] = "activations"

    @field_validator("weights", "activations", mode="before")
    @classmethod
    def _one_rule(cls, rules: Any) -> Any:
        return [rules] if isinstance(rules, (str, Mapping)) else rules

    @field_validator("activations")
    @classmethod
    def _have_no_weights(cls, rules: List[QuantizerRule]) -> List[QuantizerRule]:
        for rule in rules:
            if rule.min_weights is not None:
                raise ConfigError(
                    "activations: min_weights is for weights.", help="choose activations by name"
                )
        return rules

    @model_validator(mode="after")
    def _something(self) -> QuantizerRules:
        if not self.changes_anything:
            raise ConfigError(
                "neither weights nor activations are quantized.",
                help='add for instance weights: [{layers: "*", quantizer: lut, bits: 4}]',
            )
        return self

    @property
    def changes_anything(self) -> bool:
        """Whether anything gets another quantizer."""
        return bool(self.weights or self.activations)

    @property
    def quantizes_activations(self) -> bool:
        """Whether any rule puts a quantizer behind an activation."""
        return any(rule.quantizer != "none" for rule in self.activations)


@register_transform("quantize")
class Quantize(QuantizerRules, Transform):
    """Puts quantizers on weights and feature maps.

    Args:
        replace: Whether layers and maps that have quantizers get these in their place: what was
            trained below them goes on, as where bits are lowered step by step. Otherwise such
            layers are refused.
    """

    short = "weights"

    replace: bool = False

    @property
    def held(self) -> bool:
        """Whether quantizers were taken away: with them went parameters, so none can be built."""
        return self.replace

    def need_of_data(self) -> Optional[str]:
        """Returns why activations need data."""
        if not self.quantizes_activations:
            return None
        return "the ranges of quantized activations come from a batch of it"

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the rule of each layer and of each activation that gets a quantizer.

        Raises:
            ConfigError: If a rule matches nothing.
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        outputs = network.all_outputs
        refuse_codes(outputs)
        seen = [Candidate(found.name, found.type) for found in self._maps_of(network)]
        behind = choose_rules(self.activations, seen, "activation") if self.activations else {}
        of_weights = _said(_rules_of_layers(outputs, self.weights) if self.weights else {})
        if not self.replace:
            _refuse_quantized(outputs, of_weights)
        return {"weights": of_weights, "activations": _said(behind)}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network with the quantizers; their parameters are made beside the weights."""
        of_weights, behind = _rules(decisions["weights"]), _rules(decisions["activations"])
        if self.replace:
            network = _without(network, of_weights, behind)
        new = network.all_outputs
        if behind:

            def choose_map(found: FeatureMap) -> Optional[Quantizer]:
                rule = behind.get(found.name)
                return rule.make(signed=found.signed) if rule is not None else None

            new = insert_map_quantizers(new, self._maps_of(network), choose_map)
        if of_weights:

            def choose(layer: Layer) -> Optional[Quantizer]:
                rule = of_weights.get(layer.name)
                return rule.make() if rule is not None else None

            def choose_bias(layer: Layer) -> Optional[Quantizer]:
                rule = of_weights.get(layer.name)
                return rule.make_for_bias() if rule is not None else None

            new = insert_weight_quantizers(new, choose, choose_bias=choose_bias)
        return network.giving(new)

    def _maps_of(self, network: Network) -> List[FeatureMap]:
        outputs = network.all_outputs
        if self.maps == "activations":
            return activations(outputs)
        return stored_maps(outputs, network.all_inputs or inputs_of(outputs))

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares the networks without their quantizers, value for value."""
        check_faithful(given.all_outputs, made.all_outputs)


def _without(network: Network, of_weights: Container[str], behind: Container[str]) -> Network:
    """The network without the quantizers of some layers and maps, whose parameters go, too."""
    found = [x for x in layers(network.all_outputs) if x.name in of_weights]
    of_layers = {
        x.quantizer for x in found if x.quantizer is not None and not is_given(x.quantizer)
    }

    def is_left(node: Any) -> bool:
        name, tensor = node.info.args.get("name"), node.info.args.get("tensor", "")
        return name in (of_weights if tensor else behind)

    left = [
        node
        for node in graph_quantizers(network.all_outputs)
        if node in of_layers or (not is_given(node) and is_left(node))
    ]
    outputs = rebuild(
        network.all_outputs,
        lambda function, inputs: inputs[0] if function in left else None,
    )
    own = {x.data for node in left for x in node.inputs[1:]}
    own -= {leaf.data for leaf in leaves(outputs)}
    for path, parameter in nn.get_parameters(grad_only=False).items():
        if parameter.data in own:
            nn.parameter.pop_parameter(path)
    return network.giving(outputs)


def refuse_codes(outputs: Sequence[nn.Variable]) -> None:
    """Refuses a network that an export wrote with its weights as codes: they can't be trained.

    Args:
        outputs: Variables of one graph.

    Raises:
        UnsupportedFunctionError: With the name of such a weight.
    """
    for name in parameter_names(outputs).values():
        if name.endswith(CODES):
            raise UnsupportedFunctionError(
                f"the weights of this network are stored as codes ({name}).",
                help="compress the network that it was exported from, or export that one with "
                "storage 'float' first",
            )


def _refuse_quantized(outputs: Sequence[nn.Variable], chosen: Mapping[str, Any]) -> None:
    for layer in layers(outputs):
        if layer.quantizer is None or is_given(layer.quantizer):
            continue
        if layer.name in chosen:
            raise ConfigError(
                f"the weight of {layer.name} is quantized already, by "
                f"{shown_type(layer.quantizer)}.",
                help="choose other layers, start from the float network "
                "(transforms.remove_quantizers), or go on from what was trained below: "
                "quantize: {replace: true}",
            )


def _rules_of_layers(
    outputs: Sequence[nn.Variable], rules: Sequence[QuantizerRule]
) -> Dict[str, Optional[QuantizerRule]]:
    candidates = [Candidate(x.name, x.type, int(x.weight.size)) for x in layers(outputs)]
    try:
        return choose_rules(rules, candidates)
    except ConfigError as error:
        where = places(outputs).items()
        cells = [place for function, place in where if function.info.type_name in RECURRENT]
        if not cells:
            raise
        raise ConfigError(
            error.message,
            help=f"{error.help}; {cells[0]} keeps its weights to itself and stays float: to "
            "quantize it, build it from PF.lstm_cell or Affine",
        ) from None


def _said(chosen: Mapping[str, Optional[QuantizerRule]]) -> Dict[str, Dict[str, Any]]:
    """The quantizer and its options of each tensor that gets one, by its name."""
    return {
        name: rule.without_choice()
        for name, rule in chosen.items()
        if rule is not None and rule.quantizer != "none"
    }


def _rules(said: Mapping[str, Mapping[str, Any]]) -> Dict[str, QuantizerRule]:
    return {name: QuantizerRule.model_validate(dict(rule)) for name, rule in said.items()}
