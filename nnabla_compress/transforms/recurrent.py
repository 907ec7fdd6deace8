# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's recurrent functions, written out step by step with layers whose weights are parameters.

``F.rnn``, ``F.lstm`` and ``F.gru`` keep all their weights to themselves, and small runtimes lack
them. Their steps are products with one matrix, a few gates, and what is handed on.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    MutableMapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.function_types import RECURRENT
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild

# Written out, a step is some ten functions.
MOST_STEPS = 512
_HAS_CELL = ("LSTM",)
# Rows of the matrix of a direction, in units of the hidden size.
_GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}

State = List[nn.Variable]
Step = Callable[[nn.Variable, State], State]


def recurrent_as_layers(
    outputs: Sequence[nn.Variable],
    parameters: Mapping[str, nn.Variable],
    kept: MutableMapping[str, nn.Variable],
) -> Tuple[List[nn.Variable], Dict[str, nn.Variable]]:
    """Builds a graph again with each RNN, LSTM and GRU written out in steps of Affine layers.

    Functions of more than ``MOST_STEPS`` steps stay, and those whose weights are computed.

    Args:
        outputs: Variables of one graph.
        parameters: Its parameters by path.
        kept: Parameters that were made for an earlier graph, by path; they are used again, and new
            ones added, so that all graphs of a network share them.

    Returns:
        The new outputs, and the parameters by path.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x, h = nn.Variable((3, 2, 4)), nn.Variable((1, 1, 2, 5))
        >>> y, _ = PF.rnn(x, h, training=False, name="r")
        >>> (z,), found = recurrent_as_layers([y], nn.get_parameters(), {})
        >>> [f.info.type_name for f in functions([z])].count("Affine"), sorted(found)
        (3, ['r/rnn/bias_l0', 'r/rnn/weight_l0'])
    """
    if not any(function.info.type_name in RECURRENT for function in functions(outputs)):
        return list(outputs), dict(parameters)
    work = _Recurrent(parameters, kept)
    made = rebuild(outputs, work.replace)
    left = {path: p for path, p in parameters.items() if path not in work.written_out}
    return made, {**left, **work.made}


class _Recurrent:
    """The recurrent functions of one graph."""

    def __init__(
        self, parameters: Mapping[str, nn.Variable], kept: MutableMapping[str, nn.Variable]
    ) -> None:
        self._paths = {variable.data: path for path, variable in parameters.items()}
        self._kept = kept
        self.made: Dict[str, nn.Variable] = {}
        self.written_out: Set[str] = set()

    def replace(self, function: Any, inputs: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        """Returns the outputs of a recurrent function, written out; None for other functions."""
        type_name = function.info.type_name
        if type_name not in RECURRENT or function.inputs[0].shape[0] > MOST_STEPS:
            return None
        states = 2 if type_name in _HAS_CELL else 1
        x, weights = inputs[0], function.inputs[1 + states :]
        if not all(weight.data in self._paths and weight.parent is None for weight in weights):
            return None
        self.written_out.update(self._paths[weight.data] for weight in weights)
        args = function.info.args
        directions = 2 if args["bidirectional"] else 1
        starts = [_per_cell(state) for state in inputs[1 : 1 + states]]
        rows = list(F.split(x, axis=0)) if x.shape[0] > 1 else [F.reshape(x, (-1, x.shape[2]))]
        ends: List[State] = []
        for layer in range(int(args["num_layers"])):
            found: List[List[nn.Variable]] = []
            for direction in range(directions):
                start = [state[len(ends)] for state in starts]
                step = self._step(function, weights, layer, direction)
                made, end = _run(step, rows[::-1] if direction else rows, start)
                found.append(made[::-1] if direction else made)
                ends.append(end)
            rows = [
                F.concatenate(*each, axis=1) if directions > 1 else each[0] for each in zip(*found)
            ]
            if args.get("dropout") and args.get("training") and layer + 1 < args["num_layers"]:
                rows = [F.dropout(each, args["dropout"]) for each in rows]
        shape = function.outputs[1].shape
        last = [_together([end[number] for end in ends], shape) for number in range(states)]
        return [F.stack(*rows, axis=0), *last]

    def _step(
        self, function: Any, weights: Sequence[nn.Variable], layer: int, direction: int
    ) -> Step:
        """One step of one direction of one layer."""
        type_name, args = function.info.type_name, function.info.args
        several = int(args["num_layers"]) > 1
        weight = weights[0] if layer == 0 else weights[1]
        bias = weights[1 + several] if len(weights) > 1 + several else None
        matrix = np.array(weight.d[direction] if layer == 0 else weight.d[layer - 1, direction])
        hidden = matrix.shape[-2]
        matrix = matrix.reshape(_GATES[type_name] * hidden, -1)
        shifts = None if bias is None else np.array(bias.d[layer, direction]).reshape(-1, hidden)
        back = "_back" if direction else ""
        # The path of the first layer's weights says already which they are.
        name, end = back if layer == 0 else f"_l{layer}{back}", f"_l{layer}{back}"

        def parameters(part: str, values: np.ndarray, shift: Optional[np.ndarray]) -> List[Any]:
            made = [self._parameter(weight, name + part, values.T)]
            if shift is not None:
                made.append(self._parameter(bias, end + part, shift.ravel()))
            return made

        if type_name == "GRU":
            gates, new = matrix[: 2 * hidden], matrix[2 * hidden :]
            wide = matrix.shape[1] - hidden
            parts = [None] * 3 if shifts is None else [shifts[:2], shifts[2:3], shifts[3:]]
            return _gru_step(
                parameters("_gates", gates, parts[0]),
                parameters("_input", new[:, :wide], parts[1]),
                parameters("_state", new[:, wide:], parts[2]),
                hidden,
            )
        own = parameters("", matrix, shifts)
        if type_name == "LSTM":
            return _lstm_step(own, hidden)
        activation = F.tanh if args["nonlinearity"] == "tanh" else F.relu

        def rnn(x: nn.Variable, state: State) -> State:
            return [activation(F.affine(F.concatenate(x, state[0], axis=1), *own))]

        return rnn

    def _parameter(self, source: Any, name: str, values: np.ndarray) -> nn.Variable:
        path = self._paths[source.data] + name
        if path not in self._kept:
            self._kept[path] = constant(values, path, source.need_grad)
        self.made[path] = self._kept[path]
        return self._kept[path]


def _lstm_step(own: Sequence[nn.Variable], hidden: int) -> Step:
    def step(x: nn.Variable, state: State) -> State:
        h, c = state
        gates = F.affine(F.concatenate(x, h, axis=1), *own)
        i, f, g, o = F.split(F.reshape(gates, (-1, 4, hidden), inplace=False), axis=1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
        return [F.sigmoid(o) * F.tanh(c), c]

    return step


def _gru_step(
    gates: Sequence[nn.Variable],
    of_input: Sequence[nn.Variable],
    of_state: Sequence[nn.Variable],
    hidden: int,
) -> Step:
    def step(x: nn.Variable, state: State) -> State:
        (h,) = state
        both = F.sigmoid(F.affine(F.concatenate(x, h, axis=1), *gates))
        r, z = F.split(F.reshape(both, (-1, 2, hidden), inplace=False), axis=1)
        n = F.tanh(F.affine(x, *of_input) + r * F.affine(h, *of_state))
        return [n + z * (h - n)]

    return step


def _run(step: Step, rows: Sequence[nn.Variable], state: State) -> Tuple[State, State]:
    """The first state after each step, and all states after the last."""
    found = []
    for x in rows:
        state = step(x, state)
        found.append(state[0])
    return found, state


def _per_cell(state: nn.Variable) -> List[nn.Variable]:
    """The states (samples, hidden) of a variable (layers, directions, samples, hidden)."""
    layers, directions, samples, hidden = state.shape
    parent = state.parent
    if parent is not None and parent.info.type_name == "Constant":
        value = parent.info.args["val"]
        return [F.constant(value, (samples, hidden)) for _ in range(layers * directions)]
    if layers * directions == 1:
        return [F.reshape(state, (-1, hidden), inplace=False)]
    flat = F.reshape(state, (layers * directions, -1, hidden), inplace=False)
    return list(F.split(flat, axis=0))


def _together(states: Sequence[nn.Variable], shape: Sequence[int]) -> nn.Variable:
    """States (samples, hidden) as a variable (layers, directions, samples, hidden)."""
    stacked = F.stack(*states, axis=0)
    return F.reshape(stacked, (shape[0], shape[1], -1, shape[3]), inplace=False)
