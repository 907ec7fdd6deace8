# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The graph in which several layers take the place of one, and the way back to one weight."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT, layers
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import consumers, leaves, rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.names import ascii_name
from nnabla_compress.transforms.factors.form import FORMS, Form, Ranks
from nnabla_compress.transforms.factors.kernel import Piece
from nnabla_compress.transforms.factors.site import Site, sites
from nnabla_compress.turns import one_at_a_time

Values = Callable[[Site, Form, Ranks], List[np.ndarray]]
"""Gives the weights of the layers that take a layer's place."""
_MAKE: Dict[str, Callable[..., nn.Variable]] = {
    "Affine": F.affine,
    "Convolution": F.convolution,
    "DepthwiseConvolution": F.depthwise_convolution,
}


@one_at_a_time
def factorized(
    outputs: Sequence[nn.Variable], decided: Mapping[str, Mapping[str, Any]], values: Values
) -> List[nn.Variable]:
    """Builds a graph again with several layers in the place of some.

    Their parameters take the places of the old ones in the current parameter scope, below the name
    of the layer; a bias that nobody else reads goes to the last of them.

    Args:
        outputs: Variables of one graph, which keeps its own parameters.
        decided: Method and ranks by layer.
        values: Gives the new weights.

    Returns:
        The new outputs.
    """
    return rebuild(outputs, _Builder(outputs, decided, values).replace)


class _Builder:
    """Builds the layers of a factorized graph, and their parameters in the current scope."""

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        decided: Mapping[str, Mapping[str, Any]],
        values: Values,
    ) -> None:
        self._pieces: Dict[Any, Tuple[List[Piece], List[nn.Variable]]] = {}
        self._biases: Dict[Any, nn.Variable] = {}
        reads: Dict[Any, Set[Any]] = {}
        for variable, found in consumers(outputs).items():
            reads.setdefault(variable.data, set()).update(found)
        for site in sites(outputs):
            said = decided.get(site.name)
            if said is not None:
                form, ranks = FORMS[said["method"]], tuple(int(rank) for rank in said["ranks"])
                self._make(site, form, ranks, values(site, form, ranks), reads)

    def replace(self, function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        """Returns the output of the layers that take a layer's place, None for other functions."""
        if function not in self._pieces:
            return None
        pieces, parameters = self._pieces[function]
        base, y = function.info.args["base_axis"], arguments[0]
        bias = arguments[BIAS] if len(arguments) > BIAS else None
        if bias is not None:
            bias = self._biases.get(bias.data, bias)
        with nn.context_scope(function.context):
            for piece, parameter in zip(pieces, parameters):
                own = bias if piece is pieces[-1] else None
                make = _MAKE[piece.type]
                y = make(y, parameter, own, base_axis=base, **piece.arguments)
        y.name = function.outputs[0].name
        return y

    def _make(
        self,
        site: Site,
        form: Form,
        ranks: Ranks,
        factors: List[np.ndarray],
        reads: Mapping[Any, Set[Any]],
    ) -> None:
        every = [form.pieces(kernel, ranks) for kernel in site.kernels]
        biases = {
            function.inputs[BIAS].data: function.inputs[BIAS]
            for function in site.readers
            if len(function.inputs) > BIAS and function.inputs[BIAS].parent is None
        }
        alone = len(biases) == 1 and reads[next(iter(biases))] <= set(site.readers)
        moved = list(biases.values()) if alone else []
        _pop([site.weight, *moved])
        scope = _free_scope(site.name, every[0][0].name)
        learns = site.weight.need_grad
        made = [
            _parameter(f"{scope}/{piece.name}/W", factor, learns)
            for piece, factor in zip(every[0], factors)
        ]
        for bias in moved:
            path = f"{scope}/{every[0][-1].name}/b"
            self._biases[bias.data] = _parameter(path, np.array(bias.d), bias.need_grad)
        for function, pieces in zip(site.readers, every):
            self._pieces[function] = pieces, made


def _pop(old: List[nn.Variable]) -> None:
    gone = {variable.data for variable in old}
    for path, parameter in nn.get_parameters(grad_only=False).items():
        if parameter.data in gone:
            nn.parameter.pop_parameter(path)
            for variable in old:
                if variable.data == parameter.data:
                    variable.name = ascii_name(path)  # by which the given graph knows it still


def _free_scope(layer: str, first: str) -> str:
    scope, number = usable_scope(layer), 1
    taken = nn.get_parameters(grad_only=False)
    free = scope
    while f"{free}/{first}/W" in taken:
        number += 1
        free = f"{scope}_{number}"
    return free


def _parameter(path: str, values: np.ndarray, learns: bool) -> nn.Variable:
    made = constant(np.asarray(values, np.float32), path, learns)
    nn.parameter.set_parameter(path, made)
    return made


def multiplied(given: Sequence[nn.Variable], made: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Returns a graph with the products of factors in the place of its weights.

    Args:
        given: The graph before a factorization.
        made: The graph behind it.
    """
    new = {layer.name: layer for layer in layers(made)}
    left = {leaf.data for leaf in leaves(made)}
    products: Dict[nn.Variable, nn.Variable] = {}
    for site in sites(given):
        product = None if site.weight.data in left else _product(site, new)
        if product is None:
            continue
        replacement = nn.Variable.from_numpy_array(product.astype(np.float32))
        products.update((f.inputs[WEIGHT], replacement) for f in site.readers)
    return rebuild(given, inputs=products)


def _product(site: Site, new: Mapping[str, Any]) -> Optional[np.ndarray]:
    """The weight that the layers below a layer's name stand for; their names tell the form."""
    found: List[str] = []
    of: Optional[Form] = None
    for form in FORMS.values() if site.obstacle is None else ():
        if form.refusal(site.kernel) is not None:
            continue
        one = (1,) * len(form.largest(site.kernel))
        names = [f"{site.name}/{piece.name}" for piece in form.pieces(site.kernel, one)]
        # Those of some forms are all among those of others.
        if len(names) > len(found) and all(name in new for name in names):
            found, of = names, form
    if of is None:
        return None
    return of.product([np.array(new[name].weight.d) for name in found], site.kernel)
