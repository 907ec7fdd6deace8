# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network ends in: the loss that it was trained with, or a last activation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple

import nnabla as nn

from nnabla_compress.graph.clone import clone

# Losses of two inputs, the prediction and the target.
LOSSES = (
    "SoftmaxCrossEntropy",
    "CategoricalCrossEntropy",
    "SigmoidCrossEntropy",
    "BinaryCrossEntropy",
    "SquaredError",
    "AbsoluteError",
    "HuberLoss",
)
# Last functions that turn logits into probabilities, without parameters.
ACTIVATIONS = ("Sigmoid", "Softmax", "LogSoftmax")
# What stands between the losses of single entries and the one number that a script trains.
_REDUCTIONS = ("Mean", "Sum", "Identity", "Reshape", "MulScalar")


@dataclass(frozen=True)
class Head:
    """The end of a network.

    Args:
        activation: Its last function, if that is one of ``ACTIVATIONS``.
        axis: The axis of that activation, where it has one.
        loss: The loss that the file trains it with, one of ``LOSSES``; None if it holds none.
        arguments: Arguments of the loss, such as ``delta``.
        before_activation: Whether that loss acts on what the activation gets.
        target: Name of the input that is the loss's target.
    """

    activation: Optional[str] = None
    axis: Optional[int] = None
    loss: Optional[str] = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    before_activation: bool = False
    target: Optional[str] = None


@dataclass(frozen=True)
class StoredLoss:
    """A loss at the end of a stored network.

    Args:
        name: One of ``LOSSES``.
        arguments: Its arguments.
        prediction: Name of the variable that it takes.
        target: Name of the variable that it compares this with.
    """

    name: str
    arguments: Mapping[str, Any]
    prediction: str
    target: str


def stored_loss(network: Any) -> Optional[StoredLoss]:
    """Returns the loss that a stored network's only output is computed by, None if it has none.

    Args:
        network: A ``ProtoNetwork``.
    """
    if len(network.outputs) != 1:
        return None
    makers = {name: function for function in _functions(network) for name in function.outputs}
    name: str = network.outputs[0]
    # At most once through each function: a damaged file may hold a circle of them.
    for _ in makers:
        if name not in makers or makers[name].type not in _REDUCTIONS or not makers[name].inputs:
            break
        name = makers[name].inputs[0]
    function = makers.get(name)
    if function is None or function.type not in LOSSES or len(function.inputs) != 2:
        return None
    return _of_function(function, network)


def _of_function(function: Any, network: Any) -> StoredLoss:
    prediction, target = function.inputs
    if prediction in network.inputs and target not in network.inputs:
        prediction, target = target, prediction
    return StoredLoss(function.type, dict(function.args or {}), prediction, target)


def stored_head(network: Any, others: Iterable[Any] = ()) -> Head:
    """Returns the end of a stored network.

    Args:
        network: A ``ProtoNetwork``.
        others: Other networks of its file; one may train what this one computes.
    """
    makers = {name: function for function in _functions(network) for name in function.outputs}
    own = stored_loss(network)
    output = own.prediction if own is not None else (list(network.outputs) or [""])[0]
    last = makers.get(output)
    known = last is not None and last.type in ACTIVATIONS and last.inputs
    activation = last.type if last is not None and known else None
    logits = last.inputs[0] if last is not None and activation else None
    axis = (last.args or {}).get("axis") if last is not None and activation else None
    # The network may go on behind its output to a loss that an executor does not ask for.
    behind = [
        _of_function(function, network)
        for function in _functions(network)
        if function.type in LOSSES and len(function.inputs) == 2
    ]
    losses = [own] if own is not None else [*behind, *(stored_loss(other) for other in others)]
    for loss in losses:
        if loss is not None and loss.prediction in (output, logits):
            before = loss.prediction != output
            return Head(activation, axis, loss.name, loss.arguments, before, loss.target)
    return Head(activation, axis)


def data_inputs(network: Any) -> List[str]:
    """Returns the names of a stored network's inputs without the target of its loss.

    Args:
        network: A ``ProtoNetwork``.
    """
    loss = stored_loss(network)
    if loss is None:
        return list(network.inputs)
    found = needed_by(network, [loss.prediction])
    return [name for name in network.inputs if name in found]


def needed_by(network: Any, names: Iterable[str]) -> Set[str]:
    """Returns the names of the variables that some variables are computed from, with their own.

    Args:
        network: A ``ProtoNetwork``.
        names: Names of variables.
    """
    made_of = {
        name: function.inputs for function in _functions(network) for name in function.outputs
    }
    return reached(made_of, names)


def reached(made_of: Mapping[str, Iterable[str]], names: Iterable[str]) -> Set[str]:
    """Returns some names, and all that they are made of.

    Args:
        made_of: What each name that is computed is made of, by name.
        names: Those to start from.

    Example:
        >>> sorted(reached({"y": ["x", "w"], "z": ["y"]}, ["y"]))
        ['w', 'x', 'y']
    """
    waiting, found = list(names), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += made_of.get(name, ())
    return found


def without_loss(output: nn.Variable) -> nn.Variable:
    """Returns what the loss at the end of a graph takes; a graph without one as it is.

    Args:
        output: The only output of a network.

    Example:
        >>> import nnabla.functions as F
        >>> y, label = F.tanh(nn.Variable((2, 3))), nn.Variable((2, 3))
        >>> without_loss(F.mean(F.squared_error(y, label))) == y, without_loss(y) == y
        (True, True)
    """
    end = output
    while end.parent is not None and end.parent.info.type_name in _REDUCTIONS:
        end = end.parent.inputs[0]
    if end.parent is None or end.parent.info.type_name not in LOSSES:
        return output
    prediction, target = end.parent.inputs
    return target if prediction.parent is None and target.parent is not None else prediction


def before_activation(output: nn.Variable) -> nn.Variable:
    """Returns what a last Sigmoid, Softmax or LogSoftmax takes; another output as it is.

    Args:
        output: An output of a network.
    """
    is_activation = output.parent is not None and output.parent.info.type_name in ACTIVATIONS
    return output.parent.inputs[0] if is_activation else output


def logits_of(output: nn.Variable) -> nn.Variable:
    """Returns what a network gives without its loss and without its last activation.

    Args:
        output: The only output of a network.
    """
    return before_activation(without_loss(output))


def activated(output: nn.Variable, like: nn.Variable) -> nn.Variable:
    """Puts the last activation of one graph behind the output of another.

    Args:
        output: What :func:`before_activation` left of a graph, or a rewritten copy of it.
        like: The graph with the activation; without one ``output`` stays as it is.
    """
    return output if before_activation(like) == like else clone(like.parent, [output])[0]


def _functions(network: Any) -> Tuple[Any, ...]:
    functions: Dict[str, Any] = network.functions
    return tuple(functions.values())
