# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""WaveQ in a training: the period of the sine of each layer is learned, and with it its bits.

The training has three phases, with t the share of it that is done, a and f the options
``learn_from`` and ``settle_from``, and R of :mod:`nnabla_compress.regularizers.waveq`::

    loss + lambda_w(t) sum_layers R(w; beta) + lambda_beta(t) sum_layers beta

    lambda_w(t)    = lambda_w (1 + tanh((t - a) / width)) / 2
    lambda_beta(t) = lambda_beta (tanh((t - a) / width) - tanh((t - f) / width)) / 2

* **explore**, to ``a``: both strengths are next to 0, the network is float.
* **learn bits**, to ``f``: weights move to the levels of their beta, and beta to where that costs
  least. beta has a solver of its own, plain gradient descent, and is clipped to its bounds after
  each update: without a lower one it collapses.
* **settle**: beta is frozen, since it would grow again without ``lambda_beta``; the quantizers get
  the bits ``ceil(beta) + 1`` and the best step for the weights that there are, and keep these bits.
  The forward pass is quantized, and the sine has the levels of the quantizers (SinReQ).

Bits stand in the parameters of the quantizers at any time, as those that DQ learns, so budgets,
monitors, reports and exports find them there. Epochs before the last phase can't be the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import nnabla.solvers as S
import numpy as np
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions import quantized_when
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers.base import Quantizer, quantizer_of
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.regularizers.sinreq import (
    GridWeight,
    chosen_weights,
    require_strength,
    total,
)
from nnabla_compress.regularizers.waveq import FORMS, WavePenalty
from nnabla_compress.sizes import parse_size
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.schedules import bump, require_share, strength_at
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

_ROUNDINGS = ("up", "nearest")
# A beta that is this close above a whole number is one: it is a float32.
_WHOLE = 1e-5
# How far lambda_beta alone moves beta where nobody says how fast it learns.
_USUAL_WAY = 4.0
# The most that a budget multiplies lambda_beta by in the phase is e to the power of this; and the
# part of the phase after which it should be kept.
_MOST_DRIVE, _REACHED = 10.0, 0.8


class Wave:
    """A layer whose bits are learned.

    Args:
        found: Its weight and quantizer.
        least: Smallest beta that is asked for.
        most: Largest beta that is asked for.
        start: The beta to start from; None for that of the quantizer's bits.
        form: As of :class:`~nnabla_compress.regularizers.waveq.WavePenalty`.

    Raises:
        ConfigError: If the quantizer does not learn its bits, or can't have those asked for.
    """

    def __init__(
        self, found: GridWeight, least: float, most: float, start: Optional[float], form: int
    ) -> None:
        self.name, self.function, self.found = found.name, found.function, found
        args = found.function.info.args
        if not self._kind.learns_bits(args):
            raise ConfigError(
                f"waveq: the bits of {self._kind.label(args)} of {found.name} are fixed.",
                help="let it learn them: for uniform, learn: d_qmax, b_d or b_qmax",
            )
        self.least = max(least, float(args["min_bits"] - 1))
        self.most = min(most, float(args["max_bits"] - 1))
        if self.least > self.most:
            raise ConfigError(
                f"waveq: beta of {found.name} shall be from {least:g} to {most:g}, its quantizer "
                f"has {args['min_bits']} to {args['max_bits']} bits, which is a beta from "
                f"{args['min_bits'] - 1} to {args['max_bits'] - 1}.",
                help="change least and most of the term, or min_bits and max_bits",
            )
        begin = float(args["bits"] - 1) if start is None else start
        if not self.least <= begin <= self.most:
            raise ConfigError(
                f"waveq: beta of {found.name} starts at {begin:g}, outside {self.least:g} to "
                f"{self.most:g}.",
                help="beta is stored bits less 1: change start, or the bits of the quantizer",
            )
        self.beta = nn.Variable.from_numpy_array(np.full(1, begin, np.float32), need_grad=True)
        grid = found.grid()
        self.node = WavePenalty(grid.offset, grid.squeeze is not None, form)
        self.penalty = self.node(found.weight, self.beta)

    @property
    def _kind(self) -> Any:
        kind = quantizer_of(self.function)
        assert kind is not None and issubclass(kind, Quantizer)
        return kind

    @property
    def bits(self) -> int:
        """The bits that the quantizer has now."""
        return int(self._kind.bits_of(self.function.info.args, self.function.inputs))

    def bits_of_beta(self, rounding: str) -> int:
        """Returns the stored bits that beta stands for.

        Args:
            rounding: ``up`` or ``nearest``.
        """
        beta = float(self.beta.d[0])
        whole = math.ceil(beta - _WHOLE) if rounding == "up" else math.floor(beta + 0.5)
        return min(max(whole + 1, self.fewest_bits), math.floor(self.most) + 1)

    @property
    def fewest_bits(self) -> int:
        """The bits at the smallest beta."""
        return math.ceil(self.least) + 1

    def clip(self) -> None:
        """Brings beta back to its bounds."""
        self.beta.d = np.clip(self.beta.d, self.least, self.most)

    def fit(self, bits: int) -> None:
        """Gives the quantizer these bits, and what fits the weight best at them."""
        self._kind.fit_bits(self.function.info.args, self.function.inputs, bits)

    def hold(self, bits: int) -> None:
        """Keeps the quantizer at these bits."""
        self._kind.hold_bits(self.function.info.args, self.function.inputs, bits)

    def settle(self, bits: int) -> None:
        """Freezes beta at these bits; the sine has the levels of the quantizer from now on."""
        self.beta.d = float(bits - 1)
        self.node.settled = self.found.grid


@dataclass
class WaveQ(Term):
    """Learns the bits of layers by a sine whose period is trained.

    Args:
        lambda_w: Strength of the sine, positive.
        lambda_beta: Strength of the penalty for bits, positive.
        beta_learning_rate: Learning rate of beta; None for that with which ``lambda_beta`` alone
            would move it by 4.
        start: The beta to start from; None for that of each quantizer's bits.
        least: Smallest beta, 1 or more.
        most: Largest beta.
        learn_from: Where bits begin to be learned, as a share of the training.
        settle_from: From where they stay, likewise.
        width: How wide rise and fall of the strengths are, likewise.
        form: The power of 2**beta that the sine is divided by: 0, 1 or 2.
        rounding: How beta becomes bits: ``up`` or ``nearest``.
        weights: Memory budget of all weights, which drives ``lambda_beta``: it grows while they
            take more than they should by then, and falls while they take less.
        layers: A pattern of names of layers, as a shell matches files, or several.

    Raises:
        ConfigError: If an option is out of its range.
    """

    lambda_w: float = 1.0
    lambda_beta: float = 0.02
    beta_learning_rate: Optional[float] = None
    start: Optional[float] = None
    least: float = 1.0
    most: float = 8.0
    learn_from: float = 0.2
    settle_from: float = 0.6
    width: float = 0.01
    form: int = 1
    rounding: str = "up"
    weights: Optional[Union[float, str]] = None
    layers: Union[str, List[str]] = "*"

    def __post_init__(self) -> None:
        require_strength("waveq: lambda_w", self.lambda_w)
        require_strength("waveq: lambda_beta", self.lambda_beta, "try 0.02")
        if self.beta_learning_rate is not None:
            require_strength(
                "waveq: beta_learning_rate", self.beta_learning_rate, "leave it out: it suits then"
            )
        for name, value in (("least", self.least), ("most", self.most)):
            if not 1 <= value <= 15:
                raise ConfigError(
                    f"waveq: {name} is {value:g}, a beta goes from 1 to 15.",
                    help="it is stored bits less 1, and collapses below 1: choose in that range",
                )
        if not self.least <= self.most:
            raise ConfigError(
                f"waveq: least={self.least:g} is above most={self.most:g}.",
                help="they are the smallest and the largest beta, stored bits less 1: swap them",
            )
        if self.start is not None and not self.least <= self.start <= self.most:
            raise ConfigError(
                f"waveq: beta starts at {self.start:g}, outside least={self.least:g} to "
                f"most={self.most:g}.",
                help="beta is stored bits less 1",
            )
        require_share("waveq", "learn_from", self.learn_from)
        require_share("waveq", "settle_from", self.settle_from)
        if not self.learn_from < self.settle_from:
            raise ConfigError(
                f"waveq: bits are learned from learn_from={self.learn_from:g} to settle_from="
                f"{self.settle_from:g} of the training: they would settle before they are learned.",
                help="choose learn_from below settle_from: 0.2 and 0.6 for instance",
            )
        if not 0 < self.width <= 1:
            raise ConfigError(
                f"waveq: width is {self.width:g}, it is a share of the training.",
                help="choose above 0, to 1: 0.01 for instance",
            )
        if self.form not in FORMS:
            raise ConfigError(f"waveq: form is {self.form}.", help="choose 0, 1 or 2; usual is 1")
        if self.rounding not in _ROUNDINGS:
            raise ConfigError(
                f"waveq: rounding is {self.rounding!r}.",
                help=did_you_mean(self.rounding, _ROUNDINGS),
            )
        if self.weights is not None:
            parse_size(self.weights, "waveq: weights")
        self._settled: Optional[List[int]] = None
        self._taken: List[str] = []
        # What a budget multiplies lambda_beta by, and the bytes where bits began to be learned.
        self._drive = 1.0
        self._begun: Optional[float] = None
        self._waves: List[Wave] = []
        self.budget: Optional[MemoryBudget] = None

    def waves(self, outputs: Sequence[nn.Variable]) -> List[Wave]:
        """Returns the layers of a graph whose bits are learned.

        Args:
            outputs: Variables of the graph.

        Raises:
            ConfigError: If there are none, or a layer's quantizer is not for it.
        """
        found = chosen_weights(outputs, self.layers, "waveq")
        return [Wave(each, self.least, self.most, self.start, self.form) for each in found]

    def budget_of(self, outputs: Sequence[nn.Variable]) -> Optional[MemoryBudget]:
        """Returns the budget of a graph, None if there is none to keep.

        Args:
            outputs: Variables of the graph.
        """
        if self.weights is None:
            return None
        fewest = {wave.function: wave.fewest_bits for wave in self.waves(outputs)}
        return MemoryBudget(outputs, weights=self.weights, least_bits=fewest)

    def network(self, outputs: List[nn.Variable]) -> List[nn.Variable]:
        """Returns the network with weights that are float until bits have settled."""
        found = {each.function for each in chosen_weights(outputs, self.layers, "waveq")}
        self._quantized = _constant(0.0, (1,))

        def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
            if function not in found:
                return None
            (quantized,) = clone(function, arguments)
            return quantized_when(quantized, arguments[0], self._quantized)

        return rebuild(outputs, replace)

    def attach(self, training: Training) -> None:
        """Finds the layers, and gives each its beta.

        Raises:
            ConfigError: If ``lambda_beta`` can't move any beta in the updates that there are.
        """
        outputs = training.outputs
        self._waves = self.waves(outputs)
        self.budget = self.budget_of(outputs)
        self._total = training.total
        self._strength_w, self._strength_beta = _constant(0.0, ()), _constant(0.0, ())
        self._solver = S.Sgd(self._learning_rate())
        self._solver.set_parameters({wave.name: wave.beta for wave in self._waves})

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the sines and the penalty for bits."""
        sines = total([wave.penalty for wave in self._waves]) * self._strength_w
        bits = F.sum(total([wave.beta for wave in self._waves])) * self._strength_beta
        return objective + sines + bits

    def before_forward(self, iteration: int) -> None:
        """Sets the strengths, and whether the forward pass is quantized."""
        if iteration == 0:
            self._write_bits()
        share = iteration / max(self._total, 1)
        rise = strength_at("tanh", share, self.learn_from, self.width)
        self._strength_w.d = self.lambda_w * rise
        factor = bump(share, self.learn_from, self.settle_from, self.width)
        learns = self._settled is None
        self._strength_beta.d = self.lambda_beta * self._drive * factor if learns else 0.0
        self._quantized.d = float(self._settled is not None)
        self._solver.zero_grad()

    def after_update(self, iteration: int) -> None:
        """Moves beta, and the bits with it; settles them where their phase ends."""
        if self._settled is not None:
            for wave, bits in zip(self._waves, self._settled):
                wave.hold(bits)
            return
        self._solver.update()
        for wave in self._waves:
            wave.clip()
        self._write_bits()
        self._follow_budget((iteration + 1) / self._total)
        if iteration + 1 >= self.settle_from * self._total:
            self._settle()

    def end_epoch(self, done: int) -> None:
        """Lets the network be scored as it would be with the bits of now."""
        if self._settled is None:
            self._write_bits(anew=True)
        self._quantized.d = 1.0

    def monitors(self) -> Mapping[str, float]:
        """Returns each layer's beta and bits, the sum of the sines, and both strengths."""
        found: Dict[str, float] = {}
        for wave in self._waves:
            place = wave.name.replace("/", ".")
            found[f"Beta {place}"] = float(wave.beta.d[0])
            found[f"Bits {place}"] = float(wave.bits)
        sines = 0.0
        for wave in self._waves:
            sines += wave.node.value(wave.found.weight, wave.beta)
        strengths = {
            "Lambda w": float(self._strength_w.d),
            "Lambda beta": float(self._strength_beta.d),
        }
        return {**found, "Sine penalty": sines, **strengths}

    def fits(self) -> bool:
        """Returns whether bits have settled, and are within the budget."""
        return self._settled is not None and (self.budget is None or self.budget.fits)

    def state(self) -> Dict[str, Any]:
        """Returns each beta, the bits that have settled, and what the budget did."""
        return {
            "waveq_beta": [float(wave.beta.d[0]) for wave in self._waves],
            "waveq_bits": self._settled,
            "waveq_taken": self._taken,
            "waveq_drive": [self._drive, self._begun],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        for wave, beta in zip(self._waves, state["waveq_beta"]):
            wave.beta.d = float(beta)
        settled = state["waveq_bits"]
        self._taken = [str(name) for name in state["waveq_taken"]]
        drive, begun = state["waveq_drive"]
        self._drive, self._begun = float(drive), None if begun is None else float(begun)
        if settled is not None:
            self._hold([int(bits) for bits in settled])

    def outcome(self) -> Dict[str, Any]:
        """Returns beta, bits, and the mean distance in steps from the levels, by layer."""
        layers = {
            wave.name: {
                "beta": float(wave.beta.d[0]),
                "bits": wave.bits,
                "distance": wave.found.distance_now(),
            }
            for wave in self._waves
        }
        return {"waveq": {"layers": layers, "taken_for_budget": list(self._taken)}}

    def _learning_rate(self) -> float:
        updates = sum(
            bump(i / self._total, self.learn_from, self.settle_from, self.width)
            for i in range(math.ceil(self.settle_from * self._total))
        )
        if self.beta_learning_rate is None:
            return _USUAL_WAY / max(self.lambda_beta * updates, 1e-12)
        way = self.beta_learning_rate * self.lambda_beta * updates
        needed = [_to_lose_a_bit(wave, self.rounding) for wave in self._waves]
        need = min((each for each in needed if each > 0), default=0.0)
        if self._total and way < need:
            raise ConfigError(
                f"waveq: lambda_beta={self.lambda_beta:g} at beta_learning_rate="
                f"{self.beta_learning_rate:g} moves beta by at most {way:.3g} while bits are "
                f"learned: no layer would lose a bit, which takes {need:.3g}.",
                help=f"raise one of them {math.ceil(need / max(way, 1e-12)):,} times, train "
                "longer, or leave beta_learning_rate out",
            )
        return self.beta_learning_rate

    def _write_bits(self, anew: bool = False) -> None:
        """Puts the bits of each beta into its quantizer, where they are others; or anew."""
        for wave in self._waves:
            bits = wave.bits_of_beta(self.rounding)
            if anew or bits != wave.bits:
                wave.fit(bits)

    def _follow_budget(self, share: float) -> None:
        """Makes the penalty for bits stronger while the weights take more than they should by now.

        What they should take falls evenly from what they took at the start to the budget, which it
        reaches before the bits settle.
        """
        if self.budget is None or share < self.learn_from:
            return
        (limit,) = self.budget.limits
        if self._begun is None:
            self._begun = limit.used
        phase = self.settle_from - self.learn_from
        done = min((share - self.learn_from) / (_REACHED * phase), 1.0)
        allowed = self._begun + (limit.bytes - self._begun) * done
        change = math.exp(_MOST_DRIVE / max(phase * self._total, 1))
        self._drive = self._drive * change if limit.used > allowed else self._drive / change

    def _settle(self) -> None:
        self._write_bits(anew=True)
        if self.budget is not None:
            self._taken = self.budget.enforce()
        self._hold([wave.bits for wave in self._waves])

    def _hold(self, bits: List[int]) -> None:
        self._settled = bits
        for wave, each in zip(self._waves, bits):
            wave.settle(each)


@register_term("waveq")
class WaveQOptions(TermOptions):
    """Learns the bits of layers by a sine whose period is trained, in three phases (WaveQ).

    Args:
        lambda_w: Strength of the sine, positive.
        lambda_beta: Strength of the penalty for bits, positive.
        beta_learning_rate: Learning rate of beta, stored bits less 1. Left out, the one with which
            ``lambda_beta`` alone would move it by 4.
        start: The beta to start from. Left out, that of the bits of each quantizer.
        least: Smallest beta, 1 or more.
        most: Largest beta, up to 15.
        learn_from: Where bits begin to be learned, as a share of the training: 0 to below 1. Before
            it the network is trained as it is, after it weights move to levels.
        settle_from: From where the bits stay, likewise: the forward pass is quantized from here.
        width: How wide rise and fall of the strengths are, likewise.
        form: The power of 2**beta that the sine is divided by: 0, 1 or 2.
        rounding: How beta becomes bits: ``up`` or ``nearest``.
        weights: Memory budget of all weights, such as ``70 kB``. It drives ``lambda_beta``, which
            grows while they take more than they should by then and falls while they take less, and
            it is kept in the end.
        layers: A pattern of names of layers, as a shell matches files, or several. Their quantizers
            learn bits, and have levels at equal distances.
    """

    lambda_w: float = 1.0
    lambda_beta: float = 0.02
    beta_learning_rate: Optional[float] = None
    start: Optional[float] = None
    least: float = 1.0
    most: float = 8.0
    learn_from: float = 0.2
    settle_from: float = 0.6
    width: float = 0.01
    form: int = 1
    rounding: str = "up"
    weights: Optional[Union[float, str]] = None
    layers: Union[str, List[str]] = "*"

    @model_validator(mode="after")
    def _in_range(self) -> WaveQOptions:
        WaveQ(**self.model_dump())
        return self

    @property
    def settles_weight_bits(self) -> bool:
        """It does."""
        return True

    @property
    def shows_weights(self) -> bool:
        """It moves them where a picture shows it."""
        return True

    @property
    def drawn_series(self) -> Mapping[str, str]:
        """Those of beta."""
        return {"Beta": "beta, stored bits less 1"}

    def make(self, teacher: Build) -> WaveQ:
        """Returns the term."""
        return WaveQ(**self.model_dump())

    def budget_of(self, outputs: List[nn.Variable]) -> Optional[MemoryBudget]:
        """Returns the budget of a graph, None if there is none to keep.

        Args:
            outputs: Its outputs.
        """
        return WaveQ(**self.model_dump()).budget_of(outputs)

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Returns what sizes the budget can choose from.

        Raises:
            ConfigError: If a layer is not for the term.
            InfeasibleBudgetError: If the budget can't be kept.
        """
        WaveQ(**self.model_dump()).waves(outputs)
        budget = self.budget_of(outputs)
        return [] if budget is None else budget.describe()


def _to_lose_a_bit(wave: Wave, rounding: str) -> float:
    """How far beta must fall for a bit less; 0 where it has the fewest."""
    beta, bits = float(wave.beta.d[0]), wave.bits_of_beta(rounding)
    if bits - 1 <= math.ceil(wave.least):
        return 0.0
    return beta - (bits - 2 if rounding == "up" else bits - 1.5)


def _constant(value: float, shape: Tuple[int, ...]) -> nn.Variable:
    variable = nn.Variable.from_numpy_array(np.full(shape, value, np.float32))
    variable.persistent = True
    return variable
