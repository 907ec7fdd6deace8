# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting a network that exists, built by a script or read from a file, as rules say."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence, Union

import nnabla as nn

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.recipes import CompressionPart, Recipe
from nnabla_compress.transforms.native_layers import native_in_scope
from nnabla_compress.turns import one_at_a_time

How = Union[CompressionPart, Recipe, Mapping[str, Any], Sequence[Any], str]


@one_at_a_time
def compress(network: Any, how: How, *, name: Optional[str] = None) -> Any:
    """Puts quantizers into a network that exists.

    The new network has the parameters of the old one under their names, so training either trains
    both; the quantizers' own are created beside them in the current parameter scope, or used where
    they exist already. A parameter of several layers is quantized once for all of them. With
    :func:`nnabla_compress.transforms.remove_quantizers` the new network computes what the old one
    does, value for value. Batch normalizations stay, unless ``fold: before`` is asked for. Layers
    of NNabla's own that quantize their weights are read as plain ones behind quantizers.

    Args:
        network: The output of a network, or a list of several; or the path of an ``.nnp`` file,
            whose parameters, with those of its quantizers, land in the current parameter scope and
            take the place of others of their names.
        how: Rules as of a recipe's ``compression``; a whole recipe, whose ``compression`` is used;
            or rules for weights alone: the text of one, or a list.
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
        >>> from nnabla_compress.analysis import layers
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1")
        >>> y = PF.affine(h, 10, name="fc")
        >>> z = compress(y, ["lut:bits=4", "lut:bits=8,types=Affine"])
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
        return loaded.giving(rewritten)
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


@one_at_a_time
def rewrite(outputs: Sequence[nn.Variable], part: CompressionPart) -> List[nn.Variable]:
    """Builds a graph again with the quantizers that the rules of a recipe choose.

    Args:
        outputs: Variables of one graph.
        part: The rules.

    Returns:
        The new outputs.

    Raises:
        ConfigError: If a rule matches nothing.
        UnsupportedFunctionError: If the network's weights are stored as codes.
        VerifyError: If the new network without its quantizers does not compute what the given one
            does.
    """
    read = native_in_scope(outputs, running=True)
    network = Network({}, {str(number): output for number, output in enumerate(read)})
    for transform in part.transforms:
        network, _ = transform.apply(network)
    return network.all_outputs


def _part(how: How) -> CompressionPart:
    if isinstance(how, CompressionPart):
        return how
    if isinstance(how, Recipe):
        if how.compression is None:
            raise ConfigError(f"recipe {how.name} has no compression.", help="add compression:")
        return how.compression
    return CompressionPart.checked({"weights": how} if isinstance(how, (str, list, tuple)) else how)
