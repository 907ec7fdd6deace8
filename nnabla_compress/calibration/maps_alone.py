# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizing each feature map alone adds to the outputs, on one graph for all maps.

A graph a map would take time by the square of their number. Samples of small networks are
repeated in one batch, another map quantized in each repetition.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, List, Mapping, Sequence, Tuple
from weakref import WeakValueDictionary

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import stored_maps
from nnabla_compress.calibration.observe import Computation
from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.graph import register_python_function
from nnabla_compress.graph.batches import few_rows, rows_of
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.graph.rows_apart import rows_apart
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers import Quantizer, quantizer_of
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.transforms.insert_map_quantizers import in_scope

# Arguments of functions are copied, so nodes say by a number whose turn they ask for.
_CHOICES: WeakValueDictionary[int, _Choice] = WeakValueDictionary()


class _Choice:
    """Which maps are quantized in a pass: each in other rows of the batch.

    Args:
        nodes: Their quantizers by name.
    """

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._ends: Dict[Tuple[str, Tuple[int, ...]], Tuple[nn.Variable, nn.Variable]] = {}
        self.names: Sequence[str] = ()
        self.repetitions = 1
        _CHOICES[id(self)] = self

    def apply(self, name: str, values: np.ndarray) -> None:
        """Quantizes the rows of a map in place, if it is its turn."""
        if name not in self.names:
            return
        rows = values.reshape(self.repetitions, -1)[self.names.index(name)]
        shape = (len(values) // self.repetitions, *values.shape[1:])
        if (name, shape) not in self._ends:
            x, node = nn.Variable(shape), self._nodes[name]
            with nn.parameter_scope("", OrderedDict()), nn.auto_forward(False):
                made = in_scope(options_of(node), x, name)
            give_state(made.parent, node)
            self._ends[name, shape] = x, made
        x, made = self._ends[name, shape]
        x.d = rows.reshape(shape)
        made.forward()
        rows[...] = made.d.reshape(-1)
        for variable in (x, made):
            variable.data.clear()


class _Alone(ArgumentsFunction):
    """A map as it is, but for the rows in which it is its turn to be quantized."""

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        out = host_array(outputs[0].data, np.float32, overwrite=True)
        out[...] = host_array(inputs[0].data, np.float32)
        _CHOICES[self.args["choice"]].apply(self.args["map"], out)


register_python_function(_Alone.graph_type(), lambda args, inputs: _Alone(args)(*inputs))


def options_of(node: Any) -> Quantizer:
    """Returns the quantizer that a node was made by.

    Args:
        node: A quantizer's node.
    """
    kind = quantizer_of(node)
    assert kind is not None
    return kind.of(node.info.args)


def give_state(node: Any, of: Any) -> None:
    """Gives a quantizer's node what another one has learned.

    Args:
        node: A node; its parameters change.
        of: The other one.
    """
    for variable, other in zip(node.inputs[1:], of.inputs[1:]):
        variable.d = other.d


def energy(computed: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Returns the energy of the differences of outputs, their means left out.

    Args:
        computed: For each output an array (rows, ...).
        expected: Likewise.

    Example:
        >>> energy([np.float32([[1], [3]])], [np.float32([[0], [0]])])
        2.0
    """
    noise = 0.0
    for y, q in zip(expected, computed):
        error = q.astype(np.float64) - y
        noise += float(np.square(error - error.mean(axis=0)).sum())
    return noise


def noise_alone(
    plain: Network,
    nodes: Mapping[str, Any],
    samples: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
) -> Dict[str, float]:
    """Returns the energy of what quantizing each map alone adds to the outputs.

    Args:
        plain: The float network.
        nodes: Quantizers of its maps, calibrated, by the names of the maps.
        samples: Arrays (rows, ...) for its inputs.
        expected: What it computes of them.
    """
    inputs = plain.all_inputs
    with plain.within():
        maps = stored_maps(plain.all_outputs, inputs)
    named = {found.variable: found.name for found in maps if found.name in nodes}
    choice = _Choice(nodes)

    def alone(variable: nn.Variable, name: str) -> nn.Variable:
        return _Alone({"map": name, "choice": id(choice)})(variable)

    def replace(function: Any, arguments: List[nn.Variable]) -> Any:
        if not any(variable in named for variable in function.outputs):
            return None
        return [
            alone(new, named[old]) if old in named else new
            for old, new in zip(function.outputs, clone(function, arguments))
        ]

    with nn.auto_forward(False):
        leaves = {v: alone(v, name) for v, name in named.items() if v.parent is None}
        outputs = rebuild(plain.all_outputs, replace, leaves)
    count, names = len(samples[0]), list(named.values())
    at_once = 1
    if rows_apart(inputs, plain.all_outputs):
        at_once = _at_once(outputs, inputs, count, len(names))
    repeated = [np.concatenate([array] * at_once) for array in samples]
    computation = Computation(outputs, inputs, repeated, count * at_once)
    choice.repetitions = at_once
    found: Dict[str, float] = {}
    starts = range(0, len(names), at_once)
    for start in tracked("weighing feature maps", starts, len(starts)):
        choice.names = names[start : start + at_once]
        computed = computation()
        for number, name in enumerate(choice.names):
            rows = slice(number * count, (number + 1) * count)
            found[name] = energy([values[rows] for values in computed], expected)
    return found


def _at_once(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], count: int, most: int
) -> int:
    """How often all samples can stand in a batch of a network that computes rows apart."""
    found = max(1, few_rows(outputs, inputs, count * most) // count)
    return found if rows_of(outputs, inputs, count * found) == count * found else 1
