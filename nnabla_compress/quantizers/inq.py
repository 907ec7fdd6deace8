# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Incremental network quantization: weights become powers of two, a portion at a time.

With b bits the values are 0 and the signed powers of two from 2**n2 to 2**n1::

    n1 = log2 of the largest |w|, rounded up from 1.5 times a power of two on
    n2 = n1 + 1 - 2**(b - 2)

and |w| < 2**(n2 - 1) becomes 0, every other one the nearest power between n2 and n1. At each
iteration of the schedule half of the free weights is fixed, at the last one all of them. Fixed
weights have no gradient, and are what they were fixed to after each update, whatever momentum and
weight decay did. Where this deviates from NNabla's function, on purpose:

* The range is settled when the first weights are fixed; NNabla settles it in each forward pass, so
  that a free weight that grows makes small fixed ones zero.
* The counter counts updates, not forward passes of one of several graphs, and is a parameter, as
  are the fixed weights: what is saved goes on where it was.
* The parameter W holds the fixed values after each update, not only after the next forward pass.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, List, Mapping, Optional, Sequence, Tuple, Type, Union

import nnabla as nn
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import (
    QuantizerFunction,
    register,
    require_parameter,
    scope_name,
)
from nnabla_compress.quantizers.engine import add_gradient, array, byte_parameter, host_array
from nnabla_compress.quantizers.given import GivenQuantizer
from nnabla_compress.quantizers.learned import require_choice
from nnabla_compress.quantizers.lut import finite_values

FREE = 255
"""Code of a weight that is not fixed yet."""

MOST_BITS = 8
"""Most bits of a weight."""

_PORTIONS = 4
_EARLY = 0.5  # part of the training
_MOST_VALUES = 256
_LOWEST = -126  # exponent of the smallest float32 of full precision


@register
@dataclass(frozen=True)
class INQ(GivenQuantizer):
    """Powers of two and zero, to which the weights are fixed a portion at a time.

    Where nothing is trained, all weights are fixed at once.

    Args:
        bits: Bits of a weight, 2 to 8: 2**(bits - 1) + 1 values.
        iterations: Updates before which a portion is fixed, ascending: half of the free weights,
            at the last one all of them. A list, or text such as ``100+200+300``. Default: at the
            start and after each quarter of the training.
        selection: Which are fixed first: ``"largest_abs"`` or ``"random"``.
        seed: Of the random selection.

    Raises:
        ConfigError: If an option is out of its range.

    References:
        A. Zhou et al., Incremental network quantization: towards lossless CNNs with low-precision
        weights, arXiv:1702.03044.

    Example:
        >>> nn.clear_parameters()
        >>> w = nn.parameter.get_parameter_or_create("W", (4,), np.float32([1.1, -0.4, 0.8, 0.02]))
        >>> y = INQ(bits=3)(w)
        >>> y.forward()
        >>> y.d.tolist()
        [1.0, -0.5, 1.0, 0.0]
    """

    type_name: ClassVar[str] = "INQ"
    state_names: ClassVar[Tuple[str, ...]] = tuple(
        f"inq/{part}" for part in ("codes", "values", "updates", "schedule")
    )

    bits: int = 4
    iterations: Optional[Union[int, str, Sequence[int]]] = None
    selection: str = "largest_abs"
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("INQ", "selection", self.selection, ["largest_abs", "random"])
        whole = isinstance(self.bits, int) and not isinstance(self.bits, bool)
        if not whole or not 2 <= self.bits <= MOST_BITS:
            raise ConfigError(
                f"INQ: bits is {self.bits!r}, it takes 2 to {MOST_BITS}.",
                help="choose bits in that range",
            )
        object.__setattr__(self, "iterations", _schedule(self.iterations))

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the weight ``x`` with its fixed values."""
        require_parameter(x, "INQ")
        return self.on(x, self.state(x.shape), scope_name())

    @classmethod
    def node_class(cls) -> Type[QuantizerFunction]:
        """Returns the class of its nodes."""
        return INQFunction

    def state(self, shape: Sequence[int]) -> List[nn.Variable]:
        """Returns what goes on from run to run, as parameters in the current scope.

        Args:
            shape: Shape of the weight.
        """
        codes = byte_parameter("inq", "codes", shape, FREE)
        planned = self.iterations or (math.nan,) * _PORTIONS
        assert not isinstance(planned, (int, str))
        made = [codes]
        with nn.parameter_scope("inq"):
            for name, values in (
                ("values", np.full(values_of(self.bits), np.nan)),
                ("updates", np.full(1, np.nan if self.iterations is None else 0.0)),
                ("schedule", np.asarray(planned, np.float64)),
            ):
                made.append(get_parameter_or_create(name, values.shape, values, False))
        return made

    def resumed(
        self, read: Sequence[nn.Variable], name: str, running: bool = False
    ) -> Sequence[nn.Variable]:
        """Takes over what NNabla's function had fixed, and what its next forward pass would fix.

        What is fixed counts as a power of two again, should an update have moved it. How far a
        running function has counted, NNabla tells nobody: at least past the iteration whose portion
        is the last that is fixed, which is where counting goes on.

        Args:
            read: The input, the weight, and which weights are fixed, 1 or 0.
            name: The layer, as messages call it.
            running: Whether NNabla has its function at work.
        """
        weight, indicators = read[1], array(read[2], np.float32)
        state = self.state(weight.shape)
        copy = nn.Variable.from_numpy_array(np.array(weight.d, np.float32))
        args, inputs = {**asdict(self), "name": name}, [copy, *state]
        fixed = indicators == 1
        if fixed.any():
            values = finite_values(args, copy)
            table = array(state[1], np.float32)
            table[...] = powers(float(np.abs(values).max(initial=0)), self.bits)
            codes = nearest(values, table)
            array(state[0], np.uint8)[fixed] = codes[fixed]
        array(state[2], np.float32)[...] = np.nan
        done = self._portions_in(int(fixed.sum()), fixed.size) if running else 0
        planned = self.iterations
        assert not isinstance(planned, (int, str))
        if planned is None or done == 0:
            self.count_from(args, inputs, 0)
            return state
        counted = planned[done - 1] + 1
        if done < len(planned):
            warnings.warn(
                f"INQ of {name}: {done} of {len(planned)} portions are fixed, and NNabla does not "
                f"say how many updates it has counted: counting goes on from {counted}.",
                stacklevel=2,
            )
        self.count_from(args, inputs, counted)
        return state

    def _portions_in(self, fixed: int, size: int) -> int:
        """How many portions of the schedule so many fixed weights are."""
        count = len(self.iterations or ())  # type: ignore[arg-type]
        found = 0
        for done in range(1, count + 1):
            if found >= fixed:
                return done - 1
            found += size - found if done == count else (size - found) // 2
        return count

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Fixes what is due before the first update, where the iterations are known."""
        if array(inputs[3], np.float32)[0] == 0:
            cls.count_from(args, inputs, 0)

    @classmethod
    def start(
        cls,
        args: Mapping[str, Any],
        inputs: Sequence[nn.Variable],
        importance: Optional[np.ndarray] = None,
    ) -> None:
        """Fixes all weights at once: nothing is trained. What a file brought stays as it is."""
        counter = array(inputs[3], np.float32)
        if args["iterations"] is not None and not args["given"] and counter[0] == 0:
            counter[...] = array(inputs[4], np.float32).max()
            cls._fix_what_is_due(args, inputs)

    @classmethod
    def begin_training(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], updates: int
    ) -> None:
        """Starts to count, and fixes what is due before the first update.

        Raises:
            ConfigError: If the schedule does not fit the training.
        """
        begun = int(np.nan_to_num(array(inputs[3], np.float32)[0]))
        goes_on = args["given"] and not cls.is_settled(args, inputs)
        counted = begun if goes_on else 0
        cls.check_training(args, counted + updates)
        if args["iterations"] is None and args["given"]:
            return  # NNabla's function without iterations fixes nothing, ever
        if args["iterations"] is None:
            schedule = array(inputs[4], np.float32)
            schedule[...] = np.floor(updates * np.arange(_PORTIONS) / _PORTIONS)
        cls.count_from(args, inputs, counted)

    @classmethod
    def check_training(cls, args: Mapping[str, Any], updates: int) -> Optional[str]:
        """Refuses a schedule whose end is not in the training, and tells of one that ends early.

        Raises:
            ConfigError: If weights would stay free.
        """
        where, planned = args["name"] or "(no name)", args["iterations"]
        if planned is None and updates < _PORTIONS and not args["given"]:
            raise ConfigError(
                f"INQ of {where} fixes its weights in {_PORTIONS} portions, but the training has "
                f"{updates} updates.",
                help="train longer, or not at all: then all weights are fixed at once",
            )
        if planned is not None and max(planned) >= updates:
            raise ConfigError(
                f"INQ of {where} fixes its last weights before update {max(planned):,}, counted "
                f"from 0, but the training ends after {updates:,} updates: the others would stay "
                "free.",
                help="train longer, or give the layer another rule"
                if args["given"]
                else f"choose iterations below {updates:,}, more epochs, or leave iterations out",
            )
        if planned is not None and max(planned) < updates * _EARLY:
            return (
                f"INQ of {where} has fixed all weights before update {max(planned):,} of "
                f"{updates:,}: from then on only biases and normalizations learn"
            )
        return None

    @classmethod
    def count_from(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], updates: int
    ) -> None:
        """Sets the counter, and fixes what is due.

        Args:
            args: Arguments of a node.
            inputs: Its inputs.
            updates: Updates that count as done.
        """
        counter = array(inputs[3], np.float32)
        begun = counter[0] == updates and (array(inputs[1], np.uint8) != FREE).any()
        counter[...] = updates
        if not begun:
            cls._fix_what_is_due(args, inputs)

    @classmethod
    def before_update(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Refuses to count in a loop that is not this package's without a schedule.

        Raises:
            ConfigError: If no schedule was given, and so nobody knows how long the training is.
        """
        if np.isnan(array(inputs[3], np.float32)).any():
            raise ConfigError(
                f"INQ of {args['name'] or '(no name)'} knows neither its iterations nor how long "
                "the training is.",
                help="give iterations, for instance INQ(iterations=[100, 200, 300])",
            )

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Puts fixed weights back, counts the update, and fixes the next portion if it is due."""
        weight, codes = array(inputs[0], np.float32), array(inputs[1], np.uint8)
        _put_fixed(weight, codes, array(inputs[2], np.float32))
        array(inputs[3], np.float32)[...] += 1
        cls._fix_what_is_due(args, inputs)

    @classmethod
    def is_settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> bool:
        """Returns whether no weight is free."""
        waits = np.isnan(array(inputs[3], np.float32)).any()
        if args["iterations"] is None and args["given"]:
            return True
        return bool(waits or not (array(inputs[1], np.uint8) == FREE).any())

    @classmethod
    def _fix_what_is_due(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        now, schedule = array(inputs[3], np.float32)[0], array(inputs[4], np.float32)
        if now not in schedule:
            return
        weight = finite_values(args, inputs[0])
        codes, values = array(inputs[1], np.uint8), array(inputs[2], np.float32)
        if np.isnan(values).any():
            values[...] = powers(float(np.abs(weight).max(initial=0)), args["bits"])
        free = np.flatnonzero(codes.ravel() == FREE)
        if now != schedule.max():
            free = _portion(args, weight.ravel(), free, int(now))
        flat, numbers = weight.reshape(-1), codes.reshape(-1)
        numbers[free] = nearest(flat[free], values)
        weights = array(inputs[0], np.float32).reshape(-1)
        weights[free] = values[numbers[free]]

    @classmethod
    def computed(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> np.ndarray:
        """Returns what a node computes: all weights fixed while no training counts.

        Args:
            args: Its arguments.
            inputs: Its inputs.
        """
        weight, codes = array(inputs[0], np.float32), array(inputs[1], np.uint8)
        if np.isnan(array(inputs[3], np.float32)).any():
            weight = finite_values(args, inputs[0])
            values = powers(float(np.abs(weight).max(initial=0)), args["bits"])
            return np.asarray(values[nearest(weight, values)])
        found = weight.copy()
        _put_fixed(found, codes, array(inputs[2], np.float32))
        return found

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns codes of the values; kept floats while more are free than a dictionary holds."""
        args, inputs = function.info.args, function.inputs
        codes, table = array(inputs[1], np.uint8), array(inputs[2], np.float32)
        if np.isnan(array(inputs[3], np.float32)).any():
            weight = finite_values(args, inputs[0])
            table = powers(float(np.abs(weight).max(initial=0)), args["bits"])
            codes = nearest(weight, table)
        if not (codes == FREE).any():
            return Encoding(codes.copy(), args["bits"], dictionary=table.copy())
        values = cls.computed(args, inputs) + np.float32(0)
        dictionary, codes = np.unique(values, return_inverse=True)
        if len(dictionary) > _MOST_VALUES:
            mask = values != 0
            return Encoding(mask.astype(np.uint8), 1, kept=values[mask])
        bits = max(1, (len(dictionary) - 1).bit_length())
        return Encoding(codes.reshape(values.shape), bits, dictionary=dictionary)

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the fixed values, and W where it is free."""
        args, weight = function.info.args, inputs[0]
        free = np.zeros(weight.shape, np.float32)
        if not np.isnan(array(inputs[3], np.float32)).any():
            free[...] = array(inputs[1], np.uint8) == FREE
        fixed = cls.computed(args, inputs) * (1 - free)
        return nn.Variable.from_numpy_array(fixed) + weight * nn.Variable.from_numpy_array(free)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of a weight, 32 for each that is free in a training."""
        if np.isnan(array(inputs[3], np.float32)).any():
            return float(args["bits"])
        free = float((array(inputs[1], np.uint8) == FREE).mean())
        return args["bits"] + (32 - args["bits"]) * free


class INQFunction(QuantizerFunction):
    """Forward the fixed values, and W where it is free; backward the gradient where W is free."""

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        INQ.prepare(self.args, inputs)
        values = INQ.computed(self.args, inputs)
        host_array(outputs[0].data, np.float32, overwrite=True)[...] = values

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if propagate_down[0]:
            free = array(inputs[1], np.uint8) == FREE
            add_gradient(host_array(outputs[0].grad, np.float32) * free, inputs[0], accum[0])


def values_of(bits: int) -> int:
    """Returns how many values there are: zero, and 2**(bits - 2) powers with two signs.

    Args:
        bits: Bits of a weight.

    Example:
        >>> [values_of(bits) for bits in (2, 3, 4)]
        [3, 5, 9]
    """
    return int(2 ** (bits - 1) + 1)


def powers(largest: float, bits: int) -> np.ndarray:
    """Returns the values of a weight: 0, the powers of two ascending, and their negatives.

    Args:
        largest: The largest magnitude of the weight.
        bits: Bits of a weight.

    Example:
        >>> powers(1.6, 3).tolist()
        [0.0, 1.0, 2.0, -1.0, -2.0]
    """
    count = 2 ** (bits - 2)
    top = max(int(_exponents(np.array([largest or 1.0]))[0]), _LOWEST + count - 1)
    magnitudes = np.ldexp(1.0, top - np.arange(count)[::-1])
    return np.concatenate([[0.0], magnitudes, -magnitudes]).astype(np.float32)


def nearest(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the code of each weight, counting from 0.

    Args:
        weight: Any shape.
        values: As from :func:`powers`.

    Example:
        >>> nearest(np.array([0.4, 0.5, -1.49, 1.5, 9]), powers(2.0, 3)).tolist()
        [0, 1, 3, 2, 2]
    """
    count = (len(values) - 1) // 2
    lowest = float(values[1])
    size = np.abs(weight.astype(np.float64))
    steps = _exponents(np.maximum(size, lowest)) - int(math.log2(lowest))
    codes = 1 + np.minimum(steps, count - 1) + count * (weight < 0)
    return np.where(size < lowest / 2, 0, codes).astype(np.uint8)


def _put_fixed(weight: np.ndarray, codes: np.ndarray, values: np.ndarray) -> None:
    """Writes the fixed values into a weight, in place."""
    fixed = codes != FREE
    # The code of a free weight is cut to the last entry, whose value is not written.
    np.copyto(weight, np.take(values, codes, mode="clip"), where=fixed)


def _exponents(sizes: np.ndarray) -> np.ndarray:
    """log2, rounded up from 1.5 times a power of two on."""
    mantissas, exponents = np.frexp(sizes)
    return exponents - 1 + (mantissas >= 0.75)


def _portion(args: Mapping[str, Any], weight: np.ndarray, free: np.ndarray, now: int) -> np.ndarray:
    """Half of the free weights."""
    count = len(free) // 2
    if args["selection"] == "random":
        random = np.random.RandomState([args["seed"] % 2**32, now])
        return np.asarray(random.permutation(free)[:count])
    return np.asarray(free[np.argsort(-np.abs(weight[free]), kind="stable")[:count]])


def _schedule(given: Any) -> Optional[Tuple[int, ...]]:
    if given is None:
        return None
    parts = given.split("+") if isinstance(given, str) else given
    try:
        found = tuple(int(part) for part in ([parts] if isinstance(parts, int) else parts))
    except (TypeError, ValueError):
        found = ()
    if not found or min(found) < 0 or any(b <= a for a, b in zip(found, found[1:])):
        raise ConfigError(
            f"INQ: iterations is {given!r}.",
            help="give numbers of updates that ascend, such as [100, 200] or 100+200",
        )
    return found
