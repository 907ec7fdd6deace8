# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a whole network costs: parameters, operations, weight memory, and activation memory.

The peak of the activation memory follows the execution: a buffer is taken when a function writes it
(an input's before the first function) and given back after its last reader. The peak is the largest
sum, over the functions, of the buffers held while the function runs:
``max_t sum(bytes(b) for b if born(b) <= t <= last_read(b))``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import nnabla as nn

from nnabla_compress.analysis.layers import layers
from nnabla_compress.analysis.places import places
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.rewrite import depending, functions, leaves
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.regularizers.memory import FLOAT_BITS, NetworkMemory
from nnabla_compress.turns import one_at_a_time

# Their output is their input under another shape or name, whatever flag they carry.
_SAME_MEMORY = ("Reshape", "Identity")


@dataclass(frozen=True)
class NetworkCosts:
    """What a network costs, activations for one sample.

    Args:
        parameters: Number of parameters in use, each once, quantizers' own left out.
        macs: Multiply-accumulate operations of the layers for one sample.
        float_weight_bytes: 4 bytes for each parameter.
        weight_bytes: Parameters at the bits of their quantizers, without tables.
        activation_bytes: Outputs of activation functions, or of the quantizers behind them, added
            up: the figure of the papers.
        buffer_bytes: All inputs and computed tensors added up, as if no memory were used twice.
        peak_bytes: Most bytes held at a time where memory is given back after the last reader.
        peak_at: The function that runs then.
        samples: Rows of a batch, by which sizes were divided; 1 if the inputs' first axes differ.
    """

    parameters: int
    macs: int
    float_weight_bytes: int
    weight_bytes: int
    activation_bytes: int
    buffer_bytes: int
    peak_bytes: int
    peak_at: str
    samples: int


class Moment(NamedTuple):
    """A moment of the execution.

    Args:
        at: The function that runs.
        bytes: Bytes of activations that are held meanwhile, for one sample.
    """

    at: str
    bytes: int


@dataclass
class _Buffer:
    """Memory of one or several variables, from the function that writes it to its last reader."""

    elements: int
    bits: float
    born: int
    last: int = field(default=-1)

    @property
    def bytes(self) -> int:
        return _bytes(self.elements, self.bits)


def _bytes(elements: int, bits: float) -> int:
    return int(-(-elements * bits // 8))


@one_at_a_time
def costs(
    outputs: Sequence[nn.Variable],
    parameters: Optional[Mapping[str, nn.Variable]] = None,
    inputs: Optional[Sequence[nn.Variable]] = None,
) -> NetworkCosts:
    """Returns what a network costs.

    Functions marked to work in place share the memory of an input that nobody else reads, as do
    Reshape and quantizers; outputs are held to the end. What is computed from parameters alone
    counts as a weight, not as an activation.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path; by default those of the current parameter scope.
        inputs: The network's inputs; by default the leaves of the graph that are no parameter.

    Returns:
        The costs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.tanh(PF.affine(nn.Variable((1, 100)), 50, name="a"))
        >>> found = costs([PF.affine(h, 10, name="b")])
        >>> found.parameters, found.macs, found.activation_bytes, found.peak_bytes, found.peak_at
        (5560, 5500, 200, 600, 'Affine a/affine')
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    found = layers(outputs, parameters)
    order = functions(outputs)
    if inputs is None:
        inputs = inputs_of(outputs, parameters)
    dynamic = set(inputs)
    sizes = _parameter_sizes(outputs, order, dynamic)
    samples = _samples(inputs)
    buffers = _buffers(outputs, order, dynamic, samples)
    peak, step = _peak(buffers, len(order))
    names = list(places(outputs, parameters).values())
    memory = NetworkMemory.of(outputs)
    return NetworkCosts(
        parameters=sum(elements for elements, _ in sizes),
        macs=sum(layer.macs for layer in found),
        float_weight_bytes=sum(_bytes(elements, FLOAT_BITS) for elements, _ in sizes),
        weight_bytes=sum(_bytes(elements, bits) for elements, bits in sizes),
        activation_bytes=int(-(-memory.activation_bytes // 1)),
        buffer_bytes=sum(buffer.bytes for buffer in buffers),
        peak_bytes=peak,
        peak_at=names[step] if names else "",
        samples=samples,
    )


@one_at_a_time
def memory_over_time(
    outputs: Sequence[nn.Variable],
    parameters: Optional[Mapping[str, nn.Variable]] = None,
    inputs: Optional[Sequence[nn.Variable]] = None,
) -> List[Moment]:
    """Returns how much memory is held while each function runs, whose peak :func:`costs` tells.

    Args:
        outputs: As of :func:`costs`.
        parameters: Likewise.
        inputs: Likewise.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.tanh(PF.affine(nn.Variable((1, 100)), 50, name="a"))
        >>> [moment.bytes for moment in memory_over_time([PF.affine(h, 10, name="b")])]
        [600, 400, 240]
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    if inputs is None:
        inputs = inputs_of(outputs, parameters)
    order, dynamic = functions(outputs), set(inputs)
    held = _held(_buffers(outputs, order, dynamic, _samples(inputs)), len(order))
    computed = depending(outputs, inputs)
    names = places(outputs, parameters).values()
    return [
        Moment(name, bytes)
        for function, name, bytes in zip(order, names, held)
        if any(variable in computed for variable in function.outputs)
    ]


def _samples(inputs: Sequence[nn.Variable]) -> int:
    rows = {variable.shape[0] if variable.shape else 1 for variable in inputs}
    return max(1, rows.pop()) if len(rows) == 1 else 1


def _parameter_sizes(
    outputs: Sequence[nn.Variable], order: Sequence[Any], dynamic: Set[nn.Variable]
) -> List[Tuple[int, float]]:
    """Returns elements and bits of each parameter."""
    own: Set[Any] = set()
    bits: Dict[Any, float] = {}
    for function in order:
        quantizer = quantizer_of(function)
        if quantizer is not None:
            own.update(variable.data for variable in function.inputs[1:])
            of_node = quantizer.bits_of(function.info.args, function.inputs)
            bits[function.inputs[0].data] = of_node
    arrays = {leaf.data: leaf for leaf in leaves(outputs) if leaf not in dynamic}
    return [
        (int(leaf.size), bits.get(array, FLOAT_BITS))
        for array, leaf in arrays.items()
        if array not in own
    ]


def _buffers(
    outputs: Sequence[nn.Variable], order: Sequence[Any], dynamic: Set[nn.Variable], samples: int
) -> List[_Buffer]:
    """Returns the buffers of the activations, in the order in which they are taken."""
    readers: Dict[nn.Variable, int] = dict.fromkeys(outputs, 1)
    for function in order:
        for variable in set(function.inputs):
            readers[variable] = readers.get(variable, 0) + 1
    held: Dict[nn.Variable, _Buffer] = {
        variable: _Buffer(_elements(variable, samples), FLOAT_BITS, 0) for variable in dynamic
    }
    found = list(held.values())
    for step, function in enumerate(order):
        read = [held[variable] for variable in function.inputs if variable in held]
        if function.inputs and not read:
            continue
        for buffer in read:
            buffer.last = step
        quantizer = quantizer_of(function)
        shared = _shared_input(function, readers)
        for position, output in enumerate(function.outputs):
            if position == 0 and shared is not None and shared in held:
                buffer = held[shared]
            else:
                buffer = _Buffer(_elements(output, samples), FLOAT_BITS, step)
                found.append(buffer)
            buffer.elements = max(buffer.elements, _elements(output, samples))
            if quantizer is not None:
                buffer.bits = quantizer.bits_of(function.info.args, function.inputs)
            buffer.last = step
            held[output] = buffer
    for variable in outputs:
        if variable in held:
            held[variable].last = len(order)
    return found


def _elements(variable: nn.Variable, samples: int) -> int:
    return -(-int(variable.size) // samples)


def _shared_input(function: Any, readers: Mapping[nn.Variable, int]) -> Optional[nn.Variable]:
    """Returns the input whose memory takes the first output, None if it has its own."""
    if quantizer_of(function) is not None:
        # The device rounds as it writes: the float map is never stored.
        return function.inputs[0] if readers[function.inputs[0]] == 1 else None
    if function.info.type_name in _SAME_MEMORY:
        return function.inputs[0]
    first = function.inputs[0] if function.inputs else None
    # NNabla does not heed this flag everywhere, a device may: where nobody reads the input later.
    if first is not None and function.info.args.get("inplace") and readers[first] == 1:
        return first if first.size == function.outputs[0].size else None
    for position, variable in enumerate(function.inputs):
        if function.inplace_data(position) and function.inplace_data_with(position) == 0:
            return variable
    return None


def _held(buffers: Sequence[_Buffer], steps: int) -> List[int]:
    """Returns the bytes that are held during each function."""
    change = [0] * (steps + 2)
    for buffer in buffers:
        change[buffer.born] += buffer.bytes
        change[max(buffer.last, buffer.born) + 1] -= buffer.bytes
    found, held = [], 0
    for number in range(max(steps, 1)):
        held += change[number]
        found.append(held)
    return found


def _peak(buffers: Sequence[_Buffer], steps: int) -> Tuple[int, int]:
    """Returns the most bytes held at a time, and during which function."""
    held = _held(buffers, steps)
    best = max(held)
    return best, held.index(best)
