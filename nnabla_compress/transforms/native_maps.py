# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own quantizers of feature maps, and ours that round to the same values."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import maps_behind
from nnabla_compress.analysis.native_quantizers import quantizer_of_call
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.quantizers import FixedPoint, LinearCodes, MinMax, Pow2Quantize
from nnabla_compress.quantizers.base import graph_quantizers
from nnabla_compress.quantizers.min_max import min_max_grid
from nnabla_compress.quantizers.native import NativeQuantizer
from nnabla_compress.rules import QuantizerRule
from nnabla_compress.transforms.insert_map_quantizers import in_scope
from nnabla_compress.transforms.start import start_at

_MOST_BITS = 16


class NativeMap(NamedTuple):
    """A feature map that a function of NNabla quantizes.

    Args:
        name: As maps are called: the last layer before it and the type of the function.
        function: The function; of QuantizeLinear and DequantizeLinear the second.
        quantizer: What it does.
    """

    name: str
    function: Any
    quantizer: NativeQuantizer


class _Steps(NamedTuple):
    """Values that are whole multiples of a step, from the first to the last."""

    first: int
    last: int
    step: float


def native_maps(outputs: Sequence[nn.Variable]) -> List[NativeMap]:
    """Returns the feature maps that functions of NNabla quantize, in the order of execution.

    Args:
        outputs: Variables of one graph, whose weights pass nodes; parameters in the current scope.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 4)), 3, name="fc"))
        >>> [found.name for found in native_maps([F.fixed_point_quantize(h, n=4, delta=0.5)])]
        ['fc/affine/fixedpointquantize']
    """
    own = {variable.data for variable in nn.get_parameters(grad_only=False).values()}
    computed: Set[nn.Variable] = set()  # from inputs of the network

    def depends(variable: nn.Variable) -> bool:
        return variable in computed if variable.parent is not None else variable.data not in own

    found: Dict[nn.Variable, NativeMap] = {}
    for function in functions(outputs):
        if any(map(depends, function.inputs)):
            computed.update(function.outputs)
            quantizer = quantizer_of_call(function)
            if quantizer is not None and quantizer.rounds:
                found[function.outputs[0]] = NativeMap("", function, quantizer)
    maps = maps_behind(outputs, lambda function: function.outputs[0] in found)
    return [found[each.variable]._replace(name=each.name) for each in maps]


def decided_map(found: NativeMap, to: str) -> Optional[Dict[str, Any]]:
    """Returns a quantizer that rounds as that of a map does, None if there is none.

    Args:
        found: The map.
        to: ``uniform`` or ``affine``; powers of two become those of ``pow2`` with both.

    Returns:
        The quantizer as a rule says it, whether it has negative values, and what it starts from.
    """
    quantizer, made = found.quantizer, None
    steps = _steps_of(found)
    if isinstance(quantizer, Pow2Quantize):
        made = _powers_of_two(quantizer)
    elif steps is not None and to != "lut":
        made = _whole_steps(steps, to)
    if made is None:
        return None
    try:
        QuantizerRule.model_validate(made["rule"]).make(signed=made["signed"])
    except ConfigError:  # more bits than ours have, for instance
        return None
    return made


def with_our_maps(
    outputs: Sequence[nn.Variable], decided: Mapping[str, Mapping[str, Any]]
) -> List[nn.Variable]:
    """Builds a graph again with our quantizers in the place of NNabla's.

    Args:
        outputs: Variables of one graph.
        decided: As from :func:`decided_map`, by the names of the maps.
    """
    found = {each.function: each for each in native_maps(outputs) if each.name in decided}

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        if function not in found:
            return None
        said = decided[found[function].name]
        quantizer = QuantizerRule.model_validate(said["rule"]).make(signed=said["signed"])
        assert quantizer is not None
        made = in_scope(quantizer, _quantized_by(found[function], arguments), found[function].name)
        start_at(made.parent, said["start"])
        return made

    return rebuild(outputs, replace) if found else list(outputs)


def without_maps_of(
    outputs: Sequence[nn.Variable], converted: Sequence[nn.Variable]
) -> List[nn.Variable]:
    """Builds a graph again without those of NNabla's quantizers that ours took the place of.

    Args:
        outputs: Variables of the graph.
        converted: The same outputs with quantizers of ours.
    """
    ours: Collection[str] = {
        str(node.info.args.get("name")) for node in graph_quantizers(converted)
    }
    found = {each.function: each for each in native_maps(outputs) if each.name in ours}

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        return _quantized_by(found[function], arguments) if function in found else None

    return rebuild(outputs, replace) if found else list(outputs)


def _quantized_by(found: NativeMap, arguments: Sequence[nn.Variable]) -> nn.Variable:
    """The float map: of a pair of functions what the first one reads."""
    first = arguments[0]
    return first.parent.inputs[0] if isinstance(found.quantizer, LinearCodes) else first


def _steps_of(found: NativeMap) -> Optional[_Steps]:
    """The values of a map, None if they are no multiples of one step that stays."""
    quantizer = found.quantizer
    tables: List[np.ndarray] = [np.array(v.d, np.float32) for v in found.function.inputs[1:]]
    if isinstance(quantizer, FixedPoint):
        last = 2 ** (quantizer.bits - quantizer.signed) - 1
        return _Steps(-last if quantizer.signed else 0, last, quantizer.step)
    if any(table.size != 1 for table in tables) or not quantizer.takes(tables):
        return None
    if isinstance(quantizer, MinMax):
        if quantizer.x_min_max and not quantizer.ema:
            return None
        grid = min_max_grid(tables, quantizer.eps)
        low, high = (int((code - grid.zero_point).ravel()[0]) for code in (grid.low, grid.high))
        return _Steps(low, high, float(grid.scale.ravel()[0]))
    if isinstance(quantizer, LinearCodes) and quantizer.round_mode == "HALF_AWAY_FROM_ZERO":
        scale, zero = (float(table.ravel()[0]) for table in tables)
        low, high = (-128 + quantizer.narrow_range, 127) if quantizer.dtype == 1 else (0, 255)
        return _Steps(low - int(zero), high - int(zero), scale)
    return None


def _whole_steps(steps: _Steps, to: str) -> Optional[Dict[str, Any]]:
    first, last, step = steps
    span = last - first
    even = first == -last  # with one code less than the bits have
    bits = (span + even).bit_length()
    if bits > _MOST_BITS or span != 2**bits - 1 - even or not first <= 0 <= last:
        return None
    if to == "uniform":
        if not even and first != 0:
            return None
        rule = {"quantizer": "uniform", "bits": bits, "max_bits": max(8, bits)}
        return {"rule": rule, "signed": even, "start": {"d": [step], "q_max": [last * step]}}
    offset = not even and first != 0
    rule = {"quantizer": "affine", "bits": bits, "symmetric": not offset}
    zero = float(-first) if offset else 0.0
    return {"rule": rule, "signed": even, "start": {"scale": [step], "zero_point": [zero]}}


def _powers_of_two(quantizer: Pow2Quantize) -> Dict[str, Any]:
    magnitudes = 2 ** (quantizer.bits - quantizer.signed - quantizer.zero)
    top = quantizer.largest_exponent
    rule = {"quantizer": "pow2", "bits": quantizer.bits, "zero": quantizer.zero}
    start = {"q_min": [2.0 ** (top - magnitudes + 1)], "q_max": [2.0**top]}
    return {"rule": rule, "signed": quantizer.signed, "start": start}
