# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting a network that exists, built by a script or read from a file, as rules say."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import nnabla as nn

from nnabla_compress.analysis import Activation, Layer, activations, layers, parameter_names, places
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.function_types import RECURRENT
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.graph import functions, leaves, with_batch_statistics
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.lowering.storage import CODES
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.quantizers import Quantizer
from nnabla_compress.recipes import CompressionPart, Recipe, choose_rules
from nnabla_compress.rules import Candidate, QuantizerRule
from nnabla_compress.transforms import (
    check_faithful,
    fold_batch_normalization,
    fold_for_training,
    insert_activation_quantizers,
    insert_weight_quantizers,
)
from nnabla_compress.transforms.faithful import FOLDED
from nnabla_compress.turns import one_at_a_time

How = Union[CompressionPart, Recipe, Mapping[str, Any], str]


@one_at_a_time
def compress(network: Any, how: How, *, name: Optional[str] = None) -> Any:
    """Puts quantizers into a network that exists.

    The new network has the parameters of the old one under their names, so training either trains
    both; the quantizers' own are created beside them in the current parameter scope, or used where
    they exist already. A parameter of several layers is quantized once for all of them. With
    :func:`nnabla_compress.graph.remove_quantizers` the new network computes what the old one does,
    value for value. Batch normalizations stay, unless ``fold: before`` is asked for.

    Args:
        network: The output of a network, or a list of several; or the path of an ``.nnp`` file,
            whose parameters, with those of its quantizers, land in the current parameter scope and
            take the place of others of their names.
        how: Rules as of a recipe's ``compression``; a whole recipe, whose ``compression`` is used;
            or the text of one rule for all weights.
        name: Which network of the file.

    Returns:
        The new output or outputs; for a file a network with ``inputs`` and ``outputs`` by name, in
        inference mode.

    Raises:
        ConfigError: If a rule is wrong or matches nothing.
        DataError: If the file is missing or damaged.
        UnsupportedFunctionError: If a chosen weight or the network can't be rewritten.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1")
        >>> y = PF.affine(h, 10, name="fc")
        >>> z = compress(y, {"weights": ["lut:bits=4", "lut:bits=8,types=Affine"]})
        >>> [(layer.name, layer.quantizer.info.args["bits"]) for layer in layers([z])]
        [('c1/conv', 4), ('fc/affine', 8)]
    """
    part = _part(how)
    if isinstance(network, (str, Path)):
        # In a scope of its own: what another file left in the caller's is none of this one's.
        with nn.parameter_scope("", OrderedDict()):
            loaded = NnpFile(network).build(name)
            rewritten = rewrite(list(loaded.outputs.values()), part)
            parameters = nn.get_parameters(grad_only=False)
        for path, parameter in parameters.items():
            nn.parameter.set_parameter(path, parameter)
        return replace(loaded, outputs=dict(zip(loaded.outputs, rewritten)))
    if name is not None:
        raise ConfigError("name= chooses a network of a file.", help="leave it out")
    if isinstance(network, nn.Variable):
        return rewrite([network], part)[0]
    outputs = list(network)
    if not outputs or not all(isinstance(output, nn.Variable) for output in outputs):
        raise ConfigError(
            "compress: the network is neither a Variable, a list of Variables nor a path.",
            help="give its outputs, or the path of an .nnp file",
        )
    return rewrite(outputs, part)


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


@one_at_a_time
def rewrite(
    outputs: Sequence[nn.Variable], part: CompressionPart, prove: bool = True
) -> List[nn.Variable]:
    """Builds a graph again with the quantizers that the rules of a recipe choose.

    Args:
        outputs: Variables of one graph.
        part: The rules.
        prove: Run both networks and compare; False where that was done for the same network.

    Returns:
        The new outputs.

    Raises:
        ConfigError: If a rule matches nothing.
        UnsupportedFunctionError: If the network's weights are stored as codes.
        VerifyError: If the new network without its quantizers does not compute what the given one
            does.
    """
    refuse_codes(outputs)
    start = new = folded(outputs) if part.fold == "before" else list(outputs)
    if part.activations:
        seen = [Candidate(found.name, found.type) for found in activations(new)]
        behind = choose_rules(part.activations, seen, "activation")

        def choose_activation(activation: Activation) -> Optional[Quantizer]:
            rule = behind[activation.name]
            return rule.make(signed=activation.signed) if rule is not None else None

        new = insert_activation_quantizers(new, choose_activation)
    if part.weights:
        chosen = _rules_of_layers(new, part.weights)

        def choose(layer: Layer) -> Optional[Quantizer]:
            rule = chosen[layer.name]
            return rule.make() if rule is not None else None

        def choose_bias(layer: Layer) -> Optional[Quantizer]:
            rule = chosen[layer.name]
            return rule.make_for_bias() if rule is not None else None

        new = insert_weight_quantizers(new, choose, choose_bias=choose_bias)
    if part.fold == "training":
        new = fold_for_training(new, part.freeze_after)
        if not any(
            f.info.type_name == FoldedBatchNormalization.graph_type() for f in functions(new)
        ):
            raise ConfigError(
                "fold: training: no batch normalization follows a layer whose weight is quantized "
                "by movingrange.",
                help="give the layers the quantizer movingrange, or leave fold out",
            )
    if prove:
        check_faithful(start, new)
    return new


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


@one_at_a_time
def folded(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds a graph again for inference, batch normalizations folded, to be trained further.

    Folded weights take the place of the old ones in the current parameter scope, under their
    names; parameters that are not used any more are removed from it. Dropout disappears.

    Args:
        outputs: Variables of one graph, which keeps its own parameters.

    Returns:
        The new outputs.

    Raises:
        VerifyError: If they do not compute what the given ones do.
    """
    before = {leaf.data for leaf in leaves(outputs)}
    new = fold_batch_normalization(with_batch_statistics(outputs, False))
    inputs = inputs_of(outputs)
    check_faithful(outputs, new, inputs, inputs, FOLDED)
    after = leaves(new)
    used = {leaf.data for leaf in after}
    scope = nn.get_parameters(grad_only=False)
    for name, parameter in scope.items():
        if parameter.data in before and parameter.data not in used:
            nn.parameter.pop_parameter(name)
    taken = set(nn.get_parameters(grad_only=False))
    for leaf in after:
        if leaf.data in before or not leaf.name:
            continue
        name, number = leaf.name, 1
        while name in taken:
            number += 1
            name = f"{leaf.name}_{number}"
        taken.add(name)
        nn.parameter.set_parameter(name, leaf)
    return new


def _part(how: How) -> CompressionPart:
    if isinstance(how, CompressionPart):
        return how
    if isinstance(how, Recipe):
        if how.compression is None:
            raise ConfigError(f"recipe {how.name} has no compression.", help="add compression:")
        return how.compression
    return CompressionPart.checked({"weights": how} if isinstance(how, str) else how)
