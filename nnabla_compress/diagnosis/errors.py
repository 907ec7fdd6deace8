# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""What each quantized tensor costs: alone, all else float, and together with those before it.

With the outputs y of the network without quantizers, and q of the network with some of them::

    SNR = 10 log10(sum y^2 / sum (y - q)^2)   in dB

"Without quantizers" is as it was before them: where a calibration has set weights to what they are
rounded to, those that it began with. "Alone" q has the quantizers of one tensor, "together" those
of all tensors up to it in the order of execution. The noise of tensors alone adds up, as far as
they are independent; the share of a tensor is its part of this sum.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import decibels
from nnabla_compress.analysis.layers import layers
from nnabla_compress.calibration.observe import compute
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves, rebuild
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers.base import is_given, quantizer_of
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.turns import one_at_a_time

WEIGHTS, MAPS = "weights", "maps"
Restored = Mapping[Any, Mapping[nn.Variable, nn.Variable]]
_NOTHING: Restored = {}


class TensorError(NamedTuple):
    """What a quantized tensor costs.

    Args:
        name: The layer whose weights and bias these are, or the map.
        kind: "weights" or "maps".
        bits: Bits of an element.
        alone: SNR of the outputs in dB with nothing else quantized.
        together: SNR of the outputs in dB with all tensors up to this one quantized.
        share: Its part of the noise of all tensors alone, 0 to 1.
    """

    name: str
    kind: str
    bits: float
    alone: float
    together: float
    share: float


class Quantized(NamedTuple):
    """A quantized tensor of a graph.

    Args:
        name: The layer, or the map.
        kind: "weights" or "maps".
        nodes: Its quantizers: of a layer those of its weight and its bias.
    """

    name: str
    kind: str
    nodes: Tuple[Any, ...]

    @property
    def bits(self) -> float:
        """Bits of an element: of a weight, not of a bias."""
        node = next((n for n in self.nodes if n.info.args.get("tensor") != "b"), self.nodes[0])
        quantizer = quantizer_of(node)
        assert quantizer is not None
        return float(quantizer.bits_of(node.info.args, node.inputs))


def quantized_tensors(outputs: Sequence[nn.Variable]) -> List[Quantized]:
    """Returns the quantized tensors of a graph in the order of execution.

    Args:
        outputs: Variables of one graph.
    """
    memory = NetworkMemory.of(outputs)
    of_weights = {tensor.function for tensor in memory.weights if tensor.function is not None}
    found: Dict[Tuple[str, str], List[Any]] = {}
    for number, node in enumerate(functions(outputs)):
        if quantizer_of(node) is None or is_given(node):
            continue
        kind = WEIGHTS if node in of_weights else MAPS
        name = str(node.info.args.get("name") or f"{kind} {number}")
        found.setdefault((name, kind), []).append(node)
    return [Quantized(name, kind, tuple(nodes)) for (name, kind), nodes in found.items()]


def restored(network: Network, before: Mapping[str, np.ndarray]) -> Restored:
    """Returns variables that hold what parameters were before their quantization set them.

    Args:
        network: The quantized network.
        before: Values by path of the parameter, of as many as are known.

    Returns:
        By quantizer of a weight: for the weight and the bias of its layer another variable.
    """
    parameters = network.parameters
    paths = {variable.data: path for path, variable in parameters.items()}
    of_data: Dict[Any, List[nn.Variable]] = {}
    for leaf in leaves(network.all_outputs):
        of_data.setdefault(leaf.data, []).append(leaf)
    found: Dict[Any, Dict[nn.Variable, nn.Variable]] = {}
    for layer in layers(network.all_outputs, parameters):
        for parameter in (layer.weight, layer.bias):
            path = None if parameter is None else paths.get(parameter.data)
            if layer.quantizer is None or parameter is None or path is None or path not in before:
                continue
            values = before[path]
            if values.shape == parameter.shape:
                made = constant(values, path, parameter.need_grad)
                own = found.setdefault(layer.quantizer, {})
                own.update((leaf, made) for leaf in of_data.get(parameter.data, ()))
    return found


def keeping(
    outputs: Sequence[nn.Variable], kept: Set[Any], before: Restored = _NOTHING
) -> List[nn.Variable]:
    """Builds a graph again with some of its quantizers, all else float.

    Args:
        outputs: Variables of one graph.
        kept: The quantizers that stay, beside those that the network came with.
        before: As of :func:`restored`: what parameters are where their quantizer does not stay.
    """
    others: Dict[nn.Variable, nn.Variable] = {}
    for node, own in before.items():
        if node not in kept:
            others.update(own)

    def replace(function: Any, arguments: List[nn.Variable]) -> Any:
        left_out = quantizer_of(function) is not None and not is_given(function)
        return arguments[0] if left_out and function not in kept else None

    return rebuild(outputs, replace, others)


@one_at_a_time
def tensor_errors(
    network: Network, arrays: Mapping[str, np.ndarray], before: Restored = _NOTHING
) -> List[TensorError]:
    """Returns what each quantized tensor costs, in the order of execution.

    Args:
        network: The network, for inference, its quantizers initialised.
        arrays: Samples (N, ...) by name of the input.
        before: As of :func:`restored`.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> w = np.float32([[1], [2], [3], [4.25]])
        >>> y = PF.affine(x, 1, w_init=w, apply_w=Uniform(bits=4, initial_step=1), name="fc")
        >>> row, = tensor_errors(Network({"x": x}, {"y": y}), {"x": np.float32([[1, 1, 1, 1]])})
        >>> row.name, row.kind, row.bits, round(row.alone, 1) == round(row.together, 1), row.share
        ('fc/affine', 'weights', 4.0, True, 1.0)
    """
    outputs, inputs = network.all_outputs, network.all_inputs
    rows = network.in_order(arrays)
    tensors = quantized_tensors(outputs)

    def computed(kept: Set[Any]) -> List[np.ndarray]:
        with nn.auto_forward(False):
            return compute(keeping(outputs, kept, before), inputs, rows)

    plain = computed(set())
    signal = sum(float(np.square(y, dtype=np.float64).sum()) for y in plain)

    def noise(kept: Set[Any]) -> float:
        pairs = zip(plain, computed(kept))
        return sum(float(np.square(y - q, dtype=np.float64).sum()) for y, q in pairs)

    alone: List[float] = []
    together: List[float] = []
    earlier: Set[Any] = set()
    for tensor in tracked("tensors", tensors, len(tensors)):
        earlier = earlier | set(tensor.nodes)
        alone.append(noise(set(tensor.nodes)))
        together.append(noise(earlier))
    total = sum(alone) or 1.0
    return [
        TensorError(
            tensor.name,
            tensor.kind,
            tensor.bits,
            decibels(signal, of_one),
            decibels(signal, of_all),
            of_one / total,
        )
        for tensor, of_one, of_all in zip(tensors, alone, together)
    ]
