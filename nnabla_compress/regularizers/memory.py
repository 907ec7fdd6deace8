# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much memory the weights and activations of a graph take, at the bits of its quantizers.

Sizes are those of the papers: each weight and bias, and each element of an activation of one
sample, times its bits. 1 kB = 1024 B, 1 MB = 1024 kB. Tensors without a quantizer take 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.function_types import ACTIVATIONS, LAYERS
from nnabla_compress.quantizers.base import quantizer_of

FLOAT_BITS = 32


@dataclass(frozen=True)
class TensorMemory:
    """A weight, bias or activation of a graph.

    Args:
        name: The layer, or the place of the activation; "" where the graph does not say.
        elements: Number of elements; of an activation for one sample.
        function: The quantizer node, None for a float tensor.
        least_bits: Bits that a training shall leave, where the quantizer could have fewer.
    """

    name: str
    elements: int
    function: Optional[Any]
    least_bits: int = 0

    @property
    def bits(self) -> float:
        """Bits of an element now."""
        if self.function is None:
            return FLOAT_BITS
        quantizer = quantizer_of(self.function)
        assert quantizer is not None
        return quantizer.bits_of(self.function.info.args, self.function.inputs)

    @property
    def bytes(self) -> float:
        """Bytes of all elements now."""
        return self.bits * self.elements / 8

    @property
    def learns_bits(self) -> bool:
        """Whether a training can change the bits."""
        if self.function is None:
            return False
        quantizer = quantizer_of(self.function)
        return quantizer is not None and quantizer.learns_bits(self.function.info.args)

    @property
    def fewest_bits(self) -> int:
        """The fewest bits of a tensor that learns them."""
        assert self.function is not None
        return max(int(self.function.info.args["min_bits"]), self.least_bits)

    @property
    def reachable(self) -> Tuple[float, float]:
        """Bytes at the fewest and at the most bits; as now where bits are fixed."""
        if not self.learns_bits:
            return self.bytes, self.bytes
        assert self.function is not None
        most = int(self.function.info.args["max_bits"])
        return self.fewest_bits * self.elements / 8, most * self.elements / 8


@dataclass(frozen=True)
class NetworkMemory:
    """The tensors of a graph that a device stores.

    Args:
        weights: Weights and biases, each parameter once.
        activations: Outputs of quantizers of activations, and of activation functions without one.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> import nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> h = PF.affine(nn.Variable((1, 64)), 32, apply_w=Q.LUT(bits=4), name="fc")
        >>> memory = NetworkMemory.of([F.relu(h)])
        >>> memory.weight_bytes, memory.activation_bytes, memory.largest_activation_bytes
        (1152.0, 128.0, 128.0)
    """

    weights: Tuple[TensorMemory, ...]
    activations: Tuple[TensorMemory, ...]

    @classmethod
    def of(cls, outputs: Iterable[nn.Variable]) -> NetworkMemory:
        """Reads the tensors of a graph.

        Args:
            outputs: Variables of one graph.
        """
        functions = _functions(outputs)
        weights: Dict[Any, TensorMemory] = {}
        activations: Dict[nn.Variable, TensorMemory] = {}
        for function in functions:
            if function.info.type_name in LAYERS:
                for effective in function.inputs[1:]:
                    source, node = _source(effective)
                    name = str(node.info.args.get("name", "")) if node is not None else ""
                    weights[source.data] = TensorMemory(name, int(source.size), node)
        known = set(weights)
        for function in functions:
            if not function.inputs:
                continue
            tensor = function.inputs[0]
            elements = int(np.prod(function.outputs[0].shape[1:]))
            if quantizer_of(function) is not None and tensor.data not in known:
                # It takes the place of the float map that it quantizes.
                activations.pop(tensor, None)
                name = str(function.info.args.get("name", ""))
                activations[function.outputs[0]] = TensorMemory(name, elements, function)
            elif function.info.type_name in ACTIVATIONS:
                activations[function.outputs[0]] = TensorMemory("", elements, None)
        return cls(tuple(weights.values()), tuple(activations.values()))

    @property
    def weight_bytes(self) -> float:
        """Bytes of all weights and biases."""
        return sum(tensor.bytes for tensor in self.weights)

    @property
    def activation_bytes(self) -> float:
        """Bytes of all activations of one sample, added up."""
        return sum(tensor.bytes for tensor in self.activations)

    @property
    def largest_activation_bytes(self) -> float:
        """Bytes of the largest activation of one sample."""
        return max((tensor.bytes for tensor in self.activations), default=0.0)


def quantized_weights(outputs: Iterable[nn.Variable]) -> List[TensorMemory]:
    """Returns the weights of layers that pass a quantizer, without biases, each once.

    Args:
        outputs: Variables of one graph.

    Returns:
        The weights in the order of execution.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> import nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> h = PF.affine(nn.Variable((1, 8)), 4, name="a", apply_w=Q.LUT(bits=4))
        >>> [tensor.name for tensor in quantized_weights([PF.affine(h, 2, name="b")])]
        ['a/affine']
    """
    found: Dict[Any, TensorMemory] = {}
    for function in _functions(outputs):
        if function.info.type_name in LAYERS and len(function.inputs) > 1:
            source, node = _source(function.inputs[1])
            if node is not None:
                name = str(node.info.args.get("name", ""))
                found.setdefault(source.data, TensorMemory(name, int(source.size), node))
    return list(found.values())


def _functions(outputs: Iterable[nn.Variable]) -> List[Any]:
    found: List[Any] = []
    for output in outputs:
        output.visit(lambda function: found.append(function))
    return found


def _source(effective: nn.Variable) -> Tuple[nn.Variable, Optional[Any]]:
    """The parameter behind what a layer multiplies with, and its quantizer.

    Between them may stand functions of a trained parameter, such as Transpose.
    """
    behind = effective
    while behind.parent is not None and behind.parent.inputs:
        function = behind.parent
        behind = function.inputs[0]
        if quantizer_of(function) is not None:
            trained = behind.parent is None and behind.need_grad
            if function == effective.parent or trained:
                return behind, function
            break
    return (behind, None) if behind.parent is None and behind.need_grad else (effective, None)
