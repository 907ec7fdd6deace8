# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions and parameters of a graph built again with other numbers of channels."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.couplings import Couplings
from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import VerifyError
from nnabla_compress.graph.clone import as_list, clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild


class Resizer:
    """Builds a network again, each tensor with other entries along some axes.

    Args:
        network: The network.
        couplings: Its couplings.
    """

    def __init__(self, network: Network, couplings: Couplings) -> None:
        self.network, self.couplings = network, couplings
        self.made: Dict[Any, nn.Variable] = {}
        """New parameters by the array of the old one."""
        self.added: Dict[str, nn.Variable] = {}
        """Parameters that the given network did not have, by path."""

    def sources(self, variable: nn.Variable) -> Dict[int, np.ndarray]:
        """Returns which entry each new one comes of, along those axes of a tensor that change.

        Args:
            variable: A tensor of the given graph.
        """
        raise NotImplementedError

    def values(self, leaf: nn.Variable) -> np.ndarray:
        """Returns the values of a new parameter.

        Args:
            leaf: The old one.
        """
        found = np.asarray(leaf.d)
        for axis, places in self.sources(leaf).items():
            found = np.take(found, places, axis)
        return found

    def sliced(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns what a Slice takes of a new tensor."""
        raise NotImplementedError

    def padded(self, function: Any, x: nn.Variable) -> nn.Variable:
        """Returns what a Pad of channels makes of a new tensor."""
        raise NotImplementedError

    def build(self) -> Network:
        """Returns the new network; its parameters take the places of the old ones."""
        made = rebuild(self.network.all_outputs, self._replace)
        with self.network.within():
            for path, parameter in nn.get_parameters(grad_only=False).items():
                new = self.made.get(parameter.data)
                if new is not None:
                    self.network.paths[parameter.data] = path  # the given graph keeps it
                    nn.parameter.set_parameter(path, new)
            for path, added in self.added.items():
                nn.parameter.set_parameter(path, added)
        return self.network.giving(made)

    def _replace(self, function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if not any(self.sources(variable) for variable in (*function.inputs, *function.outputs)):
            return None
        arguments = [
            self._parameter(old) if old.parent is None and new == old else new
            for old, new in zip(function.inputs, arguments)
        ]
        shapes = [self._shape(output) for output in function.outputs]
        made = as_list(self._built(function, arguments, shapes[0]))
        if [tuple(output.shape) for output in made] != shapes:
            raise VerifyError(
                f"{self.couplings.labels.place(function)} would compute the shape "
                f"{tuple(made[0].shape)} of other channels, not {shapes[0]}.",
                help="leave the channels around it; please report the network: this is a defect "
                "of nnabla-compress",
            )
        for old, new in zip(function.outputs, made):
            new.name, new.persistent = old.name, old.persistent
        return made

    def _built(self, function: Any, arguments: List[nn.Variable], shape: Tuple[int, ...]) -> Any:
        """Returns a function on new tensors: what it says of their sizes follows."""
        type_name, args = function.info.type_name, function.info.args
        if type_name == "Reshape":
            given = [n if n < 0 else size for n, size in zip(args["shape"], shape)]
            return F.reshape(arguments[0], given, inplace=False)
        if type_name == "Broadcast":
            return F.broadcast(arguments[0], shape)
        if not function.inputs:
            return clone(function, arguments, {"shape": list(shape)})
        if type_name == "Slice":
            return self.sliced(function, arguments[0])
        if function in self.couplings.labels.selections:
            return self.padded(function, arguments[0])
        # Filters of one channel each: as many as there are channels.
        axis = {"Convolution": 1, "Deconvolution": 0}.get(type_name)
        if axis is not None and args["group"] > 1:
            if function.inputs[WEIGHT].shape[axis] == (1 if axis else args["group"]):
                base = args["base_axis"] % function.inputs[0].ndim
                return clone(function, arguments, {"group": arguments[0].shape[base]})
        return clone(function, arguments)

    def _shape(self, variable: nn.Variable) -> Tuple[int, ...]:
        found = self.sources(variable)
        return tuple(len(found[a]) if a in found else n for a, n in enumerate(variable.shape))

    def _parameter(self, leaf: nn.Variable) -> nn.Variable:
        if leaf.data not in self.couplings.labels.parameters or not self.sources(leaf):
            return leaf
        if leaf.data not in self.made:
            values = np.ascontiguousarray(self.values(leaf))
            name = self.couplings.path(leaf)
            self.made[leaf.data] = constant(values, name, leaf.need_grad)
        return self.made[leaf.data]
