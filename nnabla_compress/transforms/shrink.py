# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that a network can do without, taken out of it: it computes the same."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import base_axis
from nnabla_compress.analysis.couplings import Couplings, parameters_of
from nnabla_compress.analysis.idle_channels import Idle, idle_channels
from nnabla_compress.analysis.layers import BIAS, layers
from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import beside, constant, free_path
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, rebuild, times_read
from nnabla_compress.quantizers.base import shown_type
from nnabla_compress.transforms.check_removal import (
    ROUNDED,
    check_quantized,
    otherwise_quantized,
)
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.remove_channels import without_channels
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform

_NAMED = 3


@register_transform("shrink")
class Shrink(Transform):
    """Takes channels out that are zero or never read: a smaller network that computes the same.

    A channel goes if all that read it can do without: their weights on it are zero, or it is the
    same whatever comes in, and zero or a constant that their bias can take over. Needs no data.
    """

    holds: ClassVar[bool] = True
    same_function: ClassVar[bool] = True

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the channels of each group that go, and what takes the place of constants.

        Raises:
            UnsupportedFunctionError: If the network's weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        idle = _idle(network)
        for line in told(idle):
            context.tell(line)
        shifts = {name: [float(value) for value in shift] for name, shift in idle.shifts.items()}
        return {"remove": idle.remove, "shifts": shifts}

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the smaller network; its parameters take the places of the old ones."""
        shifts = {name: np.asarray(shift) for name, shift in decisions["shifts"].items()}
        return without_channels(_shifted(network, shifts), decisions["remove"])

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares what both compute, and the weights that stay."""
        check_quantized(given, made, decisions["remove"])
        check_faithful(
            given.all_outputs, made.all_outputs, given.all_inputs, made.all_inputs, ROUNDED
        )


def _idle(network: Network) -> Idle:
    """What can go without giving quantized weights that stay other values."""
    couplings = Couplings(network)
    every = layers(couplings.outputs, parameters_of(network))
    held: Dict[str, str] = {}
    while True:
        idle = idle_channels(couplings, held)
        if not idle.remove or not any(layer.quantizer is not None for layer in every):
            return idle
        trial = network.copy()
        with trial.within():
            made = without_channels(trial, idle.remove)
        others = otherwise_quantized(trial, made, idle.remove)
        if not others:
            return idle
        for layer in others:
            why = f"{shown_type(layer.quantizer)} takes values from all weights of {layer.name}"
            for group in couplings.groups:
                parameters = {m.parameter for m in group.members if m.role in ("output", "input")}
                if group.name in idle.remove and layer.weight_name in parameters:
                    held[group.name] = why


def shrink(network: Network) -> Network:
    """Takes channels out that are zero or never read; what the network computes stays the same.

    The smaller parameters take the place of the old ones in the network's parameter scope, under
    their names; the given graph keeps its own.

    Args:
        network: The network.

    Returns:
        The smaller network; one like the given one where no channel can go.

    Raises:
        VerifyError: If the smaller network does not compute the same.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
        >>> network = Network({"x": x}, {"y": PF.affine(h, 10, name="fc")})
        >>> nn.get_parameters()["a/conv/W"].d[1:] = 0
        >>> smaller = shrink(network)
        >>> [(path, v.shape) for path, v in smaller.parameters.items() if path.endswith("W")]
        [('a/conv/W', (1, 3, 3, 3)), ('fc/affine/W', (36, 10))]
    """
    with network.within():
        made, _ = Shrink().apply(network)
    return made


def told(idle: Idle) -> List[str]:
    """Returns what is done and what is left, in lines.

    Args:
        idle: What the network can do without.
    """
    found = [f"{len(some)} of {name}" for name, some in idle.remove.items()]
    more = f" and {len(found) - _NAMED} more groups" if len(found) > _NAMED else ""
    lines = [
        f"shrink: takes out channels that are computed for nothing: "
        f"{', '.join(found[:_NAMED])}{more}"
        if found
        else "shrink: no channel is computed for nothing that could go"
    ]
    for left in idle.left[:_NAMED]:
        lines.append(
            f"shrink: {len(left.channels)} constant channels of {left.group} stay: {left.why}"
        )
    if len(idle.left) > _NAMED:
        lines.append(f"shrink: constant channels of {len(idle.left) - _NAMED} more groups stay")
    return lines


def _shifted(network: Network, shifts: Mapping[str, np.ndarray]) -> Network:
    """Returns the network with other biases, or means of the normalizations behind the layers."""
    outputs, paths = network.all_outputs, {}
    parameters = parameters_of(network)
    for path, variable in parameters.items():
        paths[variable.data] = path
    found = {layer.function: layer for layer in layers(outputs, parameters) if layer.name in shifts}
    readers = consumers(outputs)
    uses = times_read(outputs)
    made: Dict[Any, nn.Variable] = {}
    added: Dict[Any, nn.Variable] = {}
    for function, layer in found.items():
        shift = shifts[layer.name]
        bias = function.inputs[BIAS] if len(function.inputs) > BIAS else None
        mean = None if bias is not None else _mean_behind(function, readers, uses)
        if bias is not None:
            made[bias.data] = _moved(bias, shift, paths)
        elif mean is not None:
            made[mean.data] = _moved(mean, -shift, paths)
        else:
            path = free_path(beside(layer.weight_name, "b"), {*parameters})
            added[function] = constant(shift.astype(np.float32), path)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        own = [made.get(v.data) if v.parent is None else None for v in function.inputs]
        if function not in added and not any(v is not None for v in own):
            return None
        inputs = [new if v is None else v for v, new in zip(own, arguments)]
        return clone(function, [*inputs, *([added[function]] if function in added else [])])

    new = rebuild(outputs, replace)
    with network.within():
        for path, parameter in nn.get_parameters(grad_only=False).items():
            moved = made.get(parameter.data)
            if moved is not None:
                network.paths[parameter.data] = path  # the given graph keeps it
                nn.parameter.set_parameter(path, moved)
        for bias in added.values():
            nn.parameter.set_parameter(bias.name, bias)
    return network.giving(new)


def _moved(leaf: nn.Variable, shift: np.ndarray, paths: Mapping[Any, str]) -> nn.Variable:
    values = np.asarray(leaf.d, np.float64) + shift.reshape(leaf.shape)
    return constant(values, paths.get(leaf.data, leaf.name), leaf.need_grad)


def _mean_behind(
    function: Any, readers: Mapping[nn.Variable, List[Any]], uses: Mapping[Any, int]
) -> Optional[nn.Variable]:
    """The running mean of the normalization that alone reads a layer, None if there is none."""
    y = function.outputs[0]
    behind = readers.get(y, [])
    if len(behind) != 1 or behind[0] is None or behind[0].info.type_name not in NORMALIZATIONS:
        return None
    normalization = behind[0]
    axes = [axis % y.ndim for axis in normalization.info.args["axes"]]
    mean = normalization.inputs[-2]
    own = normalization.inputs[0] == y and mean.parent is None and uses[mean.data] == 1
    return mean if own and axes == [base_axis(function)] else None
