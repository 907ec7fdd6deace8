# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every quantizer is: a callable that puts one self-describing node into the graph.

A quantizer is a frozen dataclass of its options. Calling it on a Variable creates its parameters
in the current parameter scope and adds one node, a :class:`QuantizerFunction`, whose ``args`` are
the options and whose inputs are the tensor and the quantizer's parameters. Whoever holds the graph
can therefore encode, lower or report it without any other record: ``quantizer_of(function)`` maps
the node's type name to its class.

A new method is one file beside this one: a dataclass derived from :class:`Quantizer`, decorated
with :func:`register`, and its :class:`QuantizerFunction`.
"""

from __future__ import annotations

import threading
import weakref
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

import nnabla as nn
import nnabla.functions as F
import nnabla.parameter
import numpy as np
from nnabla.function import PythonFunction

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.look_up import straight_through
from nnabla_compress.quantizers.choices import Choices
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.turns import one_at_a_time

# A point can't stand in the name of a function of NNabla, which are identifiers of C++: a node of
# ours is never taken for one of NNabla's, such as its power function Pow2.
NODE_PREFIX = "nnabla_compress."
_REGISTRY: Dict[str, Type[Quantizer]] = {}
# Held while the living nodes are listed or join: threads with networks of their own share them.
_LIVING = threading.Lock()
_NODES: Dict[str, Callable[[Dict[str, Any], Sequence[nn.Variable]], nn.Variable]] = {}
_QuantizerType = TypeVar("_QuantizerType", bound="Type[Quantizer]")


class Range(NamedTuple):
    """What a quantizer covers.

    Args:
        step: The finest difference of two of its values.
        largest: The largest of them.
    """

    step: float
    largest: float


class Quantizer:
    """Callable ``Variable -> Variable`` for weights (``apply_w=``) or activations."""

    type_name: ClassVar[str]
    # Whether rules may name it; others come from files.
    in_rules: ClassVar[bool] = True
    # What post-training quantization can quantize with it: "weights", "activations".
    calibratable: ClassVar[Tuple[str, ...]] = ()
    # Whether a batch normalization can be folded into the weight before it, in training.
    codes_rows: ClassVar[bool] = False
    """Whether its codes stand for rows of a table, not for single numbers."""
    folds_in_training: ClassVar[bool] = False

    @classmethod
    def graph_type(cls) -> str:
        """Returns the type name of the quantizer's nodes; reports and files say ``type_name``.

        Example:
            >>> from nnabla_compress.quantizers import LUT
            >>> LUT.type_name, LUT.graph_type()
            ('LUT', 'nnabla_compress.LUT')
        """
        return f"{NODE_PREFIX}{cls.type_name}"

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Quantizer:
        """Returns the quantizer that a node was made by, from the arguments of the node."""
        raise NotImplementedError

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Adds the quantizer to the graph; its parameters go into the current scope."""
        raise NotImplementedError

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns how the output of ``function`` is stored; ``decode()`` equals it bit for bit.

        Those with :attr:`codes_rows` return :class:`~nnabla_compress.row_codes.RowCodes`.
        """
        raise NotImplementedError

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the same values, and gradients, from NNabla's native functions only.

        Args:
            function: The node of the graph.
            inputs: What takes the place of ``function.inputs`` in the new graph.
        """
        raise NotImplementedError

    @classmethod
    @one_at_a_time
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Initialises the quantizer's parameters from the tensor present, where that is due."""

    @classmethod
    def start(
        cls,
        args: Mapping[str, Any],
        inputs: Sequence[nn.Variable],
        importance: Optional[np.ndarray] = None,
    ) -> None:
        """Initialises the parameters like :meth:`prepare`, some weights' errors counting more.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
            importance: What each weight's squared error counts, positive; None for 1. Used by
                quantizers whose parameters all channels share.
        """
        cls.prepare(args, inputs)

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Follows a weight that a solver has just changed (k-means steps, masks)."""

    @classmethod
    def begin_training(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], updates: int
    ) -> None:
        """Prepares for a training.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
            updates: Updates that the training does.
        """

    @classmethod
    def check_training(cls, args: Mapping[str, Any], updates: int) -> Optional[str]:
        """Refuses a training that the quantizer does not fit, before anything long is done.

        Args:
            args: Arguments of the node.
            updates: Updates that the training does.

        Returns:
            What a user should know of it, None for nothing.

        Raises:
            ConfigError: If they are too few, for instance.
        """
        return None

    @classmethod
    def before_update(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Bounds the gradients of the quantizer's own parameters, where that is due."""

    @classmethod
    def named_parameters(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> Dict[str, nn.Variable]:
        """Returns the parameters of a node that a start can be set for, by name.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
        """
        return {}

    @classmethod
    def is_settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> bool:
        """Returns whether what the node computes now can be stored at its bits.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
        """
        return True

    @classmethod
    def choices(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[Choices]:
        """Returns what the weights may become, if that can be learned from data; else None."""
        return None

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits that an element of the tensor takes now, tables not counted."""
        raise NotImplementedError

    @classmethod
    def learns_bits(cls, args: Mapping[str, Any]) -> bool:
        """Returns whether a training can change the bits of a node.

        Args:
            args: The node's arguments, with ``min_bits`` and ``max_bits`` where it can.
        """
        return False

    @classmethod
    def bits_variable(cls, function: Any) -> nn.Variable:
        """Returns the bits of a node that learns them, shape (1,), with a gradient.

        Args:
            function: The node.
        """
        raise NotImplementedError

    @classmethod
    def take_a_bit(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Makes the bits of a node that learns them one fewer, above ``min_bits``."""
        raise NotImplementedError

    @classmethod
    def fit_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Gives a weight whose bits are learned these bits, and what fits it best at them.

        Args:
            args: The node's arguments.
            inputs: The tensor and the parameters, which change.
            bits: From ``min_bits`` to ``max_bits``.
        """
        raise NotImplementedError

    @classmethod
    def hold_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Brings a node that learns its bits back to these, and what else it learns no further.

        Args:
            args: The node's arguments.
            inputs: The tensor and the parameters, which change where the bits have moved.
            bits: From ``min_bits`` to ``max_bits``.
        """
        raise NotImplementedError

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[LevelGrid]:
        """Returns the levels of a weight, None where they are not at equal distances.

        Args:
            args: The node's arguments.
            inputs: The tensor and the parameters.
        """
        return None

    @classmethod
    def range_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[Range]:
        """Returns the finest step and the largest value, None where there is no such thing."""
        return None

    @classmethod
    def set_range(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], low: float, high: float
    ) -> None:
        """Makes a calibratable quantizer of an activation cover the values from low to high."""
        raise NotImplementedError

    @classmethod
    def parameter_axes(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> List[Tuple[Optional[int], ...]]:
        """Returns which axis of the tensor each axis of each parameter of a node goes along.

        Args:
            args: The node's arguments.
            inputs: The tensor and the parameters.

        Returns:
            For each parameter a number for each of its axes; None for an axis of its own, such as
            that of a dictionary.
        """
        shape, axis = tuple(inputs[0].shape), args.get("axis")
        found: List[Tuple[Optional[int], ...]] = []
        for parameter in inputs[1:]:
            own = tuple(parameter.shape)
            if axis is not None and axis >= 0 and own == (shape[axis],):
                found.append((int(axis),))
            elif len(own) == len(shape) and all(n in (1, size) for n, size in zip(own, shape)):
                found.append(tuple(a if n > 1 else None for a, n in enumerate(own)))
            else:
                found.append((None,) * len(own))
        return found

    @classmethod
    def prunes_to(cls, args: Mapping[str, Any]) -> Optional[float]:
        """Returns the fraction of the weights that a node sets to zero and keeps there, else None.

        Args:
            args: The node's arguments.
        """
        return None

    @classmethod
    def prune_part(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], share: float
    ) -> None:
        """Makes a node that prunes set only a part of its fraction to zero, the smallest weights.

        Args:
            args: The node's arguments.
            inputs: The tensor and the parameters, which change.
            share: The part, 0 to 1.
        """
        raise NotImplementedError

    def for_bias(self) -> Optional[Quantizer]:
        """Returns what is put on the bias of a layer whose weight it is for; None for nothing."""
        return None

    def refuses_calibration(self) -> Optional[str]:
        """Returns what to do instead where it can't be calibrated, None where it can."""
        if self.calibratable:
            return None
        return "choose affine or lut here, or train with 'compress --epochs'"

    @classmethod
    def label(cls, args: Mapping[str, Any]) -> str:
        """Returns what reports call the quantizer of a node.

        Args:
            args: The node's arguments.
        """
        return cls.type_name


class QuantizerFunction(PythonFunction):
    """The node of the graph: a NNabla Function that describes itself.

    Args:
        quantizer: The class of the quantizer, whose ``graph_type()`` becomes the node's type.
        args: The options as a plain dict, kept by NNabla as ``function.info.args``.
        tensors: The inputs that the node will be called with: the tensor, then the parameters.
    """

    _living: ClassVar[weakref.WeakSet[QuantizerFunction]] = weakref.WeakSet()

    def __init__(
        self,
        quantizer: Type[Quantizer],
        args: Dict[str, Any],
        tensors: Sequence[nn.Variable],
    ) -> None:
        super().__init__(nn.get_current_context())
        self.quantizer = quantizer
        self.tensors = tuple(tensors)
        self._args = args
        with _LIVING:
            QuantizerFunction._living.add(self)
        # NNabla hands out a node's name and arguments but not its class: kept to copy nodes.
        kind = type(self)
        _NODES[quantizer.graph_type()] = lambda args, tensors: kind(quantizer, args, tensors).node()

    @property
    def name(self) -> str:
        return self.quantizer.graph_type()

    @property
    def args(self) -> Dict[str, Any]:
        return self._args

    def min_outputs(self) -> int:
        return 1

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return False

    @property
    def on_cpu(self) -> bool:
        """Whether the arrays are host memory that a fused kernel can walk."""
        return not self.ctx.array_class.startswith("Cuda")

    def node(self) -> nn.Variable:
        """Calls the function on the tensors that it was made for."""
        return self(*self.tensors)


def register(quantizer: _QuantizerType) -> _QuantizerType:
    """Class decorator that makes a quantizer, and so its nodes, known by its ``type_name``.

    Args:
        quantizer: The class.
    """
    _REGISTRY[quantizer.type_name] = quantizer
    return quantizer


def registered() -> Dict[str, Type[Quantizer]]:
    """Returns all quantizers by their ``type_name``."""
    return dict(_REGISTRY)


def quantizer_of(function: Any) -> Optional[Type[Quantizer]]:
    """Returns the quantizer class of a node of the graph, None for any other function.

    Args:
        function: A function of a graph.

    Example:
        >>> import nnabla as nn, nnabla.functions as F
        >>> quantizer_of(F.relu(nn.Variable((2,))).parent) is None
        True
    """
    if not str(function.info.type_name).startswith(NODE_PREFIX):
        return None
    return _REGISTRY.get(shown_type(function))


def is_given(function: Any) -> bool:
    """Returns whether a quantizer's node belongs to the network, which had it before any rule.

    Args:
        function: A function of a graph.
    """
    return quantizer_of(function) is not None and bool(function.info.args.get("given"))


def has_started(function: Any) -> bool:
    """Returns whether the parameters of a quantizer's node have values.

    Args:
        function: The node.
    """
    state = [np.asarray(variable.d) for variable in function.inputs[1:]]
    return not any(values.dtype.kind == "f" and np.isnan(values).any() for values in state)


def shown_type(function: Any) -> str:
    """Returns the type of a function as messages and reports call it.

    Args:
        function: A function of a graph, NNabla's or ours.
    """
    node_type = str(function.info.type_name)
    return node_type[len(NODE_PREFIX) :] if node_type.startswith(NODE_PREFIX) else node_type


def clone_node(
    node_type: str, args: Dict[str, Any], inputs: Sequence[nn.Variable]
) -> Optional[nn.Variable]:
    """Makes a quantizer node as ``function.info`` describes it.

    Args:
        node_type: Type name of the node.
        args: Its arguments; the new node keeps the dict.
        inputs: The tensor and the quantizer's parameters.

    Returns:
        The output of the node, None if no quantizer of this name has made a node yet.
    """
    make = _NODES.get(node_type)
    return None if make is None else make(args, inputs)


def living_functions(parameters: Iterable[nn.Variable]) -> List[QuantizerFunction]:
    """Returns the quantizer nodes, in graphs that exist now, that read any of ``parameters``.

    They read what they quantize, if that is a parameter, and parameters of their own.

    Several graphs of one network (training, validation) hold a node each for the same quantizer
    parameters; one of them is returned: what is done to these is done once.

    Args:
        parameters: Variables, as ``nn.get_parameters().values()``. They are compared by the array
            that they hold, since NNabla hands out several Variables for one parameter.

    Returns:
        Nodes ordered by their layer's name.
    """
    arrays = {parameter.data for parameter in parameters}
    found: Dict[Any, QuantizerFunction] = {}
    with _LIVING:
        living = list(QuantizerFunction._living)
    for function in living:
        if any(tensor.data in arrays for tensor in function.tensors):
            own = function.tensors[1:] or function.tensors
            found.setdefault(tuple(tensor.data for tensor in own), function)
    return sorted(found.values(), key=lambda function: str(function.args.get("name")))


def graph_quantizers(outputs: Iterable[nn.Variable]) -> List[Any]:
    """Returns the quantizer nodes behind ``outputs``, each once, in the order of execution.

    Args:
        outputs: Variables of one graph.

    Returns:
        NNabla functions with ``info.type_name``, ``info.args`` and ``inputs``.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 4)), 3, apply_w=LUT(bits=2), name="fc")
        >>> [node.info.type_name for node in graph_quantizers([y])]
        ['nnabla_compress.LUT']
    """
    functions: List[Any] = []
    for output in outputs:
        output.visit(lambda function: functions.append(function))
    unique: List[Any] = []
    for function in functions:
        if quantizer_of(function) is not None and function not in unique:
            unique.append(function)
    return unique


def prepare(outputs: Iterable[nn.Variable]) -> None:
    """Initialises every quantizer behind ``outputs`` that is not yet, from the tensors present.

    The first forward pass does the same; calling this first reports bad weights as a plain
    ``CompressError`` instead of an error from inside NNabla's engine.

    Args:
        outputs: Variables of one graph.

    Raises:
        CompressError: If a weight can't be quantized, for instance because it holds NaN.

    Example:
        >>> import numpy as np, nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 4)), 3, apply_w=LUT(bits=2), name="fc")
        >>> prepare([y])
        >>> bool(np.isfinite(graph_quantizers([y])[0].inputs[1].d).all())
        True
    """
    for function in graph_quantizers(outputs):
        quantizer = quantizer_of(function)
        assert quantizer is not None
        quantizer.prepare(function.info.args, function.inputs)


def scope_name() -> str:
    """Returns the path of the current parameter scope, "" at the root.

    Example:
        >>> import nnabla as nn
        >>> with nn.parameter_scope("block"), nn.parameter_scope("conv"):
        ...     scope_name()
        'block/conv'
    """
    target = nn.parameter.get_current_parameter_scope()

    def path_to(scope: Mapping[str, Any], path: str) -> Optional[str]:
        if scope is target:
            return path
        for key, value in scope.items():
            if isinstance(value, dict):
                found = path_to(value, f"{path}/{key}" if path else key)
                if found is not None:
                    return found
        return None

    return path_to(nn.parameter.root_scope, "") or ""


def pass_gradient(
    function: QuantizerFunction, weight: nn.Variable, output: nn.Variable, accumulate: bool
) -> None:
    """Hands the gradient of a node's output on to its weight unchanged (straight-through)."""
    if function.on_cpu:
        straight_through(
            host_array(output.grad, np.float32),
            host_array(weight.grad, np.float32, overwrite=not accumulate),
            accumulate,
        )
    elif accumulate:
        F.add2(weight.grad, output.grad, inplace=False, outputs=[weight.grad])
    else:
        F.identity(output.grad, outputs=[weight.grad])


def require_parameter(x: nn.Variable, quantizer: str) -> None:
    """Refuses a weight that a function computes.

    Raises:
        ConfigError: If ``x`` is the output of a function.
    """
    if x.parent is not None:
        raise ConfigError(
            f"{quantizer} follows the updates of a parameter, but was given the output of "
            f"{x.parent.info.type_name}.",
            help="apply it to the parameter itself; quantize activations with another one",
        )
