# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizers with learned step, range and bit width have in common (DQ).

The parameters of such a quantizer are float NNabla parameters that any solver may update. Before
each use they are *settled*: initialised from the tensor if they hold NaN, projected in place into
the region where they mean something (positive step, step <= range, bit limits), and rounded to
what a device has (whole bits, powers of two). The rounded values are used in the forward pass and
in the gradients; the gradient reaches the float copies unchanged (straight-through).

S. Uhlich et al., Mixed precision DNNs: All you need is a good parametrization, ICLR 2020,
arXiv:1905.11452.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar

import nnabla as nn
import nnabla.parameter
import numpy as np
from nnabla.function import PythonFunction
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.quantizers.base import (
    NODE_PREFIX,
    Quantizer,
    QuantizerFunction,
    Range,
    scope_name,
)
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.spelling import did_you_mean

Values = Dict[str, np.ndarray]
_SAMPLE = 1 << 16
_Learned = TypeVar("_Learned", bound="LearnedQuantizer")


class LearnedQuantizer(Quantizer):
    """A quantizer whose parameters a solver may learn; base of ``Uniform`` and ``Pow2``."""

    scope: ClassVar[str]
    parameters: ClassVar[Mapping[Optional[str], Tuple[str, ...]]]
    node_type: ClassVar[Type[LearnedFunction]]

    bits: int
    signed: bool
    learn: Optional[str]
    rate: float
    min_bits: Optional[int]
    max_bits: Optional[int]

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the quantized ``x``; the parameters go into the current scope.

        The parameters of the weight ``W`` and of activations are in ``<scope>/uniform`` (or
        ``pow2``), those of another parameter of the layer beside it, as ``<scope>/uniform_b``.
        """
        tensor = name_in_scope(x)
        scope = self.scope if tensor in ("", "W") else f"{self.scope}_{tensor}"
        tensors = [x]
        for name in self.parameters[self.learn]:
            shape = (1,) if name == "b" else self.parameter_shape(x)
            unknown = np.full(shape, np.nan, np.float32)
            tensors.append(
                get_parameter_or_create(f"{scope}/{name}", shape, unknown, self.learn is not None)
            )
        args = dict(asdict(self), name=scope_name(), tensor=tensor)  # type: ignore[call-overload]
        return self.node_type(type(self), args, tensors).node()

    @classmethod
    def of(cls: Type[_Learned], args: Mapping[str, Any]) -> _Learned:
        """Returns the quantizer that the arguments of a node describe."""
        return cls(**{key: value for key, value in args.items() if key not in ("name", "tensor")})

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Initialises the quantizer of a weight or bias; activations wait for the first batch."""
        if args["tensor"]:
            cls.settle(args, inputs)

    @classmethod
    def named_parameters(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> Dict[str, nn.Variable]:
        """Returns steps, ranges and bits, as far as there are."""
        return dict(zip(cls.parameters[args["learn"]], inputs[1:]))

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Projects the parameters back into their valid region after a solver's update."""
        cls._settled(args, inputs)

    @classmethod
    def settle(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Any:
        """Initialises the parameters where due, projects them in place and rounds them.

        Args:
            args: Arguments of the node.
            inputs: The tensor, then the parameters. The tensor is read only for initialising.

        Returns:
            The rounded parameters: a :class:`~nnabla_compress.quantizers.uniform.UniformGrid` or
            :class:`~nnabla_compress.quantizers.pow2.Levels`.

        Raises:
            TrainingError: If the tensor that the parameters start from holds NaN or infinities.
        """
        grid = cls._settled(args, inputs)
        if grid is None:
            quantizer = cls.of(args)
            x = host_array(inputs[0].data, np.float32)
            require_finite(x, args)
            start = quantizer.initial(x)
            for name, variable in zip(cls.parameters[quantizer.learn], inputs[1:]):
                host_array(variable.data, np.float32)[...] = start[name]
            grid = cls._settled(args, inputs)
        return grid

    @classmethod
    def settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Any:
        """Like :meth:`settle`, but never reads an activation: it may not be there.

        Raises:
            ConfigError: If the parameters of an activation still wait for their first batch.
        """
        grid = cls.settle(args, inputs) if args["tensor"] else cls._settled(args, inputs)
        if grid is None:
            raise ConfigError(
                f"{cls.type_name} of {args['name'] or '(no name)'} has seen no batch yet, so its "
                "range is unknown.",
                help="run forward() on one batch of data first, or load trained parameters",
            )
        return grid

    @classmethod
    def _settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Any:
        """Projects and rounds the parameters; None if they hold NaN."""
        quantizer = cls.of(args)
        names = cls.parameters[quantizer.learn]
        values = {
            name: host_array(variable.data, np.float32) for name, variable in zip(names, inputs[1:])
        }
        if any(np.isnan(value).any() for value in values.values()):
            return None
        quantizer.project(values)
        return quantizer.rounded(values)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> int:
        """Returns the bits that a value of the tensor takes now, as it would be stored.

        Args:
            args: Arguments of the node, ``function.info.args``.
            inputs: Inputs of the node, ``function.inputs``.
        """
        grid = cls.settle(args, inputs) if args["tensor"] else cls._settled(args, inputs)
        return int(args["bits"] if grid is None else grid.bits)

    @classmethod
    def learns_bits(cls, args: Mapping[str, Any]) -> bool:
        """Returns whether a training can change the bits of a node.

        Args:
            args: The node's arguments.
        """
        return args["learn"] not in (None, "qmax")

    @classmethod
    def range_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Range:
        """Returns the finest step (the smallest power of two) and the largest value."""
        grid = cls.settled(args, inputs)
        return Range(float(np.min(grid.finest)), float(np.max(grid.largest)))

    def for_bias(self) -> Quantizer:
        """Returns the same, which finds step and range of a bias for itself."""
        return self

    @classmethod
    def bits_variable(cls, function: Any) -> nn.Variable:
        """Returns the stored bits as a Variable of shape (1,) for memory penalties.

        The forward value is the whole number of :meth:`bits_of`; the gradient to the quantizer's
        parameters is that of the formula without its rounding up (straight-through), for instance
        of ``log2(q_max / d + 1) + 1``.

        Args:
            function: A node of the graph.

        Example:
            >>> from nnabla_compress.quantizers.uniform import Uniform
            >>> nn.clear_parameters()
            >>> y = Uniform(bits=3)(nn.Variable((2, 2)))
            >>> bits = Uniform.bits_variable(y.parent)
            >>> bits.forward()
            >>> bits.d.tolist()
            [3.0]
        """
        return StoredBits(cls, dict(function.info.args))(*function.inputs[1:])

    @classmethod
    def before_update(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Bounds the gradients of step and range by the step, and slows all down by the rate.

        Before each update, after weight decay: |grad of d| and |grad of q_max| <= d, |grad of
        q_min| <= q_min. The gradient of bits has no bound. These gradients are sums over a tensor,
        which its weights move against all at once: at the bound each update would change the step
        by as much as the learning rate, and a step that is rounded to powers of two would jump. A
        quantizer may scale them instead, see :meth:`gradient_scale`.
        """
        quantizer = cls.of(args)
        grid = cls._settled(args, inputs)
        if grid is None:
            return
        # Of a map, one sample counts: the gradient of a mean over a batch does not grow with it.
        count = inputs[0].size if args["tensor"] else inputs[0].size // max(inputs[0].shape[0], 1)
        scale = quantizer.gradient_scale(grid, count)
        for name, variable in zip(cls.parameters[quantizer.learn], inputs[1:]):
            gradient = host_array(variable.grad, np.float32)
            if scale is not None:
                gradient *= scale
            elif name != "b":
                np.clip(gradient, -grid.finest, grid.finest, out=gradient)
            gradient *= quantizer.rate

    def gradient_scale(self, grid: Any, count: int) -> Optional[np.ndarray]:
        """Returns what gradients are multiplied by before an update; None bounds them instead.

        Args:
            grid: What the forward pass quantizes to.
            count: Number of values of the tensor.
        """
        return None

    @classmethod
    def take_a_bit(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Makes the stored bits one fewer: what a budget takes.

        A weight gets the step and range that fit it best at these bits; its outliers would cost the
        others their precision. An activation, which may not be there, keeps its range.

        Args:
            args: Arguments of the node; its bits are learned and above ``min_bits``.
            inputs: Inputs of the node.
        """
        grid = cls.settled(args, inputs)
        if args["tensor"]:
            cls.fit_bits(args, inputs, grid.bits - 1)
        else:
            cls._write(args, inputs, cls.of(args).coarser(grid))

    @classmethod
    def fit_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Gives a weight these bits, and the step and range with the least squared error at them.

        Args:
            args: Arguments of the node; its bits are learned.
            inputs: Inputs of the node.
            bits: From ``min_bits`` to ``max_bits``.
        """
        x = host_array(inputs[0].data, np.float32)
        require_finite(x, args)
        cls._write(args, inputs, cls.of(args).refitted(x, bits))

    @classmethod
    def hold_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Moves the parameters to the nearest ones of these bits; step and range learn on.

        Args:
            args: Arguments of the node; its bits are learned.
            inputs: Inputs of the node.
            bits: From ``min_bits`` to ``max_bits``.
        """
        cls._settled(dict(args, bits=bits, min_bits=bits, max_bits=bits), inputs)

    @classmethod
    def _write(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], start: Mapping[str, Any]
    ) -> None:
        """Sets the parameters, of which a node has some, and projects them."""
        for name, variable in zip(cls.parameters[args["learn"]], inputs[1:]):
            if name in start:
                host_array(variable.data, np.float32)[...] = start[name]
        cls._settled(args, inputs)

    # What a subclass says about itself.

    def parameter_shape(self, x: nn.Variable) -> Tuple[int, ...]:
        """Returns the shape of step and range: (1,), or (channels,)."""
        return (1,)

    def initial(self, x: np.ndarray) -> Mapping[str, Any]:
        """Returns values of the parameters for the tensor ``x``, at ``bits`` bits."""
        raise NotImplementedError

    def project(self, values: Values) -> None:
        """Moves the float parameters, in place, to the nearest valid ones."""
        raise NotImplementedError

    def rounded(self, values: Values) -> Any:
        """Returns what the forward pass uses, from valid float parameters."""
        raise NotImplementedError

    def refitted(self, x: np.ndarray, bits: int) -> Mapping[str, Any]:
        """Returns values of the parameters for the tensor ``x``, at ``bits`` bits."""
        raise NotImplementedError

    def coarser(self, grid: Any) -> Mapping[str, Any]:
        """Returns parameters of the same range with one bit less than ``grid`` has."""
        raise NotImplementedError

    def coefficients(self, grid: Any) -> Mapping[str, Tuple[Any, Any]]:
        """Returns, by parameter, what the two sums over the tensor count in its gradient."""
        raise NotImplementedError

    def bit_slopes(self, values: Values) -> Mapping[str, np.ndarray]:
        """Returns the derivatives of the stored bits, not rounded up, by each parameter."""
        raise NotImplementedError


class LearnedFunction(QuantizerFunction):
    """The node: settles the parameters, then runs a fused kernel or a composite of ``F.*``."""

    quantizer: Type[LearnedQuantizer]
    _clipping_is_checked = False
    _grid: Any = None  # of the last forward pass

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        grid = self._grid = self.quantizer.settle(self.args, inputs)
        if not self._clipping_is_checked:
            self._clipping_is_checked = True
            self._warn_of_clipped(inputs[0])
        if self.on_cpu:
            out = host_array(outputs[0].data, np.float32, overwrite=True)
            self.forward_kernel(grid, host_array(inputs[0].data, np.float32), out)
        else:
            with nn.context_scope(self.ctx):
                self.forward_composite(grid, inputs[0].data, outputs[0].data)

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        grid = self._grid
        quantizer = self.quantizer.of(self.args)
        x, dy = inputs[0], outputs[0].grad
        if self.on_cpu:
            dx = (
                host_array(x.grad, np.float32, overwrite=not accum[0])
                if propagate_down[0]
                else None
            )
            x_array, dy_array = host_array(x.data, np.float32), host_array(dy, np.float32)
            sums = self.backward_kernel(grid, x_array, dy_array, dx, accum[0])
        else:
            with nn.context_scope(self.ctx):
                wanted = x.grad if propagate_down[0] else None
                sums = self.backward_composite(grid, x.data, dy, wanted, accum[0])
        shares = quantizer.coefficients(grid)
        names = self.quantizer.parameters[quantizer.learn]
        for i, name in enumerate(names, start=1):
            if not propagate_down[i]:
                continue
            if self.on_cpu:
                gradient = shares[name][0] * sums[0] + shares[name][1] * sums[1]
                target = host_array(inputs[i].grad, np.float32, overwrite=not accum[i])
                total = np.sum(gradient) if name == "b" else gradient
                target[...] = target + total if accum[i] else total
            else:
                with nn.context_scope(self.ctx):
                    self._composite_gradient(shares[name], sums, inputs[i], name, accum[i])

    def forward_kernel(self, grid: Any, x: np.ndarray, out: np.ndarray) -> None:
        """Writes the quantized ``x`` to ``out``."""
        raise NotImplementedError

    def backward_kernel(
        self, grid: Any, x: np.ndarray, dy: np.ndarray, dx: Optional[np.ndarray], accumulate: bool
    ) -> Tuple[Any, Any]:
        """Writes the gradient of ``x`` and returns the two sums of the parameters' gradients."""
        raise NotImplementedError

    def forward_composite(self, grid: Any, x: nn.NdArray, out: nn.NdArray) -> None:
        """The forward pass by NNabla's own functions, for arrays that are not on the host."""
        raise NotImplementedError

    def backward_composite(
        self, grid: Any, x: nn.NdArray, dy: nn.NdArray, dx: Optional[nn.NdArray], accumulate: bool
    ) -> Tuple[nn.NdArray, nn.NdArray]:
        """The backward pass by NNabla's own functions; the sums as arrays on the device."""
        raise NotImplementedError

    def _composite_gradient(
        self,
        shares: Tuple[Any, Any],
        sums: Tuple[nn.NdArray, nn.NdArray],
        parameter: nn.Variable,
        name: str,
        accumulate: bool,
    ) -> None:
        import nnabla.functions as F

        first, second = (
            nn.NdArray.from_numpy_array(np.broadcast_to(s, sums[0].shape).astype(np.float32))
            for s in shares
        )
        gradient = F.add2(F.mul2(first, sums[0]), F.mul2(second, sums[1]))
        if name == "b":
            gradient = F.reshape(F.sum(gradient), (1,))
        write_gradient(gradient, parameter.grad, accumulate)

    def _warn_of_clipped(self, x: nn.Variable) -> None:
        if self.args["signed"]:
            return
        values = host_array(x.data, np.float32)
        share = float(np.count_nonzero(values < 0)) / max(values.size, 1)
        if share > 0:
            warnings.warn(
                f"{self.quantizer.type_name} of {self.args['name'] or '(no name)'} is "
                f"unsigned, but {100 * share:.3g} % of the values it got are negative: they are "
                "clipped. Choose signed=True, or put a ReLU before it.",
                stacklevel=2,
            )


class StoredBits(PythonFunction):
    """The bits of a quantizer as a node of the graph, from the quantizer's parameters."""

    def __init__(self, quantizer: Type[LearnedQuantizer], args: Dict[str, Any]) -> None:
        super().__init__(nn.get_current_context())
        self.quantizer = quantizer
        self._args = args

    @property
    def name(self) -> str:
        return f"{NODE_PREFIX}StoredBits"

    @property
    def args(self) -> Dict[str, Any]:
        return self._args

    def min_outputs(self) -> int:
        return 1

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape((1,), True)

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        grid = self.quantizer._settled(self.args, [None, *inputs])
        bits = self.args["bits"] if grid is None else grid.bits
        outputs[0].data.cast(np.float32)[...] = bits

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        quantizer = self.quantizer.of(self.args)
        names = self.quantizer.parameters[quantizer.learn]
        values = {
            name: host_array(variable.data, np.float32) for name, variable in zip(names, inputs)
        }
        waiting = any(np.isnan(value).any() for value in values.values())
        slopes = {} if waiting else quantizer.bit_slopes(values)
        dy = float(outputs[0].grad.data[0])
        for i, name in enumerate(names):
            if propagate_down[i]:
                target = host_array(inputs[i].grad, np.float32, overwrite=not accum[i])
                gradient = dy * slopes.get(name, np.zeros(1))
                target[...] = target + gradient if accum[i] else gradient


def clip(values: np.ndarray, least: Any, most: Any) -> None:
    """Clips values in place."""
    values[...] = np.minimum(np.maximum(values, least), most)


def write_gradient(gradient: nn.NdArray, target: nn.NdArray, accumulate: bool) -> None:
    """Writes or adds ``gradient`` to ``target`` on the device where both are."""
    import nnabla.functions as F

    if accumulate:
        F.add2(target, gradient, inplace=False, outputs=[target])
    else:
        F.identity(gradient, outputs=[target])


def sample(x: np.ndarray) -> np.ndarray:
    """Returns at most 65,536 values of each row of ``x``, at equal distances."""
    return x[:, :: -(-x.shape[1] // _SAMPLE) or 1]


def require_finite(x: np.ndarray, args: Mapping[str, Any]) -> None:
    """Raises a TrainingError that names the layer if ``x`` holds NaN or infinities."""
    bad = x.size - int(np.isfinite(x).sum())
    if bad:
        what = args["tensor"] or "activations"
        raise TrainingError(
            f"{bad} of {x.size} values of {what} in {args['name'] or '(no name)'} are NaN or "
            "infinite, so they can't be quantized.",
            help="the training diverged or the file is damaged: lower the learning rate, or load "
            "other parameters",
        )


def require_bits(
    kind: str, bits: Any, least: int, most: int, low: Optional[int], high: Optional[int]
) -> Tuple[int, int]:
    """Returns the limits of the bits, ``low`` and ``high`` with their defaults filled in.

    Args:
        kind: Name of the quantizer, for messages.
        bits: Bits to start from.
        least: Fewest bits that mean anything.
        most: Most bits that can be computed with.
        low: ``min_bits``; None for ``least``.
        high: ``max_bits``; None for 8, or ``bits`` if that is more.

    Raises:
        ConfigError: If a number is no whole number or out of order.
    """
    low = least if low is None else low
    if high is None:
        high = max(min(8, most), bits) if isinstance(bits, int) else most
    for name, number in (("bits", bits), ("min_bits", low), ("max_bits", high)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise ConfigError(f"{kind}: {name} is {number!r}.", help="give a whole number")
        if not least <= number <= most:
            raise ConfigError(
                f"{kind}: {name} is {number}, the range is {least} to {most}.",
                help=f"choose {least} to {most}",
            )
    if not low <= bits <= high:
        raise ConfigError(
            f"{kind}: bits is {bits}, outside min_bits={low} to max_bits={high}.",
            help="move the limits, or start from bits between them",
        )
    return int(low), int(high)


def require_choice(kind: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises a ConfigError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigError(
            f"{kind}: {name} is {value!r}.", help=did_you_mean(str(value), map(str, choices))
        )


def require_positive(kind: str, name: str, value: Optional[float]) -> None:
    """Raises a ConfigError unless ``value`` is None or a positive finite number."""
    if value is None:
        return
    is_number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        raise ConfigError(
            f"{kind}: {name} is {value!r}.", help="give a positive number, or leave it out"
        )


def name_in_scope(x: nn.Variable) -> str:
    """Returns the name of the parameter ``x`` in the current scope, "" if it is none."""
    if x.parent is not None:
        return ""
    for key, entry in nnabla.parameter.get_current_parameter_scope().items():
        if isinstance(entry, nn.Variable) and entry.data == x.data:
            return str(key)
    return ""
