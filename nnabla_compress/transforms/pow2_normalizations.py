# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batch normalizations whose scales are powers of two: shifts in the place of multiplications.

A scale ``a = gamma / sqrt(var + eps)`` becomes the nearest power of two s. A float weight before it
that nothing else reads takes the rest over: ``W <- W a / s``, with the bias and the running
statistics of that channel, so that the network computes what it did.

F. Cardinaux et al., Iteratively training look-up tables for network quantization, arXiv:1911.04951.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import (
    channel_axis,
    scale_and_shift,
    scale_parameter,
    scaled_weight,
    statistics_of,
)
from nnabla_compress.analysis.layers import BIAS, WEIGHT, parameter_names
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import LAYERS, NORMALIZATIONS
from nnabla_compress.functions.pow2_batch_normalization import pow2_batch_normalization
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, functions, rebuild, times_read
from nnabla_compress.quantizers.dictionaries import nearest_power_of_two
from nnabla_compress.transforms.faithful import FOLDED, check_faithful
from nnabla_compress.transforms.fold import with_fused_end
from nnabla_compress.transforms.quantize import refuse_codes
from nnabla_compress.transforms.transform import Context, Decisions, Transform, register_transform
from nnabla_compress.transforms.with_values import loaded, with_values


@register_transform("pow2_batch_normalization")
class Pow2Normalizations(Transform):
    """Makes the scales of all batch normalizations powers of two, in training, too.

    Each is trained as ``pow2_batch_normalization`` from then on. Where a float weight before it can
    take over what its scale is rounded by, the network computes the same; give it before
    ``quantize``. Other scales change by up to a factor of sqrt(2), which is for a training to mend.
    """

    holds = True

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns the normalizations by name, with whether a weight takes over the rounding.

        Raises:
            ConfigError: If there are none.
            UnsupportedFunctionError: If weights are stored as codes.
        """
        refuse_codes(network.all_outputs)
        with network.within():
            names = _names(network)
            taken = _layers_that_take_over(network)
        if not names:
            raise ConfigError(
                "pow2_batch_normalization: the network has no batch normalization.",
                help="leave it out; batch normalizations that are folded are gone",
            )
        return {"normalizations": {name: each in taken for each, name in names.items()}}

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns how many scales change what the network computes."""
        found = decisions["normalizations"]
        changed = [name for name, takes_over in found.items() if not takes_over]
        line = f"pow2_batch_normalization: {len(found)} batch normalizations are powers of two now"
        if not changed:
            return f"{line}; the network computes the same"
        return (
            f"{line}; {len(changed)} of them, such as {changed[0]}, scale by up to 1.41 times more "
            "or less than before: train the network"
        )

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network with its new normalizations."""
        with network.within():
            names = _names(network)
            takes_over = {
                f: layer
                for f, layer in _layers_that_take_over(network).items()
                if decisions["normalizations"].get(names[f])
            }
            wanted = {f: names[f] in decisions["normalizations"] for f in names}
        arrays = loaded(network)
        for normalization, layer in takes_over.items():
            _hand_over(normalization, layer, arrays)

        def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
            return _of_power_of_two(function, inputs) if wanted.get(function) else None

        made = network.giving(rebuild(network.all_outputs, replace))
        return with_values(made, arrays)

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Compares both in inference, if weights took over all that scales were rounded by."""
        if all(decisions["normalizations"].values()):
            outputs = given.all_outputs, made.all_outputs
            check_faithful(*outputs, given.all_inputs, made.all_inputs, FOLDED)


def _names(network: Network) -> Dict[Any, str]:
    """The batch normalizations, by the scopes that hold their statistics."""
    paths = parameter_names(network.all_outputs)
    found: Dict[Any, str] = {}
    for function in functions(network.all_outputs):
        if function.info.type_name in NORMALIZATIONS:
            mean = statistics_of(function)[0]
            path = paths.get(mean.data, f"BatchNormalization_{len(found) + 1}/mean")
            # Normalizations that share their statistics share a name.
            found[function] = path.rpartition("/mean")[0] or path
    return found


def _layers_that_take_over(network: Network) -> Dict[Any, Any]:
    """For each batch normalization the layer before it, if its parameters belong to it alone."""
    outputs = network.all_outputs
    readers = consumers(outputs)
    uses = times_read(outputs)
    found = {}
    for function in functions(outputs):
        if function.info.type_name not in NORMALIZATIONS:
            continue
        x, (mean, variance) = function.inputs[0], statistics_of(function)
        layer = x.parent
        if layer is None or layer.info.type_name not in LAYERS or x in outputs:
            continue
        own = [*layer.inputs[WEIGHT:], mean, variance]
        alone = all(v.parent is None and uses[v.data] == 1 for v in own)
        if not alone or readers[x] != [function]:
            continue
        if channel_axis(layer, mean.shape, x.shape) is not None:
            found[function] = layer
    return found


def _hand_over(normalization: Any, layer: Any, arrays: Dict[Any, np.ndarray]) -> None:
    """Multiplies a layer's channels, and their statistics, by what their scales are rounded by."""
    scale, _ = scale_and_shift(normalization)
    power = nearest_power_of_two(scale.astype(np.float32)).astype(np.float64)
    rest = np.divide(scale, power, out=np.ones_like(scale), where=(power != 0) & (scale != 0))
    axis = channel_axis(layer, scale.shape, layer.outputs[0].shape)
    assert axis is not None
    weight = layer.inputs[WEIGHT].data
    arrays[weight] = scaled_weight(layer, arrays[weight], rest.ravel(), axis)
    if len(layer.inputs) > BIAS:
        bias = layer.inputs[BIAS].data
        along = [1] * arrays[bias].ndim
        # An Affine has a bias for each output, a convolution for each channel.
        along[axis - layer.outputs[0].ndim if layer.info.type_name == "Affine" else 0] = -1
        arrays[bias] = arrays[bias] * rest.reshape(along)
    mean, variance = statistics_of(normalization)
    arrays[mean.data] = arrays[mean.data] * rest
    arrays[variance.data] = arrays[variance.data] * np.square(rest)


def _of_power_of_two(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    args, made = function.info.args, dict(zip(function.inputs, inputs))
    gamma = scale_parameter(function)
    mean, variance = statistics_of(function)
    y = pow2_batch_normalization(
        inputs[0],
        None if args.get("no_bias") else inputs[1],
        None if gamma is None else made[gamma],
        made[mean],
        made[variance],
        axes=args["axes"],
        decay_rate=args["decay_rate"],
        eps=args["eps"],
        batch_stat=args["batch_stat"],
    )
    return with_fused_end(function, inputs, y)
