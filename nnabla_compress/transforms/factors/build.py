# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The graph in which several layers take the place of one, and the way back to one weight."""

from __future__ import annotations

from itertools import count
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.couplings import parameters_of
from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, leaves, rebuild
from nnabla_compress.graph.scopes import usable_scope
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


def _scopes(layer: str) -> Iterator[str]:
    """Scopes for the layers in the place of one, the first that is free is theirs."""
    scope = usable_scope(layer)
    yield scope
    yield from (f"{scope}_{number}" for number in count(2))


def _free_scope(layer: str, first: str) -> str:
    taken = nn.get_parameters(grad_only=False)
    return next(scope for scope in _scopes(layer) if f"{scope}/{first}/W" not in taken)


def _parameter(path: str, values: np.ndarray, learns: bool) -> nn.Variable:
    made = constant(np.asarray(values, np.float32), path, learns)
    nn.parameter.set_parameter(path, made)
    return made


class Replaced(NamedTuple):
    """A layer that was factorized.

    Args:
        site: What it was.
        form: The form of the layers that take its place.
        ranks: Their ranks.
        weights: Their weights.
    """

    site: Site
    form: Form
    ranks: Ranks
    weights: List[nn.Variable]


def replaced(
    given: Network, made: Network, decided: Mapping[str, Mapping[str, Any]]
) -> List[Replaced]:
    """Returns the layers that were factorized, with the weights of those in their place.

    Args:
        given: The network before a factorization.
        made: The one behind it.
        decided: Method and ranks by layer.
    """
    old = {leaf.data for leaf in leaves(given.all_outputs)}
    new = {path: v for path, v in parameters_of(made).items() if v.data not in old}
    found: List[Replaced] = []
    for site in sites(given.all_outputs, parameters_of(given)):
        said = decided.get(site.name)
        if said is None:
            continue
        form, ranks = FORMS[said["method"]], tuple(int(rank) for rank in said["ranks"])
        pieces = [piece.name for piece in form.pieces(site.kernel, ranks)]
        scope = next(scope for scope in _scopes(site.name) if f"{scope}/{pieces[0]}/W" in new)
        found.append(Replaced(site, form, ranks, [new[f"{scope}/{name}/W"] for name in pieces]))
    return found


def multiplied(
    given: Network, made: Network, decided: Mapping[str, Mapping[str, Any]]
) -> List[nn.Variable]:
    """Returns a graph with the products of factors in the place of its weights.

    Args:
        given: The network before a factorization.
        made: The one behind it.
        decided: Method and ranks by layer.
    """
    products: Dict[nn.Variable, nn.Variable] = {}
    for each in replaced(given, made, decided):
        product = each.form.product([np.array(v.d) for v in each.weights], each.site.kernel)
        replacement = nn.Variable.from_numpy_array(product.astype(np.float32))
        products.update((f.inputs[WEIGHT], replacement) for f in each.site.readers)
    return rebuild(given.all_outputs, inputs=products)
