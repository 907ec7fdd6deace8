# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Neurons with weights of length 1 and thresholds in a known interval: an equal network.

The length of a ReLU's weights moves to the layer behind; where only signs count, it is dropped. Of
inputs x between known bounds, ``|w x| <= |x| <= X`` then, so a threshold beyond X means nothing:
such a unit is always off, and goes, or always on, and linear. The last layer keeps its lengths.

L. Qin, S. Zhou and D. Xiu, Reducing parameter space for neural network training, arXiv:1805.08340.
The interval of the paper holds only where a constant can go to the bias behind.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

import nnabla as nn
import numpy as np
from pydantic import model_validator

from nnabla_compress.analysis.couplings import parameters_of
from nnabla_compress.analysis.layers import WEIGHT, layers
from nnabla_compress.analysis.neurons import Neurons, neurons
from nnabla_compress.analysis.reach import Reach, largest_length, reach, within
from nnabla_compress.errors import ConfigError, VerifyError
from nnabla_compress.graph.constants import constant, value
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves, rebuild, with_batch_statistics
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.transforms.check_removal import ROUNDED
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.neuron_values import (
    always_on_from,
    can_merge,
    can_move,
    merge,
    merged,
    move_on,
    normalize,
    silence,
)
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.shrink import Shrink
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform
from nnabla_compress.transforms.with_values import loaded, with_values

_SAMPLES = 1024  # whose extremes are the range of the inputs
_PROVED_ON = 32  # random inputs
_FLIPS = 0.05  # of them, where signs may fall the other way by a rounding


@register_transform("normalize_neurons")
class NormalizeNeurons(Transform):
    """Gives the weights of each neuron the length 1, and takes out those that are always off.

    The network computes the same. It is for ReLU and for functions of signs without batch
    normalization between layer and activation: fold these before.

    Args:
        inputs: Between what all inputs of the network lie, such as ``[0, 1]``: thresholds are
            looked at, too. Left out: what the training samples hold; without data, only lengths
            change.
    """

    short = "inputs"
    holds: ClassVar[bool] = True
    of_inference: ClassVar[bool] = True
    same_function: ClassVar[bool] = True

    inputs: Optional[Tuple[float, float]] = None

    @model_validator(mode="after")
    def _in_order(self) -> NormalizeNeurons:
        if self.inputs is not None and not -np.inf < self.inputs[0] < self.inputs[1] < np.inf:
            raise ConfigError(
                f"normalize_neurons: inputs is [{self.inputs[0]:g}, {self.inputs[1]:g}].",
                help="give the least and the largest value of the inputs, such as [0, 1]",
            )
        return self

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the layers that change, which units are always off or on, and what goes.

        Raises:
            ConfigError: If there are no such neurons, or the network is quantized.
            UnsupportedFunctionError: If its weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        network = written_out(network.copy())
        with network.within():
            return self._decided(network, context)

    def _decided(self, network: Network, context: Context) -> Decisions:
        outputs = network.all_outputs
        for node in graph_quantizers(outputs):
            raise ConfigError(
                f"normalize_neurons: {node.info.args.get('name') or 'a tensor'} is quantized "
                f"already, by {shown_type(node)}.",
                help="normalize before you quantize",
            )
        found = neurons(outputs, parameters_of(network))
        if not found:
            raise ConfigError(
                "normalize_neurons: no layer is followed by a ReLU or a function of signs alone, "
                "with a layer behind it.",
                help="fold batch normalizations before: the step fold: before",
            )
        between = self._range(network, context)
        arrays = loaded(network)
        for each in found:
            _check_finite(each, arrays)
            normalize(each, arrays)
        decided: Decisions = {
            "layers": [each.layer.name for each in found],
            "inputs": None if between is None else list(between),
            "lengths": {},
            "units": {},
        }
        if between is not None:
            bounds = _bounds(network, arrays, between)
            for each in found:
                units = _units(each, arrays, bounds)
                decided["lengths"][each.layer.name] = _length(bounds[each.layer.function.inputs[0]])
                if any(units.values()):
                    decided["units"][each.layer.name] = units
                    _switch(each, units, arrays)
                    bounds = _bounds(network, arrays, between)
        trial = network.copy()
        with trial.within():
            made = with_values(trial, _of_copy(network, trial, arrays))
            decided["shrink"] = Shrink().decide(made, _Silent(context))
        return decided

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns how many layers changed, and how many units went."""
        count = {
            key: sum(len(units[key]) for units in decisions["units"].values())
            for key in ("off", "on", "merged")
        }
        gone = sum(len(some) for some in decisions["shrink"]["remove"].values())
        between = decisions["inputs"]
        where = "" if between is None else f" for inputs from {between[0]:g} to {between[1]:g}"
        return (
            f"normalize_neurons: {len(decisions['layers'])} layers have weights of length 1 now; "
            f"{count['off']} units are always off, {count['on'] + count['merged']} always on"
            f"{where}; {gone} units are taken out"
        )

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the equal network; its parameters take the places of the old ones."""
        network = written_out(network)
        arrays = loaded(network)
        by_name = {e.layer.name: e for e in neurons(network.all_outputs, parameters_of(network))}
        for name in decisions["layers"]:
            normalize(by_name[name], arrays)
        for name, units in decisions["units"].items():
            _switch(by_name[name], units, arrays)
        return Shrink().replay(with_values(network, arrays), decisions["shrink"])

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares what both compute, on random inputs between the bounds where there are some.

        Raises:
            VerifyError: If they differ by more than rounding.
        """
        if decisions["inputs"] is None or not decisions["units"]:
            outputs = given.all_outputs, made.all_outputs
            check_faithful(*outputs, given.all_inputs, made.all_inputs, ROUNDED)
            return
        apart = _differing(given, made, decisions["inputs"])
        signs = any(each.binary for each in neurons(given.all_outputs, parameters_of(given)))
        if apart > (_FLIPS if signs else 0):
            raise VerifyError(
                f"normalize_neurons: of {_PROVED_ON} random inputs {apart:.0%} give something else "
                "than before.",
                help="leave inputs out; please report the network: this is a defect of "
                "nnabla-compress",
            )

    def _range(self, network: Network, context: Context) -> Optional[Tuple[float, float]]:
        if self.inputs is not None:
            return self.inputs
        samples = context.samples(_SAMPLES)
        if not samples:
            return None
        ends = [(float(np.min(part)), float(np.max(part))) for part in samples.values()]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        return (low, high) if low < high else None


class _Silent:
    """A context that tells nobody what a part of the work does."""

    def __init__(self, context: Context) -> None:
        self.seed, self.untrained = context.seed, context.untrained
        self.samples, self.examples = context.samples, context.examples

    def tell(self, line: str) -> None:
        """Tells nobody."""


def written_out(network: Network) -> Network:
    """Returns the network with weights and biases that are computed from a parameter in its place.

    Layers of unit neurons become those of NNabla. Where nothing is computed, the network is
    returned as it is.

    Args:
        network: The network, its parameters in the current scope.
    """
    known = parameters_of(network)
    paths = {variable.data: path for path, variable in known.items()}
    made: Dict[nn.Variable, nn.Variable] = {}
    for layer in layers(network.all_outputs, known):
        if not layer.computed_by or layer.quantizer is not None or layer.shared:
            continue
        of_layer = [(layer.function.inputs[WEIGHT], layer.weight)]
        bias = layer.bias
        if bias is not None and bias.parent is not None:
            from_one = [v for v in leaves([bias]) if v.data in paths]
            of_layer += [(bias, from_one[0])] if len(from_one) == 1 else []
        for computed, parameter in of_layer:
            path = paths.get(parameter.data, parameter.name)
            made[computed] = constant(value(computed), path, parameter.need_grad)
            with network.within():
                network.paths[parameter.data] = path
                nn.parameter.set_parameter(path, made[computed])
    return network.giving(rebuild(network.all_outputs, inputs=made)) if made else network


def _check_finite(each: Neurons, arrays: Mapping[Any, np.ndarray]) -> None:
    """Refuses a layer without lengths: of NaN, no comparison afterwards would tell anything."""
    for parameter in (each.layer.weight, each.layer.bias):
        if parameter is not None and not np.isfinite(arrays[parameter.data]).all():
            raise ConfigError(
                f"normalize_neurons: parameters of {each.layer.name} are NaN or infinite.",
                help="train the network again, with a lower learning rate",
            )


def _of_copy(
    network: Network, copy: Network, arrays: Mapping[Any, np.ndarray]
) -> Dict[Any, np.ndarray]:
    """Values by the arrays of a copy's parameters."""
    own = leaves(network.all_outputs), leaves(copy.all_outputs)
    return {twin.data: arrays[leaf.data] for leaf, twin in zip(*own) if leaf.data in arrays}


def _bounds(
    network: Network, arrays: Mapping[Any, np.ndarray], between: Tuple[float, float]
) -> Dict[nn.Variable, Reach]:
    """Bounds of the given graph's tensors, computed with other values."""
    held = {leaf: np.array(leaf.d) for leaf in leaves(network.all_outputs) if leaf.data in arrays}
    try:
        for leaf in held:
            leaf.d = arrays[leaf.data]
        return reach(network.all_outputs, {x: within(*between) for x in network.all_inputs})
    finally:
        for leaf, values in held.items():
            leaf.d = values


def _units(
    each: Neurons, arrays: Dict[Any, np.ndarray], bounds: Mapping[nn.Variable, Reach]
) -> Dict[str, List[Any]]:
    """Which units of a layer are always off, or always on."""
    none: Dict[str, List[Any]] = {"off": [], "on": [], "amounts": [], "merged": [], "from": []}
    found = bounds.get(each.layer.function.outputs[0])
    if each.activation is None or found is None or not found.known:
        return none
    axis = found.low.ndim - 1 if each.layer.type == "Affine" else 1
    low, high = (
        np.moveaxis(end, axis, 0).reshape(end.shape[axis], -1) for end in (found.low, found.high)
    )
    least, most = low.min(axis=1), high.max(axis=1)
    if each.binary:
        none["off"] = np.flatnonzero(most < 0).tolist()
        none["on"] = np.flatnonzero(least > 0).tolist() if each.layer.bias is not None else []
        return none
    none["off"] = np.flatnonzero(most <= 0).tolist()
    on = np.flatnonzero((least >= 0) & (most > 0)).tolist()
    reads = bounds[each.layer.function.inputs[0]]
    made = merged(each, on, arrays) if on and can_merge(each) else None
    if made is not None and made.weights.shape[1] < len(on):
        none["merged"] = on
        none["from"] = always_on_from(made.weights, reads).tolist()
    elif on and can_move(each):
        none["on"], none["amounts"] = on, least[on].tolist()
    return none


def _switch(each: Neurons, units: Mapping[str, List[Any]], arrays: Dict[Any, np.ndarray]) -> None:
    if units["off"]:
        silence(each, units["off"], arrays, -1.0 if each.binary else 0.0)
    if units["on"] and each.binary:
        silence(each, units["on"], arrays, 1.0)
    elif units["on"]:
        move_on(each, units["on"], units["amounts"], arrays)
    if units["merged"]:
        merge(each, units["merged"], units["from"], arrays)


def _length(bounds: Reach) -> Optional[float]:
    return largest_length(bounds) if bounds.known else None


def _differing(given: Network, made: Network, between: List[float]) -> float:
    """Share of random inputs, between the bounds, of which the networks make different outputs."""
    rng = np.random.RandomState(0)
    both = [with_batch_statistics(network.all_outputs, False) for network in (given, made)]
    first = given.all_inputs[0]
    rounds = max(1, _PROVED_ON // max(1, first.shape[0]))
    wrong = total = 0
    for _ in range(rounds):
        fresh = {x: nn.Variable(x.shape) for x in given.all_inputs}
        for variable in fresh.values():
            variable.d = rng.uniform(between[0], between[1], variable.shape)
        answers = []
        for network, outputs in zip((given, made), both):
            pairs = dict(zip(network.all_inputs, fresh.values()))
            new = rebuild(outputs, inputs=pairs)
            nn.forward_all(new)
            answers.append([np.array(output.d) for output in new])
        rows = [
            np.abs(a - b).reshape(len(a), -1).max(axis=1) > ROUNDED * max(np.abs(a).max(), 1e-30)
            for a, b in zip(*answers)
        ]
        differs = np.logical_or.reduce(rows)
        wrong, total = wrong + int(differs.sum()), total + len(differs)
    return wrong / max(total, 1)
