# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rebuilding a graph function by function, with some functions or inputs replaced.

Every change of a network in this package is a :func:`rebuild` with a ``replace`` callback. The new
graph shares the parameters of the old one: training either trains both.
"""

from __future__ import annotations

from collections import Counter
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import nnabla as nn

from nnabla_compress.function_types import TRAINING_ONLY
from nnabla_compress.functions.propagation import Propagation
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.graph.clone import Made, as_list, clone
from nnabla_compress.remembered import Remembered
from nnabla_compress.turns import one_at_a_time

_ONLY_IN_TRAINING = (*TRAINING_ONLY, QuantizedGradient.graph_type())
# MeanSubtraction keeps a running mean, too.
_STATISTICS = ("batch_stat", "update_running_mean")
_orders: Remembered[List[Any]] = Remembered(most=1)
Replace = Callable[[Any, List[nn.Variable]], Optional[Made]]


def functions(outputs: Iterable[nn.Variable], stop: Iterable[nn.Variable] = ()) -> List[Any]:
    """Returns the functions behind ``outputs`` in the order of execution, each once.

    Args:
        outputs: Variables of one graph.
        stop: Variables whose own functions are left out, with all that only they need.

    Returns:
        NNabla functions with ``info.type_name``, ``info.args``, ``inputs`` and ``outputs``.

    Example:
        >>> import nnabla.functions as F
        >>> h = F.relu(nn.Variable((2, 3)))
        >>> [f.info.type_name for f in functions([F.add2(h, F.tanh(h))])]
        ['ReLU', 'Tanh', 'Add2']
    """
    ends, stops = tuple(outputs), tuple(stop)
    return list(_orders.get((ends, stops), lambda: _order(ends, stops)))


def _order(outputs: Sequence[nn.Variable], stop: Sequence[nn.Variable]) -> List[Any]:
    stopped, seen, order = set(stop), set(), []
    # Depth first by hand: deep networks would exceed Python's recursion limit.
    stack: List[Tuple[Any, bool]] = [
        (output.parent, False)
        for output in reversed(outputs)
        if output.parent is not None and output not in stopped
    ]
    while stack:
        function, ready = stack.pop()
        if ready:
            order.append(function)
        elif function not in seen:
            seen.add(function)
            stack.append((function, True))
            for variable in reversed(function.inputs):
                parent = variable.parent
                if parent is None or parent in seen or (stopped and variable in stopped):
                    continue
                stack.append((parent, False))
    return order


def consumers(outputs: Sequence[nn.Variable]) -> Dict[nn.Variable, List[Any]]:
    """Returns the functions that read each variable of the graph; an output has one more, None.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 4))
        >>> y = F.add2(F.relu(x), x)
        >>> [function.info.type_name for function in consumers([y])[x]], consumers([y])[y]
        (['ReLU', 'Add2'], [None])
    """
    readers: Dict[nn.Variable, List[Any]] = {}
    for function in functions(outputs):
        for variable in function.inputs:
            readers.setdefault(variable, []).append(function)
    for output in outputs:
        readers.setdefault(output, []).append(None)
    return readers


def times_read(outputs: Sequence[nn.Variable]) -> Counter[Any]:
    """Returns how often the functions of a graph read each array.

    A script that calls a parametric function twice makes two Variables of one array.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 4))
        >>> times_read([F.add2(F.relu(x), x)])[x.data]
        2
    """
    return Counter(variable.data for f in functions(outputs) for variable in f.inputs)


def depending(outputs: Sequence[nn.Variable], inputs: Iterable[nn.Variable]) -> Set[nn.Variable]:
    """Returns the inputs and all variables that are computed from them; the others are constant.

    Args:
        outputs: Variables of one graph.
        inputs: Some of its variables.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((1, 4)), nn.Variable((4, 3))
        >>> y = F.affine(x, F.tanh(w))
        >>> depending([y], [x]) == {x, y}
        True
    """
    found = set(inputs)
    for function in functions(outputs):
        if found.intersection(function.inputs):
            found.update(function.outputs)
    return found


def leaves(outputs: Iterable[nn.Variable]) -> List[nn.Variable]:
    """Returns the variables that no function computes, parameters and inputs, in order of use.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 4)), 3, name="fc")
        >>> [variable.shape for variable in leaves([y])]
        [(1, 4), (4, 3), (3,)]
    """
    return leaves_of(functions(outputs), outputs)


def leaves_of(order: Sequence[Any], outputs: Iterable[nn.Variable]) -> List[nn.Variable]:
    """Returns what :func:`leaves` does, of a graph whose functions are known.

    Args:
        order: The functions behind ``outputs``, as :func:`functions` returns them.
        outputs: Variables of one graph.
    """
    computed: Set[nn.Variable] = set()
    found: Dict[nn.Variable, None] = {}
    for function in order:
        found.update((variable, None) for variable in function.inputs if variable not in computed)
        computed.update(function.outputs)
    found.update((output, None) for output in outputs if output not in computed)
    return list(found)


@one_at_a_time
def rebuild(
    outputs: Sequence[nn.Variable],
    replace: Optional[Replace] = None,
    inputs: Optional[Mapping[nn.Variable, nn.Variable]] = None,
) -> List[nn.Variable]:
    """Builds the graph behind ``outputs`` again, with replacements.

    Parameters and inputs are the very same Variables in the new graph, so that it follows
    training and loading. Without replacements it computes the same values. Where
    inputs of another batch size are given, constants and random numbers of the old one follow.

    Args:
        outputs: Variables of one graph.
        replace: Called with each function, in order of execution, and its inputs in the new graph.
            Returns what takes the place of the function's output or outputs, None to copy it.
        inputs: Variables that get another one's place, also one of another batch size. A computed
            variable may be given too: what computes it is then left out.

    Returns:
        The new outputs, in the order of ``outputs``.

    Raises:
        UnsupportedFunctionError: If a Python function is met whose class is not known.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((2, 3))
        >>> new = nn.Variable((8, 3))
        >>> def relu6(function, inputs):
        ...     return F.relu6(*inputs) if function.info.type_name == "ReLU" else None
        >>> y, = rebuild([F.softmax(F.relu(x))], relu6, inputs={x: new})
        >>> y.shape, [f.info.type_name for f in functions([y])]
        ((8, 3), ['ReLU6', 'Softmax'])
    """
    new: Dict[nn.Variable, nn.Variable] = dict(inputs or {})
    batch = _batch_sizes(new)
    for function in functions(outputs, stop=list(new)):
        arguments = [new.get(variable, variable) for variable in function.inputs]
        made = replace(function, arguments) if replace is not None else None
        if made is None:
            copies = clone(function, arguments, _shape_of_batch(function, batch))
            for old, copy in zip(function.outputs, copies):
                take_over(function, old, copy)
        else:
            copies = as_list(made)
        new.update((old, copy) for old, copy in zip(function.outputs, copies) if old not in new)
    return [new.get(output, output) for output in outputs]


def _batch_sizes(inputs: Mapping[nn.Variable, nn.Variable]) -> Optional[Tuple[int, int]]:
    """Returns the old and the new batch size, None if they are the same or not clear."""
    sizes = {(old.shape[0], new.shape[0]) for old, new in inputs.items() if old.shape and new.shape}
    pair = sizes.pop() if len(sizes) == 1 else (0, 0)
    return pair if pair[0] != pair[1] else None


def _shape_of_batch(function: Any, batch: Optional[Tuple[int, int]]) -> Optional[Dict[str, Any]]:
    """Returns the shape argument of a function without inputs for the new batch size."""
    shape = list(function.info.args.get("shape", ())) if not function.inputs else []
    # With one axis it is a number that is added to all samples, or a factor of theirs.
    if batch is None or len(shape) < 2 or shape[0] != batch[0]:
        return None
    return {"shape": [batch[1], *shape[1:]]}


def take_over(function: Any, old: nn.Variable, copy: nn.Variable) -> None:
    """Gives a copied variable the flags of the old one."""
    copy.name = old.name
    copy.persistent = old.persistent
    if old.recompute:
        copy.recompute = True
    # Asked for by the user: NNabla itself computes True here.
    if not old.need_grad and any(variable.need_grad for variable in function.inputs):
        copy.need_grad = False


def is_for_inference(outputs: Sequence[nn.Variable]) -> bool:
    """Returns whether :func:`with_batch_statistics` would find nothing to change for inference.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.functions as F
        >>> is_for_inference([F.relu(nn.Variable((2, 3)))])
        True
        >>> is_for_inference([F.dropout(nn.Variable((2, 3)))])
        False
    """
    return not any(_acts_in_training(function) for function in functions(outputs))


def _acts_in_training(function: Any) -> bool:
    type_name, args = function.info.type_name, function.info.args
    if type_name in _ONLY_IN_TRAINING or any(args.get(key) for key in _STATISTICS):
        return True
    return bool(type_name == Propagation.graph_type() and not args["test"])


@one_at_a_time
def with_batch_statistics(
    outputs: Sequence[nn.Variable],
    batch_stat: bool,
    inputs: Optional[Mapping[nn.Variable, nn.Variable]] = None,
) -> List[nn.Variable]:
    """Builds the graph again for training or for inference.

    Args:
        outputs: Variables of one graph.
        batch_stat: True: batch normalizations use the statistics of the batch and update the
            running ones. False: they use the running ones, and Dropout and other functions that
            only act in training disappear.
        inputs: As of :func:`rebuild`.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> h = PF.batch_normalization(nn.Variable((2, 3)), name="example_bn")
        >>> y, = with_batch_statistics([F.dropout(h)], False)
        >>> [(f.info.type_name, f.info.args["batch_stat"]) for f in functions([y])]
        [('BatchNormalization', False)]
    """

    def replace(function: Any, arguments: List[nn.Variable]) -> Union[None, Made]:
        if not batch_stat and function.info.type_name in _ONLY_IN_TRAINING:
            return arguments[0]
        for key in _STATISTICS:
            if function.info.args.get(key, batch_stat) != batch_stat:
                return clone(function, arguments, {key: batch_stat})
        # In inference all nodes of a graph are there.
        is_propagation = function.info.type_name == Propagation.graph_type()
        if is_propagation and function.info.args["test"] == batch_stat:
            return clone(function, arguments, {"test": not batch_stat})
        return None

    return rebuild(outputs, replace, inputs)
