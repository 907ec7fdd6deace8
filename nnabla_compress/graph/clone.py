# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Copying one function of a graph onto other inputs, whether it is NNabla's own or one of ours."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

import nnabla as nn
import nnabla.function

from nnabla_compress.absent import end_searches
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.functions.propagation import Propagation
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.functions.quantized_when import QuantizedWhen
from nnabla_compress.quantizers.base import clone_node

end_searches()  # graphs are built of thousands of calls

Made = Union[nn.Variable, Sequence[nn.Variable]]
MakePythonFunction = Callable[[Dict[str, Any], Sequence[nn.Variable]], Made]

_PYTHON_FUNCTIONS: Dict[str, MakePythonFunction] = {
    Pow2BatchNormalization.graph_type(): lambda args, inputs: Pow2BatchNormalization(args)(*inputs),
    FoldedBatchNormalization.graph_type(): lambda args, inputs: FoldedBatchNormalization(args)(
        *inputs
    ),
    Propagation.graph_type(): lambda args, inputs: Propagation(args)(*inputs),
    QuantizedGradient.graph_type(): lambda args, inputs: QuantizedGradient(args)(*inputs),
    QuantizedWhen.graph_type(): lambda args, inputs: QuantizedWhen(args)(*inputs),
}


def register_python_function(type_name: str, make: MakePythonFunction) -> None:
    """Makes a Python function that is no quantizer known to :func:`clone`.

    Args:
        type_name: The ``name`` of the PythonFunction, which its nodes carry.
        make: Called with the node's ``args`` and its new inputs; returns the output or outputs.

    Example:
        >>> from nnabla.function import PythonFunction
        >>> class Twice(PythonFunction):
        ...     name = "Twice"
        >>> register_python_function("Twice", lambda args, inputs: Twice()(*inputs))
    """
    _PYTHON_FUNCTIONS[type_name] = make


def as_list(made: Made) -> List[nn.Variable]:
    """Returns a Variable or a sequence of them as a list."""
    return [made] if isinstance(made, nn.Variable) else list(made)


def clone(
    function: Any, inputs: Sequence[nn.Variable], changes: Optional[Mapping[str, Any]] = None
) -> List[nn.Variable]:
    """Returns the outputs of a function like ``function`` on other inputs.

    Literal batch sizes in the arguments of Reshape, Broadcast and Slice follow the inputs.

    Args:
        function: A function of a graph, as ``variable.visit`` or ``variable.parent`` give it.
        inputs: What takes the place of ``function.inputs``.
        changes: Arguments that get another value, by name.

    Returns:
        The new outputs, as many as the function has.

    Raises:
        UnsupportedFunctionError: If it is a Python function whose class is not known.

    Example:
        >>> import nnabla.functions as F
        >>> y = F.leaky_relu(nn.Variable((2, 3)), alpha=0.2)
        >>> copy, = clone(y.parent, [nn.Variable((5, 3))], {"alpha": 0.5})
        >>> copy.shape, copy.parent.info.args["alpha"]
        ((5, 3), 0.5)
    """
    type_name = function.info.type_name
    args = dict(function.info.args)
    args.update(changes or {})
    if type_name in _PYTHON_FUNCTIONS:
        return as_list(_PYTHON_FUNCTIONS[type_name](args, inputs))
    quantized = clone_node(type_name, args, inputs)
    if quantized is not None:
        return [quantized]
    native = getattr(nnabla.function, type_name, None)
    if native is None:
        raise UnsupportedFunctionError(
            f"the network holds a Python function {type_name!r} that can't be copied.",
            help="write it with functions of nnabla.functions, or make it known with "
            "nnabla_compress.graph.register_python_function",
        )
    outputs = native(function.context, **_batch_follows(type_name, args, function, inputs))(
        *inputs, n_outputs=len(function.outputs), auto_forward=nn.get_auto_forward()
    )
    return as_list(outputs)


def _batch_follows(
    type_name: str, args: Dict[str, Any], function: Any, inputs: Sequence[nn.Variable]
) -> Dict[str, Any]:
    """Returns the arguments with the literal batch size, if one is there, of the new inputs."""
    key = {"Reshape": "shape", "Broadcast": "shape", "Slice": "stop"}.get(type_name)
    if key is None:
        return args
    old, new = function.inputs[0].shape, inputs[0].shape
    sizes = list(args[key])
    if not old or not sizes or not new or tuple(old) == tuple(new):
        return args
    if type_name != "Slice" and sizes[0] <= 0:
        return args
    if type_name == "Reshape":
        # Elements per entry of the first axis stay: the batch may be merged with other axes.
        first, rest = divmod(sizes[0] * inputs[0].size, function.inputs[0].size)
        sizes[0] = first if rest == 0 else sizes[0]
    elif type_name == "Slice" and len(sizes) == len(old) == len(new):
        # The axis of the samples need not be the first: a whole axis stays a whole one.
        sizes = [after if size == before else size for size, before, after in zip(sizes, old, new)]
    elif sizes[0] == old[0] and len(sizes) == len(old):
        sizes[0] = new[0]
    return {**args, key: sizes}
