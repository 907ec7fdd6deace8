# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which functions of a network give the same values in NNabla and on the C runtime, by proof.

One float operation for each element (a product, a sum, a rounding) is the same everywhere. A sum of
many products is not, because every implementation adds in an order of its own, unless each partial
sum is exact: where all terms are whole multiples of one power of two and their magnitudes add up to
at most 2**24 of it. So the range and the grid of every tensor are followed through the graph.

The same values are not quite the same bits: where all terms of a sum are -0, who starts with the
first of them gets -0, who starts with 0 gets +0. Of what follows only a division tells these apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.analysis.value_sets import ANY, SIGNS, Values, union
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.rewrite import functions

_AT_ONCE = 1 << 18  # numbers
Rule = Callable[[Any, Sequence[Values]], Values]


@dataclass(frozen=True)
class Inexact:
    """A function whose values depend, mostly in the last bits, on who computes it.

    Args:
        function: The function of the graph.
        reason: Why.
    """

    function: Any
    reason: str


class Exactness:
    """Follows the values of a graph's tensors from its inputs on.

    Args:
        inputs: The network's inputs, which may be anything; all other leaves are constants.
        deferred: Values of constants that are not in memory.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((1, 4)), nn.Variable.from_numpy_array(np.ones((4, 2), np.float32))
        >>> exactness = Exactness([x])
        >>> codes = F.minimum_scalar(F.round(F.relu(x)), 15)
        >>> exactness.values(codes)
        Values(low=0.0, high=15.0, exponent=0)
        >>> [exactness.inexact([y]) == [] for y in (F.affine(codes, w), F.affine(x, w))]
        [True, False]
    """

    def __init__(
        self, inputs: Collection[nn.Variable], deferred: Optional[Deferred] = None
    ) -> None:
        self._deferred = deferred or Deferred()
        self._values: Dict[nn.Variable, Values] = dict.fromkeys(inputs, ANY)
        self._dynamic = set(inputs)
        self._reasons: Dict[Any, str] = {}
        self._last: Dict[nn.Variable, np.ndarray] = {}

    def values(self, variable: nn.Variable) -> Values:
        """Returns what a variable of a graph can hold."""
        if variable in self._values:
            return self._values[variable]
        codes = self._deferred.codes.get(variable.data) if variable.parent is None else None
        source = self._deferred.decoded.get(variable) or codes
        if source is not None:
            self._values[variable] = Values.of_pieces(source.make())
        elif variable.parent is None:
            self._values[variable] = Values.of(self._constant(variable))
        else:
            for function in functions([variable], stop=[*self._values, *self._deferred.decoded]):
                self._follow(function)
        return self._values[variable]

    def know(self, function: Any, values: Values) -> None:
        """Takes what a layer can hold from who has added up its weights.

        Args:
            function: The layer.
            values: Of its outputs, whose sums are exact.
        """
        self._dynamic.update(function.outputs)
        self._values.update(dict.fromkeys(function.outputs, values))

    def is_constant(self, variable: nn.Variable) -> bool:
        """Returns whether no input of the network changes a variable."""
        self.values(variable)
        return variable not in self._dynamic

    def inexact(self, outputs: Sequence[nn.Variable]) -> List[Inexact]:
        """Returns the functions of a graph whose values are not certain, in order of execution.

        Args:
            outputs: Variables of the graph.
        """
        order = functions(outputs, stop=list(self._deferred.decoded))
        for function in order:
            for variable in function.outputs:
                self.values(variable)
        return [
            Inexact(function, self._reasons[function])
            for function in order
            if function in self._reasons
        ]

    def _constant(self, variable: nn.Variable) -> np.ndarray:
        """The values of a variable that no input changes."""
        source = self._deferred.decoded.get(variable) or self._deferred.codes.get(variable.data)
        if source is None and not self._needs_deferred(variable):
            return np.asarray(variable.d)
        parent = variable.parent
        if source is None and parent.info.type_name == "Slice":
            args = parent.info.args
            whole = self._constant(parent.inputs[0])
            cuts = [slice(*cut) for cut in zip(args["start"], args["stop"], args["step"])]
            return whole[(slice(None),) * (whole.ndim - len(cuts)) + tuple(cuts)]
        if variable not in self._last:  # parts of a weight are asked for one after the other
            self._last.clear()
            if source is not None:
                self._last[variable] = source.array(_smallest_type(self.values(variable)))
            else:
                made, fill = self._deferred.runnable([variable])
                self._last[variable] = run((), made, (), fill)[0]
        return self._last[variable]

    def _needs_deferred(self, variable: nn.Variable) -> bool:
        """Whether a constant is computed from some whose values are not in memory."""
        known = {*self._deferred.codes}
        order = functions([variable]) if known else ()
        return any(read.data in known for function in order for read in function.inputs)

    def _follow(self, function: Any) -> None:
        if all(variable in self._values for variable in function.outputs):
            return
        inputs = list(function.inputs)
        known = [self.values(variable) for variable in inputs]
        type_name = function.info.type_name
        reason = ""
        if type_name in WEIGHTED or type_name in _SUMS:
            values, reason = self._sum(function, known)
        elif type_name in _DIVISORS and self._may_be_zero(inputs[_DIVISORS[type_name]]):
            values, reason = ANY, "it divides by what may be zero, which has no certain sign"
        elif type_name in _RULES:
            values = _RULES[type_name](function, known)
        else:
            values, reason = ANY, "it is computed by library functions or in an order of its own"
        if reason:
            self._reasons[function] = reason
        if any(variable in self._dynamic for variable in inputs):
            self._dynamic.update(function.outputs)
            self._values.update(dict.fromkeys(function.outputs, values))
        else:
            for variable in function.outputs:
                if not self._needs_deferred(variable):
                    variable.forward()
                self._values[variable] = Values.of(self._constant(variable))

    def _may_be_zero(self, variable: nn.Variable) -> bool:
        values = self.values(variable)
        if self.is_constant(variable):
            return not np.all(self._constant(variable))
        return values.low <= 0 <= values.high

    def _sum(self, function: Any, known: Sequence[Values]) -> Tuple[Values, str]:
        """The values of a sum of products, and why it is not exact ("" if it is)."""
        type_name, x = function.info.type_name, known[0]
        unit: Optional[int] = 0
        weights = 1.0
        if type_name in WEIGHTED:
            weight = function.inputs[WEIGHT]
            if not self.is_constant(weight) or type_name == "Embed":
                return ANY, "its weight depends on the input"
            unit, weights = known[WEIGHT].exponent, largest_sum(function, self._constant(weight))
        else:
            weights = float(_taps(function))
        if x.exponent is None or unit is None:
            return ANY, "it adds floats, in an order of its own"
        if type_name in WEIGHTED:
            total = Values(-x.peak * weights, x.peak * weights, x.exponent + unit)
        else:
            total = Values(min(0.0, x.low * weights), max(0.0, x.high * weights), x.exponent)
        if not total.exact:
            return ANY, f"its sums may reach {total.units:,.0f}, exact are those up to 2^24"
        if type_name == "AveragePooling":
            return _average(function, total, int(weights)), ""
        if len(known) > BIAS:
            total = total + known[BIAS]
        return total, ""


def _smallest_type(values: Values) -> Any:
    """A type that holds numbers, and their magnitudes, in fewer bytes than floats if one does."""
    whole = values.exponent is not None and values.exponent >= 0
    types = (kind for kind in (np.int8, np.int16) if values.peak <= np.iinfo(kind).max)
    return next(types, np.float32) if whole else np.float32


def largest_sum(function: Any, weight: np.ndarray) -> float:
    """Returns the largest sum of magnitudes of the weights that meet in one output of a layer.

    Args:
        function: The layer.
        weight: Its weight, or the codes of it.

    Example:
        >>> import nnabla.functions as F
        >>> y = F.affine(nn.Variable((1, 2)), nn.Variable((2, 2)))
        >>> largest_sum(y.parent, np.array([[1, -4], [-2, 2]]))
        6.0
    """
    type_name, largest = function.info.type_name, 0.0
    if type_name == "Deconvolution":
        group = function.info.args["group"]
        inputs, channels = weight.shape[:2]
        magnitudes = np.abs(weight.astype(np.float64))
        sums = magnitudes.reshape(group, inputs // group, channels, -1).sum(axis=(1, 3))
        return float(sums.max()) if sums.size else 0.0
    # A part of the outputs at a time, since float64 takes twice what the weight does.
    axis = weight.ndim - 1 if type_name == "Affine" else 0
    step = max(1, _AT_ONCE * weight.shape[axis] // max(1, weight.size))
    for start in range(0, weight.shape[axis], step):
        part = weight[(slice(None),) * axis + (slice(start, start + step),)]
        magnitudes = np.abs(part.astype(np.float64))
        if type_name == "Affine":
            sums = magnitudes.sum(axis=0)
        else:
            sums = magnitudes.reshape(len(part), -1).sum(axis=1)
        largest = max(largest, float(sums.max()) if sums.size else 0.0)
    return largest


def _taps(function: Any) -> int:
    args, shape = function.info.args, function.inputs[0].shape
    if function.info.type_name == "Sum":
        return int(np.prod([shape[axis] for axis in args["axes"]]))
    return int(np.prod(args["kernel"]))


def whole_windows(function: Any) -> bool:
    """Returns whether all windows of an average pooling divide by the size of the kernel.

    Args:
        function: An AveragePooling of a graph.
    """
    args = function.info.args
    padded = any(args["pad"])
    if padded and not args["including_pad"]:
        return False
    sizes = function.inputs[0].shape[-len(args["kernel"]) :]
    steps = zip(sizes, args["kernel"], args["stride"], args["pad"])
    rooms = [(size + 2 * pad - kernel, stride) for size, kernel, stride, pad in steps]
    if any(room < 0 for room, _ in rooms):  # a window larger than the map, which NNabla allows
        return False
    return args["ignore_border"] or all(room % stride == 0 for room, stride in rooms)


def _average(function: Any, total: Values, count: int) -> Values:
    low, high = min(total.low, 0.0) / count, max(total.high, 0.0) / count
    if not whole_windows(function):  # fewer taps at the border: up to the values themselves
        return Values(low * count, high * count, None)
    if total.exponent is None or count & (count - 1):
        return Values(low, high, None)
    return Values(low, high, total.exponent - count.bit_length() + 1)


def _scalar(combine: Callable[[Values, Values], Values]) -> Rule:
    return lambda function, known: combine(known[0], _number(function, "val"))


def _number(function: Any, key: str) -> Values:
    """A number among a function's arguments, as float32 holds it."""
    return Values.of(np.array(function.info.args[key], np.float32))


def _pad(function: Any, known: Sequence[Values]) -> Values:
    if function.info.args["mode"] != "constant":
        return known[0]
    return union([known[0], _number(function, "constant_value")])


def _divide(function: Any, known: Sequence[Values]) -> Values:
    same = function.inputs[0] == function.inputs[1] and (known[0].low > 0 or known[0].high < 0)
    return Values(1.0, 1.0, 0) if same else ANY


def _sign(function: Any, known: Sequence[Values]) -> Values:
    return union([SIGNS, _number(function, "alpha")])


def _first(function: Any, known: Sequence[Values]) -> Values:
    return known[0]


def _all(function: Any, known: Sequence[Values]) -> Values:
    return union(known)


def _any(function: Any, known: Sequence[Values]) -> Values:
    return ANY


_SUMS = ("AveragePooling", "SumPooling", "Sum")
_DIVISORS = {"Div2": 1, "RDivScalar": 0}  # which input a function divides by
# What one float operation for each element, or none, makes of values.
_RULES: Dict[str, Rule] = {
    **dict.fromkeys(("MaxPooling", "Reshape", "Transpose", "Slice", "Identity", "Flip"), _first),
    **dict.fromkeys(("Split", "Shift", "MatrixDiagPart"), _first),
    **dict.fromkeys(("Concatenate", "Stack"), _all),
    **dict.fromkeys(("Unpooling",), _first),
    **dict.fromkeys(("LeakyReLU", "PReLU", "RSubScalar", "RDivScalar", "CReLU"), _any),
    "MatrixDiag": lambda function, known: union([known[0], Values(0.0, 0.0, 0)]),
    "Pad": _pad,
    "ReLU": lambda function, known: known[0].at_least(Values(0.0, 0.0, 0)),
    "Abs": lambda function, known: known[0].magnitude(),
    "Sign": _sign,
    "Round": lambda function, known: known[0].to_integers(),
    "Add2": lambda function, known: known[0] + known[1],
    "Sub2": lambda function, known: known[0] + known[1].negative(),
    "Mul2": lambda function, known: known[0] * known[1],
    "Div2": _divide,
    "Maximum2": lambda function, known: known[0].at_least(known[1]),
    "Minimum2": lambda function, known: known[0].at_most(known[1]),
    "MulScalar": _scalar(lambda x, v: x * v),
    "AddScalar": _scalar(lambda x, v: x + v),
    "MaximumScalar": _scalar(lambda x, v: x.at_least(v)),
    "MinimumScalar": _scalar(lambda x, v: x.at_most(v)),
}
