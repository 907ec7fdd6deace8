# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network's inputs, and random numbers of the form that they take."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.function_types import KEEPS, NORMALIZATIONS
from nnabla_compress.functions.propagation import Propagation
from nnabla_compress.graph.rewrite import functions, leaves
from nnabla_compress.quantizers.base import quantizer_of

SEED = 313
# Behind them numbers of one form are still of that form.
_PASS = (*KEEPS, "Concatenate", "Stack", "Tile")
_SCALE = ("MulScalar", "AddScalar", "Add2", "Mul2", "AveragePooling", "Sum", "Mean")
_OF_POSITIVE = ("Log", "PowScalar", "RPowScalar", "Pow2", "RDivScalar")
_BY_POSITIVE = ("Div2", "RandomChoice")


class Form(NamedTuple):
    """What numbers an input takes.

    Args:
        below: Whole numbers from 0 to below this one; 0 for real numbers.
        positive: Only numbers above 0.
    """

    below: int = 0
    positive: bool = False

    def random(self, rng: np.random.RandomState, shape: Sequence[int]) -> np.ndarray:
        """Returns numbers of this form, float32; real ones of the standard normal distribution.

        Args:
            rng: Where they are drawn from.
            shape: Their shape.
        """
        if self.below:
            return rng.randint(0, self.below, shape).astype(np.float32)
        numbers = rng.randn(*shape).astype(np.float32)
        return np.abs(numbers) + np.float32(0.1) if self.positive else numbers


def inputs_of(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[nn.Variable]:
    """Returns the leaves of a graph that are no parameters.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path; by default those of the current parameter scope.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> inputs_of([PF.batch_normalization(PF.affine(x, 3))]) == [x]
        True
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    known = {parameter.data for parameter in parameters.values()}
    for function in functions(outputs):
        # Those of another scope than the current one: running statistics are not trained.
        if function.info.type_name in NORMALIZATIONS or quantizer_of(function) is not None:
            known.update(variable.data for variable in function.inputs[1:5])
    return [
        leaf
        for leaf in leaves(outputs)
        if not (leaf.need_grad or leaf.data in known or "/" in leaf.name)
    ]


def forms(inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable]) -> List[Form]:
    """Returns what numbers each input takes, as the functions say that read it.

    Args:
        inputs: The inputs.
        outputs: Variables of the graph.

    Example:
        >>> import nnabla.functions as F
        >>> ids, x = nn.Variable((1, 5)), nn.Variable((1, 5))
        >>> forms([ids, x], [F.embed(ids, nn.Variable((100, 8))), F.log(x + 1)])
        [Form(below=100, positive=False), Form(below=0, positive=True)]
    """
    found: Dict[nn.Variable, Form] = {variable: Form() for variable in inputs}
    same: Dict[nn.Variable, Set[nn.Variable]] = {variable: {variable} for variable in inputs}
    scaled: Dict[nn.Variable, Set[nn.Variable]] = {variable: {variable} for variable in inputs}
    for function in functions(outputs):
        for place, variable in enumerate(function.inputs):
            below = chosen_from(function, place)
            for source in same.get(variable, ()) if below else ():
                known = found[source].below
                found[source] = Form(min(known, below) if known else below)
            if _wants_positive(function, place):
                for source in scaled.get(variable, ()):
                    found[source] = found[source]._replace(positive=True)
        passes = function.info.type_name in _PASS or quantizer_of(function) is not None
        for behind, goes_on in (
            (same, passes),
            (scaled, passes or function.info.type_name in _SCALE),
        ):
            sources = {s for v in function.inputs for s in behind.get(v, ())} if goes_on else set()
            for output in function.outputs:
                behind.setdefault(output, set()).update(sources)
    return [found[variable] for variable in inputs]


def random_inputs(
    inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable], rows: Optional[int] = None
) -> List[np.ndarray]:
    """Returns random numbers for each input, the same ones every time.

    Args:
        inputs: The inputs.
        outputs: Variables of the graph.
        rows: Length of the first axis; by default that of the inputs.
    """
    rng = np.random.RandomState(SEED)
    return [
        form.random(rng, variable.shape if rows is None else (rows, *variable.shape[1:]))
        for variable, form in zip(inputs, forms(inputs, outputs))
    ]


def chosen_from(function: Any, place: int) -> int:
    """Returns how many rows or classes the whole numbers choose from that a function reads.

    Args:
        function: A function of a graph.
        place: Which of its inputs.

    Returns:
        0 if what it reads there are no such numbers.

    Example:
        >>> import nnabla.functions as F
        >>> y = F.embed(nn.Variable((1, 5)), nn.Variable((100, 8)))
        >>> [chosen_from(y.parent, place) for place in (0, 1)]
        [100, 0]
    """
    type_name, args, first = function.info.type_name, function.info.args, function.inputs[0].shape
    if place == 0 and type_name == "Embed":
        return int(function.inputs[1].shape[0])
    if place == 0 and type_name == Propagation.graph_type():
        return len(args["graph"].graph)
    if place == 0 and type_name == "OneHot":
        return int(min(args["shape"]))
    if place == 1 and type_name in ("Gather", "SoftmaxCrossEntropy", "CategoricalCrossEntropy"):
        return int(first[args["axis"]])
    if place == 1 and type_name in ("SigmoidCrossEntropy", "BinaryCrossEntropy"):
        return 2
    return 0


def _wants_positive(function: Any, place: int) -> bool:
    type_name = function.info.type_name
    return (place == 0 and type_name in _OF_POSITIVE) or (place == 1 and type_name in _BY_POSITIVE)
