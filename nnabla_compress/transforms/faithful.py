# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Proving that a rewritten network, its quantizers left out, computes what the given one does."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.analysis.places import places
from nnabla_compress.errors import VerifyError
from nnabla_compress.graph.clone import Made, clone
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.ends import with_ends
from nnabla_compress.graph.inputs import SEED, inputs_of, random_inputs
from nnabla_compress.graph.response import response
from nnabla_compress.graph.rewrite import (
    functions,
    is_for_inference,
    rebuild,
    with_batch_statistics,
)
from nnabla_compress.graph.same import same_functions
from nnabla_compress.transforms.insert_weights import remove_quantizers
from nnabla_compress.turns import one_at_a_time

# What folding a batch normalization rounds otherwise, as a part of the output's largest magnitude.
FOLDED = 1e-3


@one_at_a_time
def check_faithful(
    outputs: Sequence[nn.Variable],
    rewritten: Sequence[nn.Variable],
    inputs: Optional[Sequence[nn.Variable]] = None,
    rewritten_inputs: Optional[Sequence[nn.Variable]] = None,
    tolerance: float = 0.0,
) -> None:
    """Compares a network with a rewritten one on one random sample, in inference, in float.

    Quantizers are left out of both. Neither graph changes, nor do parameters. A network that can't
    be run on random numbers is not compared.

    Args:
        outputs: Variables of the network that was given.
        rewritten: The same outputs of the rewritten one.
        inputs: Its inputs; by default the leaves of the graph that are no parameters.
        rewritten_inputs: Those of the rewritten network; by default the very same.
        tolerance: Largest difference allowed, as a part of the output's largest magnitude: 0 for
            equality value for value, ``FOLDED`` where batch normalizations were folded.

    Raises:
        VerifyError: If they differ more, with the first function that does.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> from nnabla_compress import compress
        >>> nn.clear_parameters()
        >>> y = PF.affine(F.relu(nn.Variable((1, 4))), 3, name="fc")
        >>> check_faithful([y], [compress(y, "lut:bits=2")])
        >>> try:
        ...     check_faithful([y], [2 * y])
        ... except VerifyError as error:
        ...     print(error.message)
        without its quantizers the rewritten network differs from the given one by 1 of the output.
    """
    given = list(inputs_of(outputs) if inputs is None else inputs)
    taken = given if rewritten_inputs is None else list(rewritten_inputs)
    for shapes in _shapes(given):
        failure: Optional[Exception] = None
        try:
            first = second = _plain(outputs, given, shapes)
            try:
                second = _plain(rewritten, taken, shapes)
            except Exception as error:
                failure = error
            if failure is None and same_functions(*first, *second):
                return
            # A saturated Softmax would hide what differs before it.
            ends = with_ends(first[1], second[1])
            values = random_inputs(*first)
            expected = run(first[0], ends[0], values)
        except Exception:  # NNabla refuses in many ways: the network wants its own batch size
            continue
        try:
            if failure is not None:
                raise failure
            got = run(second[0], ends[1], values)
        except Exception as error:
            raise VerifyError(
                f"without its quantizers the rewritten network can't be run: {error}.", help=_HELP
            ) from error
        apart = agreement(expected, got)
        if apart.largest <= tolerance:
            return
        # Steps on the way: a rounding may decide which one a value falls to.
        moved = response(first[0], ends[0], values, expected) if tolerance else 0.0
        if apart.root_mean_square <= 2 * moved:
            return
        where = _first_difference(first, second, values, tolerance)
        raise VerifyError(
            "without its quantizers the rewritten network differs from the given one by "
            f"{apart.largest:.3g} of the output{where}.",
            help=_HELP,
        )


_HELP = (
    "leave the layers there as they are with a rule like 'NAME=none'; please report the network: "
    "this is a defect of nnabla-compress"
)

_Graph = Tuple[List[nn.Variable], List[nn.Variable]]


def _shapes(inputs: Sequence[nn.Variable]) -> List[List[Tuple[int, ...]]]:
    """Shapes to try: those of one sample, and as the inputs are."""
    own = [tuple(variable.shape) for variable in inputs]
    rows = {shape[:1] for shape in own}
    if len(rows) == 1 and rows.isdisjoint([(), (1,)]):
        return [[(1, *shape[1:]) for shape in own], own]
    return [own]


def _plain(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    shapes: Sequence[Tuple[int, ...]],
) -> _Graph:
    """The float network in inference on inputs of its own, its random functions seeded."""

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[Made]:
        if "seed" in function.info.args:
            return clone(function, arguments, {"seed": SEED})
        return None

    fresh = [nn.Variable(shape) for shape in shapes]
    with nn.auto_forward(False):
        moved = remove_quantizers(outputs, dict(zip(inputs, fresh)))
        inferring = moved if is_for_inference(moved) else with_batch_statistics(moved, False)
        if any("seed" in function.info.args for function in functions(inferring)):
            inferring = rebuild(inferring, replace)
        return fresh, inferring


def _first_difference(
    first: _Graph, second: _Graph, values: Sequence[np.ndarray], tolerance: float
) -> str:
    """Says where two graphs begin to differ, as far as they are alike."""
    names = places(first[1])
    for inputs, outputs in (first, second):
        for variable, array in zip(inputs, values):
            variable.d = array
        nn.forward_all(outputs)  # which leaves the values of all variables
    # Behind a folded layer the values are those of the normalization, which gave it its name.
    for function, old, new in _pairs(first[1], second[1], by_name=tolerance > 0):
        if agreement([np.array(old.d)], [np.array(new.d)]).largest > tolerance:
            return f"; the first function that differs is {names[function]}"
    return ""


def _pairs(
    first: Sequence[nn.Variable], second: Sequence[nn.Variable], by_name: bool
) -> List[Tuple[Any, nn.Variable, nn.Variable]]:
    """Functions of the one graph, with their output and that of the same function of the other."""
    one, other = functions(first), functions(second)
    if by_name:
        named = {f.outputs[0].name: f.outputs[0] for f in other if f.outputs[0].name}
        found = [(f, f.outputs[0], named.get(f.outputs[0].name)) for f in one]
        return [(f, old, new) for f, old, new in found if new is not None]
    types = [[f.info.type_name for f in order] for order in (one, other)]
    return [
        (one[block.a + n], one[block.a + n].outputs[0], other[block.b + n].outputs[0])
        for block in SequenceMatcher(None, types[0], types[1], autojunk=False).get_matching_blocks()
        for n in range(block.size)
    ]
