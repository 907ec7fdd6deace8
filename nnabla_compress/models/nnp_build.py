# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Making the graph of a stored network, function by function."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
from nnabla.initializer import ConstantInitializer

from nnabla_compress.errors import DataError
from nnabla_compress.models.nnp_checks import check_call
from nnabla_compress.models.nnp_sizes import NetworkSizes
from nnabla_compress.models.stored_parameters import elements
from nnabla_compress.names import shown_name


def call(network: Any, batch_size: int, sizes: NetworkSizes, where: str) -> None:
    """Makes the graph of a ``ProtoNetwork``, with a look at each function before it is made.

    Args:
        network: The network, its ``inputs`` those that take data; what else no function computes
            holds the number that it is initialized with, or zeros.
        batch_size: Rows of what has no number of rows of its own.
        sizes: Counts what the network asks for.
        where: What messages call the network.

    Raises:
        DataError: If a function can't be made of its inputs, or all ask for too much.
    """
    with nn.parameter_scope("", network.owner().parameter_scope):
        for name, variable in network.variables.items():
            if variable.parent or name in network.inputs or variable.variable_instance is not None:
                continue
            shape = tuple(size if size >= 1 else batch_size for size in variable.shape)
            sizes.take(name, elements(shape))
            variable.variable_instance = F.constant(constant(network, name) or 0.0, shape)
        for name in network.inputs:
            variable = network.variables[name]
            shape = tuple(size if size >= 1 else batch_size for size in variable.shape)
            if variable.variable_instance is not None:
                continue
            sizes.take(name, elements(shape))
            if callable(variable.initializer):
                values = variable.initializer(shape=shape)
                variable.variable_instance = nn.Variable.from_numpy_array(values, need_grad=True)
            else:
                variable.variable_instance = nn.Variable(shape)

        def make(function: Any) -> None:
            inputs = [
                network.variables[name].variable_instance
                for name in function.inputs
                if name in network.variables
            ]
            inputs = [variable for variable in inputs if variable is not None]
            check_call(function, inputs, _shapes(network, function), where)
            sizes.foresee(function, inputs)
            function.graph_call(batch_size=batch_size)
            made = [network.variables[name].variable_instance for name in function.outputs]
            sizes.add(function, inputs, made)

        network.execute_on_proto(make)
        for name, stored in network.variables.items():
            if stored.variable_instance is not None:
                stored.variable_instance.name = name


def _shapes(network: Any, function: Any) -> List[Tuple[int, ...]]:
    """Shapes of the inputs of a function that are known, its parameters among them."""
    found = []
    for name in function.inputs:
        if name in network.parameters:
            found.append(tuple(network.parameters[name].shape))
        elif network.variables[name].variable_instance is not None:
            found.append(tuple(network.variables[name].variable_instance.shape))
    return found


def constant(network: Any, name: str) -> Optional[float]:
    """Returns the number that a file initializes all values of a variable with, or None.

    Args:
        network: A ``ProtoNetwork``.
        name: Name of the variable.
    """
    initializer = network.variables[name].initializer
    return float(initializer.value) if isinstance(initializer, ConstantInitializer) else None


def built(network: Any, names: Sequence[str], where: str) -> Dict[str, nn.Variable]:
    """Returns variables of a network whose graph is made, by the names that users know.

    Args:
        network: A ``ProtoNetwork``.
        names: Their names.
        where: What messages call the network.

    Raises:
        DataError: If nothing computes one of them.
    """
    found = {shown_name(name): network.variables[name].variable_instance for name in names}
    for name, variable in found.items():
        if variable is None:
            raise DataError(f"{where} lacks what computes {name[:80]!r}.", help="save it again")
    return found
