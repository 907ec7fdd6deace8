# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network as a value: what goes in, what comes out, and the parameters that it owns."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.batches import on_inputs
from nnabla_compress.graph.constants import constant, shared
from nnabla_compress.graph.rewrite import leaves, rebuild


@dataclass(frozen=True)
class Network:
    """A network: its graph from named inputs to named outputs.

    Args:
        inputs: Its inputs by name, in order.
        outputs: Its outputs by name, in order.
        scope: The parameter scope that its parameters live in, as NNabla keeps it; None: the scope
            that is current when it is asked.
        paths: Paths of parameters by their array, where they are known by others than the scope's.
        name: What it is called.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> network = Network({"x": x}, {"y": PF.affine(x, 3, name="fc")})
        >>> list(network.parameters), network.on({"x": nn.Variable((8, 4))}).output.shape
        (['fc/affine/W', 'fc/affine/b'], (8, 3))
    """

    inputs: Dict[str, nn.Variable]
    outputs: Dict[str, nn.Variable]
    scope: Optional[Dict[str, Any]] = None
    paths: Dict[Any, str] = field(default_factory=dict)
    name: str = ""

    @property
    def output(self) -> nn.Variable:
        """The only output.

        Raises:
            ConfigError: If there are several.
        """
        if len(self.outputs) != 1:
            raise ConfigError(
                f"network {self.name!r} has {len(self.outputs)} outputs: "
                f"{', '.join(self.outputs)}.",
                help="choose a network with one output, or save it with an executor that names one",
            )
        return next(iter(self.outputs.values()))

    @property
    def all_inputs(self) -> List[nn.Variable]:
        """The inputs in order."""
        return list(self.inputs.values())

    @property
    def given(self) -> Any:
        """What a function that builds networks gets: the only input, or all of them by name."""
        return self.all_inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def all_outputs(self) -> List[nn.Variable]:
        """The outputs in order."""
        return list(self.outputs.values())

    def in_order(self, arrays: Mapping[str, Any]) -> List[Any]:
        """Returns what is meant for the inputs in their order.

        Args:
            arrays: One for each by its name; an only one may have any.
        """
        if len(self.inputs) == 1:
            return list(arrays.values())
        return [arrays[name] for name in self.inputs]

    @property
    def ends_in(self) -> str:
        """Type of the function that computes the only output, such as ``"Softmax"``."""
        return str(self.output.parent.info.type_name)

    @property
    def parameters(self) -> Dict[str, nn.Variable]:
        """The parameters of its scope by path, those that don't learn, too."""
        with self.within():
            return dict(nn.get_parameters(grad_only=False))

    @contextmanager
    def within(self) -> Iterator[None]:
        """Makes its scope the current one: what is built within owns its parameters."""
        if self.scope is None:
            yield
            return
        with nn.parameter_scope("", self.scope):
            yield

    def giving(self, outputs: Sequence[nn.Variable]) -> Network:
        """Returns the network with other outputs of the same names.

        Args:
            outputs: One for each, computed from the same inputs.
        """
        return replace(self, outputs=dict(zip(self.outputs, outputs)))

    def on(self, inputs: Mapping[str, nn.Variable]) -> Network:
        """Returns the network built again on other inputs, with the same parameters.

        Args:
            inputs: New variables by the names of its inputs, of any number of samples.

        Raises:
            FixedBatchError: If another number of samples is written into its functions.
        """
        new = {old: inputs[name] for name, old in self.inputs.items()}
        made = on_inputs(self.all_outputs, new)
        return replace(self.giving(made), inputs={name: inputs[name] for name in self.inputs})

    def copy(self, sharing: bool = False) -> Network:
        """Returns the network with inputs and a scope of its own, and copies of all parameters.

        Parameters keep their paths; where several have one, numbers follow it.

        Args:
            sharing: Whether parameters read the arrays of this network, until whoever changes one
                gives it an array of its own.
        """
        known = {variable.data: path for path, variable in self.parameters.items()}
        scope: Dict[str, Any] = OrderedDict()
        copies: Dict[Any, nn.Variable] = {}
        inputs = {name: nn.Variable(variable.shape) for name, variable in self.inputs.items()}
        new = {old: inputs[name] for name, old in self.inputs.items()}
        taken = set()
        outputs = self.all_outputs
        for leaf in leaves(outputs):
            if leaf in new:
                continue
            if leaf.data not in copies:
                path = known.get(leaf.data) or self.paths.get(leaf.data) or leaf.name
                path = path or "parameter"
                number, unique = 1, path
                while unique in taken:
                    number += 1
                    unique = f"{path}_{number}"
                taken.add(unique)
                if sharing and leaf.data.dtype == np.float32:
                    copies[leaf.data] = shared(leaf, unique)
                else:
                    copies[leaf.data] = constant(np.array(leaf.d), unique, leaf.need_grad)
                with nn.parameter_scope("", scope):
                    nn.parameter.set_parameter(unique, copies[leaf.data])
            new[leaf] = copies[leaf.data]
        made = dict(zip(self.outputs, rebuild(outputs, inputs=new)))
        return Network(inputs, made, scope, name=self.name)

    def state(self, twin: Optional[Network] = None) -> Dict[str, np.ndarray]:
        """Returns all parameters' values by path, which stay as they are now.

        Args:
            twin: A network whose parameters stay as they are. Where one has the bits of that of the
                same path, its array is returned, and no copy.
        """
        own = {} if twin is None else twin.parameters
        return {
            path: own[path].d
            if path in own and _same(own[path], variable)
            else np.array(variable.d)
            for path, variable in self.parameters.items()
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts values back that :meth:`state` returned; parameters of other names stay."""
        for path, variable in self.parameters.items():
            # What is equal may be the array of a twin.
            if path in state and not _same_bits(variable.d, state[path]):
                variable.d = state[path]

    def paths_in(self, outputs: Sequence[nn.Variable]) -> Dict[Any, str]:
        """Returns the paths of the parameters of a graph made from this one, by their array.

        Args:
            outputs: Variables of that graph, on the same inputs.
        """
        return {
            leaf.data: self.paths.get(leaf.data, leaf.name)
            for leaf in self._parameters_of(outputs)
            if leaf.data in self.paths or leaf.name
        }

    def parameters_in(self, outputs: Sequence[nn.Variable]) -> Dict[str, nn.Variable]:
        """Returns the parameters of a graph made from this one, by path or a made-up name.

        Args:
            outputs: Variables of that graph, on the same inputs.
        """
        return {
            self.paths.get(leaf.data, leaf.name) or f"parameter_{number}": leaf
            for number, leaf in enumerate(self._parameters_of(outputs), 1)
        }

    def _parameters_of(self, outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
        given = set(self.inputs.values())
        return [leaf for leaf in leaves(outputs) if leaf not in given]


def _same(first: nn.Variable, second: nn.Variable) -> bool:
    return first.data == second.data or _same_bits(first.d, second.d)


def _same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    one, other = (array.reshape(-1).view(np.uint8) for array in (first, second))
    return bool(np.array_equal(one, other))
