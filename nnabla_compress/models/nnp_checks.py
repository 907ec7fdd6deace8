# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a stored network must respect before NNabla may build it.

NNabla trusts the file: a stride of zero divides by zero and ends the process, a circle of functions
is followed for ever, a loop of a billion turns is written out. These checks come first.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn

from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.models.nnp_shapes import misfit
from nnabla_compress.models.stored_parameters import MOST_AXES, Parameter, elements

MAX_ELEMENTS = 2**31 - 1
_MAX_MADE = 2**24  # values that NNabla computes while it builds: initializers, Arange
_HELP = "save or get the file again"
# Arguments that NNabla divides by, or that state a size.
_POSITIVE = (
    *("kernel", "stride", "dilation", "group", "deformable_group", "multiplier", "divisor"),
    *("num_groups", "block_sizes", "hop_size", "stride_z", "n_fft", "fft_size"),
)
_NO_ZERO = ("shape", "reps", "output_size")
# Functions that read axes of their inputs without a look at how many there are.
_LEAST_AXES = {"RNN": 3, "LSTM": 3, "GRU": 3, "MatrixDiag": 1, "MatrixDiagPart": 2}


def check_stored(proto: Any, where: str, limits: Limits) -> None:
    """Checks a network's message before its functions are made.

    Args:
        proto: A message ``Network``.
        where: What messages call it.
        limits: What its file may ask for.

    Raises:
        DataError: If a shape, an argument of a function, or a loop is out of any sense.
    """
    times = {info.id: info.times for info in proto.repeat_info}
    _few(where, "functions and variables", len(proto.function) + len(proto.variable), limits)
    turns = 0
    for node in (*proto.variable, *proto.function):
        count = 1
        for key in node.repeat_id:
            count *= max(0, times.get(key, 1))
        turns += count
    _few(where, "functions and variables after its loops are written out", turns, limits)
    # NNabla follows functions by their names: of two alike it would never reach an end.
    for kind, nodes in (("functions", proto.function), ("variables", proto.variable)):
        names = Counter(node.name for node in nodes)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise DataError(f"{where} holds two {kind} {_name(twice)}.", help=_HELP)
    shapes: Dict[str, Tuple[int, ...]] = {}
    for variable in proto.variable:
        shapes[variable.name] = tuple(variable.shape.dim)
        _check_shape(where, variable.name, shapes[variable.name])
        if variable.HasField("initializer") and variable.type == "Buffer":
            _check_made(where, variable.name, elements([abs(d) for d in variable.shape.dim]))
    for function in proto.function:
        _check_arguments(where, function)
        recurrent = function.recurrent_param
        _few(where, f"steps in {function.name}", recurrent.length, limits)
        if function.type == "RecurrentInput" and function.input:
            shape = shapes.get(function.input[0], ())
            if not 0 <= recurrent.axis < len(shape):
                raise DataError(
                    f"{where}: {_name(function.name)} takes axis {recurrent.axis} of the shape "
                    f"{shape}.",
                    help=_HELP,
                )
            _few(where, f"steps in {function.name}", shape[recurrent.axis], limits)


def _check_arguments(where: str, function: Any) -> None:
    # Of a message that is absent NNabla takes the fields all the same: they are zero.
    arguments = getattr(function, _argument_fields().get(function.type.lower(), ""), None)
    for field in arguments.DESCRIPTOR.fields if arguments is not None else ():
        if field.name not in _POSITIVE + _NO_ZERO:
            continue
        value = getattr(arguments, field.name)
        sizes = [value] if isinstance(value, int) else list(getattr(value, "dim", value))
        # A crop of no size is one of the whole map.
        zero_means = function.type in ("RandomCrop", "ImageAugmentation")
        if (field.name in _POSITIVE and min(sizes, default=1) < 1) or (
            0 in sizes and not zero_means
        ):
            raise DataError(
                f"{where}: {field.name} of {function.type} {_name(function.name)} is "
                f"{', '.join(map(str, sizes[:8]))}.",
                help=_HELP,
            )
        _check_shape(where, function.name, sizes)
    if function.type == "Arange":
        arange = function.arange_param
        step = abs(arange.step)
        count = abs(arange.stop - arange.start) / step if step else float("inf")
        _check_made(where, function.name, count)


@lru_cache(maxsize=None)
def _argument_fields() -> Dict[str, str]:
    """Names of the fields of ``Function`` that hold arguments, by the type in lower case."""
    from nnabla.utils.nnabla_pb2 import Function

    names = [field.name for field in Function.DESCRIPTOR.fields if field.name.endswith("_param")]
    return {name[: -len("_param")].replace("_", ""): name for name in names}


def check_built(network: Any, parameters: Mapping[str, Parameter], where: str) -> None:
    """Checks a network whose loops are written out.

    Args:
        network: A ``ProtoNetwork`` of NNabla.
        parameters: The stored parameters.
        where: What messages call it, with its file.

    Raises:
        DataError: If parameters are missing or of another shape, or its functions form a circle.
    """
    used = {name: p for name, p in network.parameters.items() if p.required}
    missing = sorted(name for name in used if name not in parameters)
    if missing:
        raise DataError(
            f"{where} lacks {len(missing)} parameters, such as {_name(missing[0])}.",
            help="save it again together with its parameters",
        )
    for name, parameter in used.items():
        stored = parameters[name].values.shape
        if tuple(parameter.shape) != stored:
            raise DataError(
                f"parameter {_name(name)} of {where} should have the shape "
                f"{tuple(parameter.shape)}, but {stored} is stored.",
                help="save it again together with its parameters",
            )
    _check_no_circle(network, where)


def _check_no_circle(network: Any, where: str) -> None:
    parents: Dict[str, str] = {}
    waiting: Dict[str, int] = {}
    readers: Dict[str, List[str]] = {}
    for name, function in network.functions.items():
        for output in function.outputs:
            if output in parents:
                raise DataError(f"two functions of {where} compute {_name(output)}.", help=_HELP)
            parents[output] = name
    for name, function in network.functions.items():
        computed = [parents[variable] for variable in function.inputs if variable in parents]
        waiting[name] = len(computed)
        for parent in computed:
            readers.setdefault(parent, []).append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    done = 0
    while ready:
        done += 1
        for reader in readers.get(ready.pop(), ()):
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    if done < len(waiting):
        raise DataError(
            f"{len(waiting) - done} functions of {where} wait for each other in a "
            f"circle, such as {_name(next(name for name, count in waiting.items() if count))}.",
            help=_HELP,
        )


def check_call(
    function: Any, inputs: Sequence[nn.Variable], shapes: Sequence[Tuple[int, ...]], where: str
) -> None:
    """Checks a function against the shapes that its inputs really have.

    Args:
        function: A ``ProtoFunction`` of NNabla.
        inputs: Its inputs as built, without its parameters.
        shapes: Shapes of all its inputs.
        where: What messages call the network.

    Raises:
        DataError: If it would end the process.
    """
    least = _LEAST_AXES.get(function.type, 0)
    for variable in inputs:
        if len(variable.shape) < least:
            raise DataError(
                f"{where}: {function.type} {_name(function.name)} takes inputs of {least} axes or "
                f"more, got the shape {variable.shape}.",
                help=_HELP,
            )
        _check_shape(where, function.name, variable.shape)
    wrong = misfit(function.type, function.args or {}, shapes)
    if wrong is not None:
        raise DataError(f"{where}: {function.type} {_name(function.name)} {wrong}.", help=_HELP)
    if function.type == "Tile" and inputs:
        _check_shape(where, function.name, [*inputs[0].shape, *function.args["reps"]])


def _check_shape(where: str, name: str, shape: Sequence[int]) -> None:
    if len(shape) > MOST_AXES:
        raise DataError(
            f"{where}: {_name(name)} has {len(shape):,} axes, the limit is {MOST_AXES}.",
            help=_HELP,
        )
    if elements([abs(size) for size in shape]) > MAX_ELEMENTS:
        text = ", ".join(map(str, shape[:8]))
        raise DataError(
            f"{where}: {_name(name)} has the shape ({text}) of "
            f"{elements([abs(size) for size in shape]):.3g} elements, the limit is "
            f"{MAX_ELEMENTS:,}.",
            help="such a file is damaged, or its network too large for an edge device",
        )


def _check_made(where: str, name: str, count: float) -> None:
    if not count <= _MAX_MADE:
        raise DataError(
            f"{where}: {_name(name)} makes {count:.3g} values, the limit is {_MAX_MADE:,}.",
            help="such a file is damaged, or its network too large for an edge device",
        )


def _few(where: str, what: str, count: int, limits: Limits) -> None:
    check_limit(where, f"has {{:,}} {what[:100]}", count, limits.functions)


def _name(name: str) -> str:
    return name if len(name) < 80 else name[:77] + "..."
