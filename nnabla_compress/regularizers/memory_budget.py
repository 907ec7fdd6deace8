# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Budgets for the memory of a network as a term of its loss.

With the sizes S in kB, at the bits that the quantizers have now, and the budgets S0::

    penalty = strength * sum_j max(0, S_j - S0_j)**2

over the weights' memory, the activations' memory added up, and the largest activation. The
gradient reaches step and range of each quantizer through its bits (straight-through).

S. Uhlich et al., Mixed precision DNNs: All you need is a good parametrization, ICLR 2020,
arXiv:1905.11452, section 3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

import nnabla as nn
import nnabla.functions as F

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.quantizers.base import Quantizer, quantizer_of
from nnabla_compress.regularizers.memory import NetworkMemory, TensorMemory
from nnabla_compress.sizes import parse_size, size_text

Size = Union[str, int, float]


class Limit(NamedTuple):
    """One of the budgets.

    Args:
        name: "weights", "activations" or "activations_max".
        bytes: The most that is allowed.
        tensors: The tensors that count.
        largest: Whether the largest tensor counts, or all of them together.
    """

    name: str
    bytes: float
    tensors: Tuple[TensorMemory, ...]
    largest: bool

    def total(self, sizes: Sequence[float]) -> float:
        """Returns what counts of the tensors' sizes."""
        return max(sizes, default=0.0) if self.largest else sum(sizes)

    @property
    def used(self) -> float:
        """Bytes now."""
        return self.total([tensor.bytes for tensor in self.tensors])

    def reachable(self) -> Tuple[float, float]:
        """Bytes at the fewest and at the most bits."""
        return (
            self.total([tensor.reachable[0] for tensor in self.tensors]),
            self.total([tensor.reachable[1] for tensor in self.tensors]),
        )


class MemoryBudget:
    """Memory budgets of one graph.

    Args:
        outputs: Variables of the graph, with its quantizers.
        weights: Budget for all weights and biases, such as "70 kB".
        activations: Budget for all activations of one sample, added up.
        activations_max: Budget for the largest activation of one sample.
        strength: Weight of the penalty, with sizes in kB. The paper's 0.1 suits CIFAR-10 networks;
            for larger ones scale it by the squared ratio of the sizes.
        least_bits: Bits that are left to a weight, by its quantizer's node, where the quantizer
            could have fewer.

    Raises:
        ConfigError: If no budget is given, one is no size, or no bits are learned.
        InfeasibleBudgetError: If a budget is below what the fewest bits need.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 64)), 64, apply_w=Uniform(8), name="fc")
        >>> MemoryBudget([y], weights="3 kB").describe()[0].split(",")[0]
        'weights: budget 3.00 kB'
    """

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        weights: Optional[Size] = None,
        activations: Optional[Size] = None,
        activations_max: Optional[Size] = None,
        strength: float = 0.1,
        least_bits: Optional[Mapping[Any, int]] = None,
    ) -> None:
        if not 0 < strength < float("inf"):
            raise ConfigError(f"memory_budget: weight is {strength}, not positive.", help="try 0.1")
        self.strength = strength
        self.memory = NetworkMemory.of(outputs)
        left = least_bits or {}
        of_weights = tuple(
            replace(tensor, least_bits=left.get(tensor.function, 0))
            for tensor in self.memory.weights
        )
        asked = {
            "weights": (weights, of_weights, False),
            "activations": (activations, self.memory.activations, False),
            "activations_max": (activations_max, self.memory.activations, True),
        }
        self.limits = [
            Limit(name, parse_size(size, f"memory_budget: {name}"), tensors, largest)
            for name, (size, tensors, largest) in asked.items()
            if size is not None
        ]
        if not self.limits:
            raise ConfigError(
                "memory_budget: no budget is given.", help="give weights='70 kB', for instance"
            )
        for limit in self.limits:
            _check(limit)

    def describe(self) -> List[str]:
        """Returns a line for each budget: what it is, what is used, and what can be reached."""
        lines = []
        for limit in self.limits:
            least, most = limit.reachable()
            lines.append(
                f"{limit.name}: budget {size_text(limit.bytes)}, now {size_text(limit.used)}, "
                f"reachable {size_text(least)} to {size_text(most)} "
                f"({sum(tensor.learns_bits for tensor in limit.tensors)} of {len(limit.tensors)} "
                "tensors learn their bits)"
            )
        return lines

    def penalty(self) -> nn.Variable:
        """Returns the penalty as a Variable of shape ()."""
        terms = []
        for limit in self.limits:
            sizes = [_kilobytes(tensor) for tensor in limit.tensors]
            joined = F.concatenate(*sizes, axis=0) if len(sizes) > 1 else sizes[0]
            size = F.max(joined) if limit.largest else F.sum(joined)
            excess = F.relu(F.add_scalar(size, -limit.bytes / 1024))
            terms.append(F.pow_scalar(excess, 2))
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total * self.strength

    @property
    def fits(self) -> bool:
        """Whether every budget is kept now."""
        return all(limit.used <= limit.bytes for limit in self.limits)

    def sizes(self) -> Dict[str, float]:
        """Returns the bytes that each budget counts now, by its name."""
        return {limit.name: limit.used for limit in self.limits}

    def learned(self) -> List[TensorMemory]:
        """Returns the tensors whose bits a training can change, each once."""
        found: Dict[Any, TensorMemory] = {}
        for limit in self.limits:
            found.update((t.function, t) for t in limit.tensors if t.learns_bits)
        return list(found.values())

    def penalty_now(self) -> float:
        """Returns the value of the penalty at the sizes of now."""
        excess = [max(0.0, (limit.used - limit.bytes) / 1024) for limit in self.limits]
        return self.strength * sum(value**2 for value in excess)

    def bits(self) -> List[float]:
        """Returns the bits of the :meth:`learned` tensors now."""
        return [tensor.bits for tensor in self.learned()]

    def hold(self, bits: Sequence[float]) -> None:
        """Keeps every tensor at no more than the given bits.

        Called after each update, it lets steps and ranges learn while the bits are settled.

        Args:
            bits: What :meth:`bits` returned when they were settled, after :meth:`enforce`.
        """
        for tensor, most in zip(self.learned(), bits):
            while tensor.bits > most:
                _take_a_bit(tensor)

    def enforce(self) -> List[str]:
        """Takes bits away, the cheapest first, until every budget is kept.

        A soft penalty leaves a network a few bytes above its budget. Each move takes one bit from
        the tensor where that does the least harm for the bytes that are still to go: a quantizer's
        squared error grows by four with each bit, whatever the size of its tensor, and bytes
        saved beyond the budget are worth nothing.

        Returns:
            The names of the tensors that lost a bit.
        """
        moved: List[str] = []
        for limit in self.limits:
            while limit.used > limit.bytes:
                tensors = [t for t in limit.tensors if t.learns_bits and _can_lose_a_bit(t)]
                if limit.largest:
                    tensors = [t for t in tensors if t.bytes > limit.bytes]
                if not tensors:
                    raise InfeasibleBudgetError(
                        f"{limit.name}: {size_text(limit.bytes)} requested, "
                        f"{size_text(limit.used)} is left at the fewest bits.",
                        help="raise the budget, or lower min_bits",
                    )
                excess = limit.used - limit.bytes
                tensor = min(tensors, key=lambda t: _harm(t) / min(t.elements / 8, excess))
                _take_a_bit(tensor)
                moved.append(tensor.name)
        return moved


def memory_budget(
    outputs: Union[nn.Variable, Sequence[nn.Variable]],
    weights: Optional[Size] = None,
    activations: Optional[Size] = None,
    activations_max: Optional[Size] = None,
    weight: float = 0.1,
) -> nn.Variable:
    """Returns a loss term that pulls a network below memory budgets.

    ``weight * sum_j max(0, S_j - S0_j)**2`` with the sizes in kB (1024 B).

    Args:
        outputs: Variables of the graph, with its quantizers.
        weights: Budget for all weights and biases, such as "70 kB".
        activations: Budget for all activations of one sample, added up.
        activations_max: Budget for the largest activation of one sample.
        weight: Strength of the penalty.

    Returns:
        The term, of shape (), to add to the loss.

    Raises:
        ConfigError: If no budget is given, one is no size, or no bits are learned.
        InfeasibleBudgetError: If a budget is below what the fewest bits need.

    References:
        S. Uhlich et al., arXiv:1905.11452, section 3.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> import nnabla_compress.quantizers as Q
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 64)), 64, with_bias=False, apply_w=Q.Uniform(bits=4))
        >>> penalty = memory_budget(y, weights="1 kB")
        >>> penalty.forward()
        >>> round(float(penalty.d), 6)    # 2 kB at 4 bits: 0.1 * (2 - 1)**2
        0.1
    """
    roots = [outputs] if isinstance(outputs, nn.Variable) else list(outputs)
    return MemoryBudget(roots, weights, activations, activations_max, weight).penalty()


def _kilobytes(tensor: TensorMemory) -> nn.Variable:
    if tensor.learns_bits:
        assert tensor.function is not None
        bits = _quantizer(tensor).bits_variable(tensor.function)
        return F.mul_scalar(bits, tensor.elements / 8 / 1024)
    return F.constant(tensor.bytes / 1024, (1,))


def _quantizer(tensor: TensorMemory) -> Type[Quantizer]:
    quantizer = quantizer_of(tensor.function)
    assert quantizer is not None
    return quantizer


def _take_a_bit(tensor: TensorMemory) -> None:
    assert tensor.function is not None
    _quantizer(tensor).take_a_bit(tensor.function.info.args, tensor.function.inputs)


def _harm(tensor: TensorMemory) -> float:
    """What the loss of one more bit does, in units that compare tensors."""
    return float(4.0 ** (1 - tensor.bits))


def _min_bits(tensor: TensorMemory) -> int:
    assert tensor.function is not None
    return int(tensor.function.info.args["min_bits"])


def _can_lose_a_bit(tensor: TensorMemory) -> bool:
    return tensor.bits > tensor.fewest_bits


def _check(limit: Limit) -> None:
    if not any(tensor.learns_bits for tensor in limit.tensors):
        raise ConfigError(
            f"memory_budget: no tensor of the budget for {limit.name} learns its bits.",
            help="use Uniform or Pow2 with learn='d_qmax', 'qmin_qmax', 'b_d', ...; as rules "
            "uniform:bits=4 or pow2:bits=4, which learn them unless they say otherwise",
        )
    least, _ = limit.reachable()
    if least > limit.bytes:
        learned = [tensor for tensor in limit.tensors if tensor.learns_bits]
        fewest = sorted({tensor.fewest_bits for tensor in learned})
        asked = any(tensor.least_bits > _min_bits(tensor) for tensor in learned)
        raise InfeasibleBudgetError(
            f"{limit.name} {size_text(limit.bytes)} requested, the least reachable is "
            f"{size_text(least)} ({len(limit.tensors)} tensors, "
            f"{'fewest bits' if asked else 'min_bits'} {fewest}).",
            help=f"lower {'least' if asked else 'min_bits'}, leave fewer layers out, or raise the "
            "budget",
        )
