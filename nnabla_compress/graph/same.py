# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether two graphs are the same functions of the same arrays, so that they compute the same."""

from __future__ import annotations

from typing import Any, Dict, Hashable, Mapping, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.graph.rewrite import functions


def same_functions(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    other_inputs: Sequence[nn.Variable],
    other_outputs: Sequence[nn.Variable],
) -> bool:
    """Returns whether two graphs hold the same functions, with the same arguments, wired alike.

    They read the same arrays where these are not inputs. What such graphs compute of equal inputs
    is equal, bit for bit.

    Args:
        inputs: Inputs of the one graph.
        outputs: Its outputs.
        other_inputs: The same inputs of the other one.
        other_outputs: Its outputs.

    Example:
        >>> import nnabla.functions as F
        >>> x, z = nn.Variable((1, 2)), nn.Variable((1, 2))
        >>> same_functions([x], [F.abs(x)], [z], [F.abs(z)])
        True
        >>> same_functions([x], [F.abs(x)], [z], [F.exp(z)])
        False
    """
    numbers: Dict[Hashable, int] = {}
    own = kinds(outputs, numbers, {v: ("input", n) for n, v in enumerate(inputs)})
    other = kinds(other_outputs, numbers, {v: ("input", n) for n, v in enumerate(other_inputs)})

    def of(found: Dict[nn.Variable, int], variables: Sequence[nn.Variable]) -> Sequence[Any]:
        return [found.get(v, v.data) for v in variables]

    return of(own, outputs) == of(other, other_outputs)


def kinds(
    outputs: Sequence[nn.Variable],
    numbers: Dict[Hashable, int],
    inputs: Mapping[nn.Variable, Hashable],
) -> Dict[nn.Variable, int]:
    """Numbers the computed variables of a graph: those of one number are computed in the same way.

    Args:
        outputs: Variables of the graph.
        numbers: Numbers that were given before, to which new ones are added.
        inputs: What stands for a variable that no function computes, instead of its array.
    """
    found: Dict[nn.Variable, int] = {
        v: numbers.setdefault((name, tuple(v.shape)), len(numbers)) for v, name in inputs.items()
    }
    for function in functions(outputs):
        type_name, args = function.info.type_name, function.info.args
        # The output of a Reshape tells its shape.
        said = () if type_name == "Reshape" else tuple(map(_said, sorted(args.items())))
        read = [found.get(v, (v.data, tuple(v.shape))) for v in function.inputs]
        for number, variable in enumerate(function.outputs):
            kind = (type_name, said, number, tuple(variable.shape), *read)
            found[variable] = numbers.setdefault(kind, len(numbers))
    return found


def _said(argument: Tuple[str, Any]) -> Hashable:
    name, value = argument
    if isinstance(value, np.ndarray):
        return name, value.shape, value.dtype.str, value.tobytes()
    return name, repr(value)
