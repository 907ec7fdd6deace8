# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""SinReQ: weights are pulled to the levels of their quantizers while they are trained.

The mean squared sine of each layer's distances, summed over the layers::

    R = sum_layers 1/n sum_j sin(pi (w_j / step - offset))**2

is added to the loss. With k bits on [-1, 1] the levels are (i + 1/2) step with the step
``2 / (2**k - 1)`` (mid-rise, DoReFa) or i step with ``1 / (2**(k - 1) - 1)`` (mid-tread, WRPN);
here they are those that each quantizer has at the moment, whatever its range. What is pulled is
the float weight that is trained; the forward pass has the quantized one already.

Where this deviates from the published code, on purpose:

* Its q is k - 1: with its steps ``1 / (2**q - 1/2)`` and ``1 / (2**q - 1)`` and q = k the minima
  lie twice as dense as the levels of the quantizer.
* Outside the outermost level of a quantizer there are none, so weights there are pulled back to
  it. The published sine goes on; its weights never leave the range of its quantizers.

A. T. Elthakeb et al., SinReQ: Generalized sinusoidal regularization for low-bitwidth deep quantized
training, arXiv:1905.01416.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, List, NamedTuple, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.regularizers.memory import quantized_weights
from nnabla_compress.regularizers.sine_penalty import SinePenalty, mean_distance, mean_steps


class GridWeight(NamedTuple):
    """A weight whose quantizer has levels at equal distances.

    Args:
        name: Its layer.
        function: The quantizer node.
    """

    name: str
    function: Any

    @property
    def weight(self) -> nn.Variable:
        """What is quantized."""
        return self.function.inputs[0]

    def grid(self) -> LevelGrid:
        """Returns the levels as they are now."""
        quantizer = quantizer_of(self.function)
        assert quantizer is not None
        grid = quantizer.grid_of(self.function.info.args, self.function.inputs)
        assert grid is not None
        return grid

    def penalty(self) -> nn.Variable:
        """Returns the penalty, of shape (), at the levels that there are in each forward pass."""
        return SinePenalty(self.grid)(self.weight)

    def penalty_now(self) -> float:
        """Returns the value of the penalty."""
        return mean_distance(host_array(self.weight.data, np.float32), self.grid())

    def distance_now(self) -> float:
        """Returns the mean distance of the weights from their levels, in steps."""
        return mean_steps(host_array(self.weight.data, np.float32), self.grid())


def chosen_weights(
    outputs: Sequence[nn.Variable], layers: Union[str, Sequence[str]] = "*", term: str = "sinreq"
) -> List[GridWeight]:
    """Returns the quantized weights of a graph in the order of execution, each once.

    Args:
        outputs: Variables of one graph.
        layers: A pattern of the names of their layers, as a shell matches files, or several.
        term: What messages call who asks.

    Raises:
        ConfigError: If there are none, or the levels of a quantizer are not at equal distances.
    """
    patterns = [layers] if isinstance(layers, str) else list(layers)
    tensors = quantized_weights(outputs)
    found = []
    for tensor in tensors:
        if not any(fnmatchcase(tensor.name, pattern) for pattern in patterns):
            continue
        assert tensor.function is not None
        quantizer = quantizer_of(tensor.function)
        assert quantizer is not None
        if quantizer.grid_of(tensor.function.info.args, tensor.function.inputs) is None:
            raise ConfigError(
                f"{term}: {quantizer.label(tensor.function.info.args)} of "
                f"{tensor.name or '(no name)'} has no levels at equal distances, where a sine "
                "could have its minima.",
                help="quantize this layer with uniform or affine, or choose others by layers",
            )
        found.append(GridWeight(tensor.name, tensor.function))
    if tensors and not found:
        raise ConfigError(
            f"{term}: no layer with a quantized weight matches {', '.join(patterns)}.",
            help=f"the names are {', '.join(tensor.name for tensor in tensors[:8])}",
        )
    if not found:
        raise ConfigError(
            f"{term}: no weight of the network is quantized.",
            help="quantize weights before, for instance with uniform:bits=3",
        )
    return found


def sinreq(outputs: Union[nn.Variable, Sequence[nn.Variable]], weight: float = 1.0) -> nn.Variable:
    """Returns a loss term that pulls weights to the levels of their quantizers.

    ``weight * sum_layers 1/n sum_j sin(pi (w_j / step - offset))**2``

    Args:
        outputs: Variables of the graph, with its quantizers.
        weight: Strength of the term, positive: its size beside the loss.

    Returns:
        The term, of shape (), to add to the loss.

    Raises:
        ConfigError: If no weight is quantized, a quantizer has no levels at equal distances, or the
            strength is not positive.

    References:
        A. T. Elthakeb et al., arXiv:1905.01416.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> import nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> w = np.float32([[0, 0.25, 0.5]])
        >>> y = PF.affine(nn.Variable((1, 1)), 3, w_init=w, with_bias=False,
        ...               apply_w=Q.Uniform(bits=3, initial_step=0.5))
        >>> term = sinreq(y, weight=0.3)
        >>> term.forward()
        >>> round(float(term.d), 6)    # 0.3 * (0 + 1 + 0) / 3
        0.1
    """
    require_strength("sinreq: weight", weight)
    found = chosen_weights([outputs] if isinstance(outputs, nn.Variable) else outputs)
    return total([each.penalty() for each in found]) * weight


def total(terms: Sequence[nn.Variable]) -> nn.Variable:
    """Returns the sum of Variables of shape ().

    Args:
        terms: One or more.
    """
    return terms[0] if len(terms) == 1 else F.add_n(*terms)


def require_strength(
    name: str, value: float, way_out: str = "try 1, or leave the term out"
) -> None:
    """Refuses a strength that is not positive and finite.

    Args:
        name: What messages call it.
        value: The strength.
        way_out: What to do instead.

    Raises:
        ConfigError: If it is 0 or less, or no finite number.
    """
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name} is {value}: it must be positive.", help=way_out)
