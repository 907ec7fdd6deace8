# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own quantized layers, read as plain layers whose weights pass a quantizer.

``F.binary_connect_convolution``, ``F.inq_affine`` and the like are layers and quantizers in one
function; the others (``F.fixed_point_quantize``, ``F.prune``, ...) stand before a layer. Either
becomes a node that computes the same, and that exports, reports and rules know. What belongs to the
function alone, such as the binary weights of the last forward pass, is left out.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, MutableMapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.function
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT, layer_name
from nnabla_compress.analysis.native_quantizers import (
    FusedLayer,
    fused_layer,
    quantizer_of_call,
)
from nnabla_compress.graph.clone import Made, clone
from nnabla_compress.graph.rewrite import functions, leaves, rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.quantizers.given import GivenQuantizer
from nnabla_compress.quantizers.native import NativeQuantizer


def native_as_nodes(
    outputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
    kept: MutableMapping[str, nn.Variable],
    test: bool,
    running: bool = False,
) -> Tuple[List[nn.Variable], Dict[str, nn.Variable]]:
    """Builds a graph again with nodes in the place of NNabla's quantize functions of parameters.

    Args:
        outputs: Variables of one graph.
        parameters: Its parameters by path.
        kept: Parameters that were made for an earlier graph, by path; they are used again, and new
            ones added, so that all graphs of a network share them.
        test: Whether the graph infers: then ranges that follow what they see stay as they are.
        running: Whether the graph is one that a script trains: what its functions count goes on.

    Returns:
        The new outputs, and the parameters by path.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.binary_connect_affine(nn.Variable((1, 4)), 3, name="fc")
        >>> (z,), found = native_as_nodes([y], nn.get_parameters(grad_only=False), {}, True)
        >>> [f.info.type_name for f in functions([z])], sorted(found)
        (['nnabla_compress.BinaryConnect', 'Affine'], ['fc/bicon_affine/W', 'fc/bicon_affine/b'])
    """
    work = _Native(parameters, kept, test, running)
    if not any(work.concerns(function) for function in functions(outputs)):
        return list(outputs), dict(parameters)
    made = rebuild(outputs, work.replace)
    used = {leaf.data for leaf in leaves(made)}
    before = {leaf.data for leaf in leaves(outputs)}
    left = {p: v for p, v in parameters.items() if v.data in used or v.data not in before}
    return made, {**left, **work.made}


def native_in_scope(
    outputs: Sequence[nn.Variable], test: bool = False, running: bool = False
) -> List[nn.Variable]:
    """Does what :func:`native_as_nodes` does, for a graph whose parameters are in the scope.

    State that the quantizers go on from is made in the scope, or used where it exists there.

    Args:
        outputs: Variables of one graph.
        test: Whether the graph infers.
        running: Whether the graph is one that a script trains: what its functions count goes on.

    Returns:
        The new outputs.
    """
    parameters = nn.get_parameters(grad_only=False)
    made, found = native_as_nodes(outputs, parameters, dict(parameters), test, running)
    for path, variable in found.items():
        if path not in parameters:
            nn.parameter.set_parameter(path, variable)
    return made


class _Native:
    """The quantize functions of one graph."""

    def __init__(
        self,
        parameters: Mapping[str, nn.Variable],
        kept: MutableMapping[str, nn.Variable],
        test: bool,
        running: bool,
    ) -> None:
        self._paths = {variable.data: path for path, variable in parameters.items()}
        self._kept, self._test, self._running = kept, test, running
        self.made: Dict[str, nn.Variable] = {}

    def concerns(self, function: Any) -> bool:
        """Whether a function is one of those that this is about."""
        if fused_layer(function) is not None or self._follows_data(function):
            return True
        return self._quantizer(function) is not None

    def replace(self, function: Any, arguments: List[nn.Variable]) -> Optional[Made]:
        """Returns what takes the place of a function, None to copy it."""
        layer = fused_layer(function)
        if layer is not None:
            return self._layer(function, layer, arguments)
        if self._follows_data(function):
            return clone(function, arguments, {"x_min_max": False, "ema": False})
        tensor, found = self._tensor(function), self._quantizer(function)
        if tensor is None or found is None:
            return None
        tables = arguments[1:]
        quantizer = found.at_rest() if self._test else found
        return quantizer.on(tensor, tables, layer_name(self._paths[tensor.data]), given=True)

    def _tensor(self, function: Any) -> Optional[nn.Variable]:
        """The parameter that a function quantizes, if it does."""
        if not function.inputs:
            return None
        tensor = function.inputs[0]
        if function.info.type_name == "DequantizeLinear" and tensor.parent is not None:
            tensor = tensor.parent.inputs[0]
        own = tensor.parent is None and tensor.data in self._paths
        return tensor if own else None

    def _quantizer(self, function: Any) -> Optional[NativeQuantizer]:
        """The quantizer that a function of a parameter is, if codes can say what it gives."""
        found = None if self._tensor(function) is None else quantizer_of_call(function)
        tables = function.inputs[1:]
        if found is None or any(table.parent is not None for table in tables):
            return None
        return found if found.takes([np.array(table.d) for table in tables]) else None

    def _follows_data(self, function: Any) -> bool:
        """Whether it is a range of a feature map that inference would move."""
        args = function.info.args
        if not self._test or function.info.type_name != "MinMaxQuantize" or not args["ema"]:
            return False
        return self._tensor(function) is None

    def _layer(
        self, function: Any, layer: FusedLayer, arguments: List[nn.Variable]
    ) -> Optional[Made]:
        weight = arguments[WEIGHT]
        if weight.parent is not None or weight.data not in self._paths:
            return None
        name = layer_name(self._paths[weight.data])
        state = self._state(layer.quantizer, arguments, name)
        node = layer.quantizer.on(weight, state, name, given=True)
        make = getattr(nnabla.function, layer.type_name)
        bias = arguments[layer.bias : layer.bias + 1]
        return make(function.context, **layer.args)(
            arguments[0], node, *bias, auto_forward=nn.get_auto_forward()
        )

    def _state(
        self, quantizer: GivenQuantizer, arguments: List[nn.Variable], name: str
    ) -> List[nn.Variable]:
        """The state of a layer's quantizer, that of an earlier graph if there was one."""
        scope = usable_scope(name)
        paths = [f"{scope}/{part}" for part in quantizer.state_names]
        if not all(path in self._kept for path in paths):
            with nn.parameter_scope("", {}), nn.parameter_scope(scope):
                made = quantizer.resumed(arguments, name, self._running)
                self._kept.update(zip(paths, made))
        state = [self._kept[path] for path in paths]
        self.made.update(zip(paths, state))
        return state
