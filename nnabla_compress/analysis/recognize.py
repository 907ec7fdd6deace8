# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recognizing quantizers that an export wrote as native functions, and putting nodes back.

An export turns a quantizer of activations into scalings, clips, roundings and signs, whose
constants still tell steps, ranges and bits. With nodes in their place a graph from a file is read
like one that was just rewritten.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import log2
from typing import Any, List, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import NON_NEGATIVE
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers.affine import LARGEST_SCALE, SMALLEST_SCALE, Affine
from nnabla_compress.quantizers.dorefa import DoReFa
from nnabla_compress.quantizers.pow2 import Pow2
from nnabla_compress.quantizers.uniform import LARGEST_STEP, SMALLEST_STEP, Uniform
from nnabla_compress.quantizers.unit_range import activation_step

_MOST_CODES = 2.0**32
_MOST_CHANNELS = 2**16


@dataclass(frozen=True)
class Codes:
    """Whole codes times a step.

    Args:
        tensor: What is quantized.
        low: The smallest code.
        high: The largest code.
        steps: The step, (1,), or one for each index of ``axis``.
        axis: None for one step.
        scaled: What the tensor is multiplied by before it is rounded; 1 over the step, except where
            the values are scaled to another range on the way.
    """

    tensor: nn.Variable
    low: int
    high: int
    steps: np.ndarray
    axis: Optional[int] = None
    scaled: Optional[np.ndarray] = None

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return (self.high - self.low).bit_length()


@dataclass(frozen=True)
class Powers:
    """Powers of two from ``q_min`` to ``q_max``.

    Args:
        tensor: What is quantized.
        q_min: The smallest magnitude besides 0.
        q_max: The largest one.
        signed: Whether there are negative values.
        zero: Whether there is 0.
    """

    tensor: nn.Variable
    q_min: float
    q_max: float
    signed: bool
    zero: bool

    @property
    def bits(self) -> int:
        """Bits of a code, with those for sign and zero."""
        span = int(round(log2(self.q_max / self.q_min)))
        return span.bit_length() + int(self.signed) + int(self.zero)


def recognize(function: Any) -> Union[Codes, Powers, None]:
    """Returns what the functions that end in ``function`` quantize to, None if it is no quantizer.

    Args:
        function: A function of a graph of native functions.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((1, 4))
        >>> y = F.round(F.minimum_scalar(F.relu(x * 8), 15)) * 0.125
        >>> found = recognize(y.parent)
        >>> found.low, found.high, found.steps.tolist(), found.bits, found.tensor == x
        (0, 15, [0.125], 4, True)
    """
    if function.info.type_name == "Mul2":
        return _powers(function) or _codes(function)
    return _codes(function) if function.info.type_name == "MulScalar" else None


def with_nodes(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds the graph again with a node in the place of each quantizer that is recognized.

    The new graph computes the same values. Codes between other bounds than our
    quantizers have stay as they are.

    Args:
        outputs: Variables of one graph.

    Returns:
        The new outputs; steps and ranges are in no parameter scope.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.graph import functions
        >>> y = F.round(F.minimum_scalar(F.relu(nn.Variable((1, 4))) * 8, 15)) * 0.125
        >>> [function.info.type_name for function in functions(with_nodes([y]))]
        ['ReLU', 'nnabla_compress.Uniform']
    """

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if function.info.type_name not in ("MulScalar", "Mul2"):
            return None
        made = clone(function, inputs)
        node = _node(recognize(made[0].parent))
        return made if node is None else [node]

    return rebuild(outputs, replace)


def _node(found: Union[Codes, Powers, None]) -> Optional[nn.Variable]:
    if found is None:
        return None
    made: Any
    try:
        if isinstance(found, Powers):
            made = Pow2(found.bits, found.signed, found.zero)
            values = [np.array([found.q_min]), np.array([found.q_max])]
        elif _is_uniform(found):
            learn = "d_qmax" if found.axis is None else None
            made = Uniform(found.bits, found.low < 0, learn, axis=found.axis)
            values = [found.steps, found.steps * found.high][: 2 if learn else 1]
        elif _is_affine(found):
            made = Affine(found.bits, symmetric=False, axis=found.axis)
            values = [found.steps, np.full(found.steps.shape, -found.low)]
        elif _is_of_unit_range(found):
            made, values = DoReFa(found.bits), []
        else:
            return None
    except ConfigError:  # more bits than ours have
        return None
    args = dict(asdict(made), name="", tensor="")
    constants = [nn.Variable.from_numpy_array(value.astype(np.float32)) for value in values]
    return made.node_type(type(made), args, [found.tensor, *constants]).node()  # type: ignore[no-any-return]


def _is_uniform(found: Codes) -> bool:
    """Whether a uniform quantizer rounds to the same values."""
    return (
        found.low in (0, -found.high)
        and (found.axis is None or 2 ** (found.bits - (found.low < 0)) - 1 == found.high)
        and _scaled_by_steps(found, SMALLEST_STEP, LARGEST_STEP)
    )


def _is_affine(found: Codes) -> bool:
    """Whether an affine quantizer with a zero point rounds to the same values."""
    return (
        found.low <= 0 <= found.high
        and found.high - found.low == 2**found.bits - 1
        and _scaled_by_steps(found, SMALLEST_SCALE, LARGEST_SCALE)
    )


def _is_of_unit_range(found: Codes) -> bool:
    """Whether a quantizer from 0 to 1 rounds to the same values."""
    levels = 2**found.bits - 1
    return (
        found.axis is None
        and (found.low, found.high) == (0, levels)
        and found.scaled is not None
        and bool((found.scaled == levels).all())
        and found.steps[0] == activation_step(found.bits)
    )


def _scaled_by_steps(found: Codes, smallest: float, largest: float) -> bool:
    """Whether the tensor is divided by steps that a quantizer of ours can have."""
    scaled = np.float32(1) / found.steps if found.scaled is None else found.scaled
    steps = found.steps
    return bool(
        np.array_equal(scaled, np.float32(1) / steps)
        and (steps >= smallest).all()
        and (steps <= largest).all()
    )


def _codes(function: Any) -> Optional[Codes]:
    factor = _factor(function)
    if factor is None:
        return None
    h, steps, axis = factor
    usable = bool(np.isfinite(steps).all() and (steps > 0).all())
    if h.parent is None or h.parent.info.type_name != "Round" or not usable:
        return None
    low, high = -np.inf, np.inf
    h = h.parent.inputs[0]
    while h.parent is not None and h.parent.info.type_name in (
        *("MinimumScalar", "MaximumScalar", "ReLU"),
    ):
        type_name = h.parent.info.type_name
        if type_name == "MinimumScalar":
            high = min(high, h.parent.info.args["val"])
        else:
            low = max(low, h.parent.info.args.get("val", 0.0))
        h = h.parent.inputs[0]
    scaling = _factor(h.parent)
    scaled = np.ones(1, np.float32)
    if scaling is not None and (scaling[2] == axis or axis is None) and (scaling[1] > 0).all():
        h, scaled, _ = scaling
    h, positive = _non_negative(h)
    low = max(low, 0.0) if positive else low
    if not 0 <= high - low < _MOST_CODES:
        return None
    return Codes(h, round(low), round(high), steps, axis, scaled)


def _powers(function: Any) -> Optional[Powers]:
    for power, quotient in (function.inputs, function.inputs[::-1]):
        inside = _inside(quotient)
        if inside is None or inside.parent.inputs[0].parent is None:
            continue
        raised = inside.parent.inputs[0].parent
        size = raised.inputs[0]
        if raised.info.type_name != "MaximumScalar" or size.parent is None:
            continue
        q_min, q_max = raised.info.args["val"], inside.parent.info.args["val"]
        if not 0 < q_min < 2 * q_max < 2.0**64:
            continue
        signed = size.parent.info.type_name == "Abs"
        tensor = size.parent.inputs[0] if signed else _non_negative(size)[0]
        exponents = [2.0 ** round(log2(value)) for value in (q_min, q_max)]
        return Powers(tensor, exponents[0], exponents[1], signed, _has_zero(power, signed))
    return None


def _inside(quotient: nn.Variable) -> Optional[nn.Variable]:
    """The clipped magnitude, if a variable is the quotient of this by itself."""
    if quotient.parent is None or quotient.parent.info.type_name != "Div2":
        return None
    over, under = (_behind_identity(variable) for variable in quotient.parent.inputs)
    clipped = over.parent is not None and over.parent.info.type_name == "MinimumScalar"
    return over if over == under and clipped else None


def _has_zero(power: nn.Variable, signed: bool) -> bool:
    """Whether the power of two is multiplied by (sign + 1) / 2: 0 below a threshold."""
    if signed and power.parent is not None and power.parent.info.type_name == "Mul2":
        power = power.parent.inputs[0]
    if power.parent is None or power.parent.info.type_name != "Mul2":
        return False
    half = power.parent.inputs[1].parent
    return (
        half is not None
        and half.info.type_name == "AddScalar"
        and half.info.args["val"] == 0.5
        and half.inputs[0].parent is not None
        and half.inputs[0].parent.info.args.get("val") == 0.5
    )


def _factor(function: Any) -> Optional[Tuple[nn.Variable, np.ndarray, Optional[int]]]:
    """What a function multiplies by a constant: the variable, the constant and its axis."""
    if function is None:
        return None
    if function.info.type_name == "MulScalar":
        return function.inputs[0], np.array([function.info.args["val"]], np.float32), None
    if function.info.type_name != "Mul2":
        return None
    for h, factor in (function.inputs, function.inputs[::-1]):
        long = [axis for axis, size in enumerate(factor.shape) if size > 1]
        if factor.parent is not None or factor.ndim != h.ndim or factor.size > _MOST_CHANNELS:
            continue
        if len(long) <= 1:
            axis = long[0] if long else None
            return h, np.array(factor.d, np.float32).ravel(), axis
    return None


def _non_negative(h: nn.Variable) -> Tuple[nn.Variable, bool]:
    """Whether nothing negative comes in; a ReLU behind another such function adds nothing."""
    positive = False
    while h.parent is not None and h.parent.info.type_name in NON_NEGATIVE:
        before = h.parent.inputs[0]
        positive = True
        if h.parent.info.type_name != "ReLU" or before.parent is None:
            break
        if before.parent.info.type_name not in NON_NEGATIVE:
            break
        h = before
    return h, positive


def _behind_identity(h: nn.Variable) -> nn.Variable:
    while h.parent is not None and h.parent.info.type_name == "Identity":
        h = h.parent.inputs[0]
    return h
