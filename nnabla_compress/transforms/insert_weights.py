# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Putting weight quantizers into a network that exists, and taking all quantizers out again."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set

import nnabla as nn

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.quantizers.base import Quantizer, is_given, quantizer_of
from nnabla_compress.quantizers.learned import name_in_scope
from nnabla_compress.transforms.fold_training import unfolded
from nnabla_compress.transforms.settle import settled_parameter
from nnabla_compress.turns import one_at_a_time

Choose = Callable[[Layer], Optional[Quantizer]]


@one_at_a_time
def insert_weight_quantizers(
    outputs: Sequence[nn.Variable],
    choose: Choose,
    parameters_scope: Optional[Dict[str, Any]] = None,
    choose_bias: Optional[Choose] = None,
) -> List[nn.Variable]:
    """Builds the graph again with quantizers on weights.

    All that read the weight read what the quantizer makes of it: the layer itself, another one
    behind a Transpose or a scaling, whatever else. Functions between stay.

    The quantizers' parameters are created in the scope of their layer, e.g.
    ``c1/conv/lut/dictionary``, as if the layer had been written with ``apply_w=``; where they
    exist already, as after loading a checkpoint, they are used. A weight of several layers is
    quantized once for all of them.

    Args:
        outputs: Variables of one graph.
        choose: Called once for each weight, with the first layer that has it as it is; returns the
            quantizer, None to leave the weight as it is. A quantizer that is there already is
            replaced.
        parameters_scope: Parameter scope that holds the network's parameters, as
            ``nn.parameter_scope`` gives it; by default the current one.
        choose_bias: Like ``choose``, for the bias of a layer that has one; by default biases stay.
            A bias that is some layer's weight, too, is left to ``choose``.

    Returns:
        The new outputs.

    Raises:
        ConfigError: If a layer's scope holds parameters of another quantizer that don't fit, or the
            weight is folded for training.
        UnsupportedFunctionError: If a quantizer is chosen for a weight whose values another
            function changes before any layer gets them.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> y = PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1")
        >>> y, = insert_weight_quantizers([y], lambda layer: LUT(bits=4))
        >>> sorted(nn.get_parameters(grad_only=False))
        ['c1/conv/W', 'c1/conv/b', 'c1/conv/lut/assignments', 'c1/conv/lut/dictionary']
    """
    if parameters_scope is not None:
        with nn.parameter_scope("", parameters_scope):
            return insert_weight_quantizers(outputs, choose, choose_bias=choose_bias)
    quantized: Dict[Any, Optional[nn.Variable]] = {}
    found = layers(outputs)
    kept = also_read_directly(found)
    for readers in _by_weight(found):
        # A layer behind a Transpose, say, tells less of the weight than one that reads it itself.
        layer = min(readers, key=lambda r: (_of_given(r), not r.direct, bool(r.computed_by)))
        quantizer = choose(layer)
        made = None if quantizer is None else _quantized(quantizer, layer, _weight_of(layer))
        quantized[layer.weight.data] = made
    for layer in found if choose_bias is not None else ():
        bias = layer.bias
        if bias is None or bias.parent is not None or bias.data in quantized:
            continue
        quantizer = choose_bias(layer) if choose_bias is not None else None
        quantized[bias.data] = None if quantizer is None else _quantized(quantizer, layer, bias)
    taken = {
        leaf: made
        for leaf in leaves(outputs)
        for made in [quantized.get(leaf.data)]
        if made is not None
    }

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        if quantizer_of(function) is None or function.inputs[0] not in taken:
            return None
        if is_given(function) and function.inputs[0].data in kept:
            return None
        if "fold" in function.info.args:
            raise ConfigError(
                f"the weights of layer {function.info.args['name']} are folded for training: no "
                "other quantizer can take their place.",
                help="start from the float network: graph.remove_quantizers",
            )
        return taken[function.inputs[0]]

    return rebuild(outputs, replace, taken)


def _of_given(layer: Layer) -> bool:
    """Whether a quantizer that the network came with stands before the layer."""
    return layer.quantizer is not None and is_given(layer.quantizer)


def also_read_directly(found: Sequence[Layer]) -> Set[Any]:
    """Returns weights that a layer has through a quantizer of its network, and another without it.

    That quantizer stays between: what it makes is not what the other layer has.

    Args:
        found: All layers of the network.
    """
    through = {layer.weight.data for layer in found if _of_given(layer)}
    return through & {layer.weight.data for layer in found if not _of_given(layer)}


def _by_weight(found: Sequence[Layer]) -> List[List[Layer]]:
    """Puts layers that share a weight together, in the order of the first one."""
    together: Dict[Any, List[Layer]] = {}
    for layer in found:
        together.setdefault(layer.weight.data, []).append(layer)
    return list(together.values())


@one_at_a_time
def remove_quantizers(
    outputs: Sequence[nn.Variable],
    inputs: Optional[Mapping[nn.Variable, nn.Variable]] = None,
) -> List[nn.Variable]:
    """Builds the graph again without the quantizers of its weights, biases and activations.

    The parameters are those of the quantized network, so after a training their float values are
    seen. Of a network that was only rewritten it is the original: the same values.

    Args:
        outputs: Variables of one graph.
        inputs: As of :func:`~nnabla_compress.graph.rewrite.rebuild`.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.graph import functions
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 8)), 4, apply_w=LUT(bits=2), name="fc")
        >>> [f.info.type_name for f in functions([y])]
        ['nnabla_compress.LUT', 'Affine']
        >>> [f.info.type_name for f in functions(remove_quantizers([y]))]
        ['Affine']
    """

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        if function.info.type_name == FoldedBatchNormalization.graph_type():
            return unfolded(function, arguments)
        left_out = quantizer_of(function) is not None and not is_given(function)
        return arguments[0] if left_out else None

    return rebuild(outputs, replace, inputs)


def _weight_of(layer: Layer) -> nn.Variable:
    """The parameter to quantize: behind a quantizer that the network came with, what it made."""
    if not _of_given(layer):
        return layer.weight
    assert layer.quantizer is not None
    return settled_parameter(layer.quantizer, layer.name)


def _quantized(quantizer: Quantizer, layer: Layer, tensor: nn.Variable) -> nn.Variable:
    of_weight = tensor is not layer.bias
    if layer.computed_by and of_weight:
        raise UnsupportedFunctionError(
            f"the weight {layer.weight_name} of layer {layer.name} goes through "
            f"{layer.computed_by}, so no quantizer can be put on it.",
            help="leave this layer out, or build the network without that function",
        )
    own, scope = "W" if of_weight else "b", usable_scope(layer.name)
    with nn.parameter_scope(scope):
        in_scope = bool(name_in_scope(tensor))
    with nn.parameter_scope(scope if in_scope or own == "W" else f"{scope}/{own}"):
        node = _node(quantizer, layer, tensor)
    # Outside the root scope, and beside a weight that is called otherwise than layers call it,
    # the quantizer can't know these.
    told = {"name": layer.name, **({} if in_scope else {"tensor": own})}
    told = {key: value for key, value in told.items() if key in node.info.args}
    return clone(node, node.inputs, told)[0]


def _node(quantizer: Quantizer, layer: Layer, tensor: nn.Variable) -> Any:
    try:
        return quantizer(tensor).parent
    except ValueError as error:  # parameters of the quantizer's name and of another shape
        raise ConfigError(
            f"layer {layer.name} holds parameters of another quantizer: {error}",
            help="remove them with nn.parameter.pop_parameter, or start from the float parameters",
        ) from error
