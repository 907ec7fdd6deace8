# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Widths that come from the data: units that their posterior switches off (gamma shrinkage).

Unit k of a layer counts with the rate ::

    r_k = (|w_k|^2 + |v_k|^2) / 2

of the weights that make it and those that read it: of a ReLU, whose lengths can move from one to
the other, |w_k| |v_k| is the least that it can be. As the rates of hyperplanes in a parsimonious
Bayesian network, it has the prior Gamma(1 / K, 1 / c) for K units. Its logarithm, over the number
of samples 1 / strength, is added to the loss::

    strength * sum_k ((1 - 1 / K) ln(r_k + smallest) + c r_k)

The density is infinite at 0: a unit that the data don't hold falls there. Below ``smallest`` it is
switched off and stays at zero; the step ``shrink`` takes it out.

After M. Zhou, Parsimonious Bayesian deep networks, NeurIPS 2018, arXiv:1805.08719.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import model_validator

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_parameter
from nnabla_compress.analysis.couplings import Couplings, as_network
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

_COUNTED = ("output", "input", "scale")
_ZEROED = (*_COUNTED, "shift")


class _Part(NamedTuple):
    """A parameter with entries of each unit."""

    parameter: nn.Variable
    axis: int
    where: np.ndarray  # (units, entries)
    counts: bool

    def squares(self) -> nn.Variable:
        """Sums of the squares of each unit's entries, (1, units)."""
        others = [a for a in range(self.parameter.ndim) if a != self.axis]
        by_entry = F.sum(self.parameter**2, axis=others) if others else self.parameter**2
        member = np.zeros((self.parameter.shape[self.axis], len(self.where)), np.float32)
        for unit, places in enumerate(self.where):
            member[places, unit] = 1
        return F.affine(F.reshape(by_entry, (1, -1)), constant(member, "units", False))

    def numbers(self) -> np.ndarray:
        """The same as numbers, (units,)."""
        values = np.moveaxis(np.asarray(self.parameter.d, np.float64), self.axis, 0)
        by_entry = np.square(values).reshape(len(values), -1).sum(axis=1)
        found: np.ndarray = by_entry[self.where].sum(axis=1)
        return found


class _Units(NamedTuple):
    """The units that go together, of one group of channels."""

    name: str
    size: int
    parts: Tuple[_Part, ...]

    def rates(self) -> np.ndarray:
        return np.sum([part.numbers() for part in self.parts if part.counts], axis=0) / 2


@dataclass
class Shrinkage(Term):
    """Adds the logarithm of the rates' prior, and switches units off whose rate is next to nothing.

    Args:
        strength: What the prior counts beside the mean loss of a sample: 1 over the number of
            training samples is what the posterior asks for; more shrinks more.
        rate: c, 0 or more.
        smallest: The rate below which a unit is off, positive.
        layers: A pattern of names of layers, as a shell matches files, or several: whose units may
            be switched off.

    Raises:
        ConfigError: If one is out of its range.
    """

    strength: float = 1e-3
    rate: float = 1.0
    smallest: float = 1e-3
    layers: Union[str, List[str]] = "*"

    def __post_init__(self) -> None:
        for name, least in (("strength", False), ("smallest", False), ("rate", True)):
            value = getattr(self, name)
            if not (0 < value < float("inf") or (least and value == 0)):
                raise ConfigError(
                    f"shrinkage: {name} is {value}.",
                    help=f"choose {'0 or more' if least else 'a positive number'}, such as 1e-3",
                )

    def attach(self, training: Training) -> None:
        """Finds the units.

        Raises:
            ConfigError: If there are none.
        """
        self._units = units(training.outputs, self.layers)
        self._off: Dict[str, List[int]] = {each.name: [] for each in self._units}

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the prior."""
        for each in self._units:
            rates = 0.5 * sum(part.squares() for part in each.parts if part.counts)
            pulled = (1 - 1 / each.size) * F.log(rates + self.smallest)
            objective = objective + self.strength * F.sum(pulled + self.rate * rates)
        return objective

    def after_update(self, iteration: int) -> None:
        """Keeps at zero what is off."""
        for each in self._units:
            if self._off[each.name]:
                _put_to_zero(each, self._off[each.name])

    def end_epoch(self, done: int) -> None:
        """Switches units off whose rate has fallen; the last of a layer stays."""
        for each in self._units:
            rates = each.rates()
            off = np.flatnonzero(rates < self.smallest)
            if len(off) == each.size:
                off = np.delete(off, int(np.argmax(rates[off])))
            self._off[each.name] = off.tolist()
            _put_to_zero(each, self._off[each.name])

    def monitors(self) -> Mapping[str, float]:
        """Returns how many units are on."""
        return {"Units": float(self._every() - self._count())}

    def state(self) -> Dict[str, Any]:
        """Returns which units are off."""
        return {"shrinkage": self._off}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes that back."""
        self._off = {name: list(some) for name, some in state["shrinkage"].items()}

    def outcome(self) -> Dict[str, Any]:
        """Returns how many units there were, and are left, of each group of channels."""
        left = {e.name: [e.size, e.size - len(self._off[e.name])] for e in self._units}
        return {"shrinkage": {"units": self._every(), "off": self._count(), "left": left}}

    def _every(self) -> int:
        return sum(each.size for each in self._units)

    def _count(self) -> int:
        return sum(map(len, self._off.values()))


def _put_to_zero(each: _Units, off: Sequence[int]) -> None:
    for part in each.parts:
        places = part.where[list(off)].ravel()
        if places.size:
            values = np.array(part.parameter.d)
            np.moveaxis(values, part.axis, 0)[places] = 0
            part.parameter.d = values


def units(
    outputs: Sequence[nn.Variable], patterns: Union[str, Sequence[str]] = "*"
) -> List[_Units]:
    """Returns the units of a network that can go, by groups that only go together.

    Args:
        outputs: Variables of one graph.
        patterns: A pattern of names of layers, as a shell matches files, or several.

    Raises:
        ConfigError: If there are none.
    """
    couplings = Couplings(as_network(list(outputs)))
    scales = {
        scale.data
        for function in functions(outputs)
        if function.info.type_name in FOLDABLE
        for scale in [scale_parameter(function)]
        if scale is not None
    }
    free = [group for group in couplings.groups if group.kept is None and group.size > 1]
    wanted = [patterns] if isinstance(patterns, str) else patterns
    chosen = [group for group in free if any(fnmatchcase(group.name, p) for p in wanted)]
    if not chosen:
        names = [group.name for group in free]
        raise ConfigError(
            f"shrinkage: no units that can go match {', '.join(wanted)}.",
            help=did_you_mean("", names) if names else "the network has a single layer",
        )
    found = []
    for group in chosen:
        own = {m.parameter: couplings.parameter(m.parameter) for m in group.members}
        normalized = any(variable.data in scales for variable in own.values())

        # Before a normalization lengths mean nothing: its scale is what counts.
        counted = ("input", "scale") if normalized else _COUNTED
        parts = tuple(
            _Part(own[m.parameter], m.axis, np.asarray(m.where), m.role in counted)
            for m in group.members
            if m.role in _ZEROED
        )
        found.append(_Units(group.name, group.size, parts))
    return found


@register_term("shrinkage")
class ShrinkageOptions(TermOptions):
    """Lets units that the data don't hold fall to zero, so that widths come from the data.

    Rates of units get the prior of a gamma process. The step shrink takes out what is off.

    Args:
        strength: What the prior counts beside the mean loss of a sample: 1 over the number of
            training samples is what the posterior asks for; more shrinks more.
        rate: How much large rates are pulled, 0 or more.
        smallest: The rate below which a unit is off, positive.
        layers: A pattern of names of layers, as a shell matches files, or several: whose units may
            be switched off.
    """

    short = "strength"

    strength: float = 1e-3
    rate: float = 1.0
    smallest: float = 1e-3
    layers: Union[str, List[str]] = "*"

    @model_validator(mode="after")
    def _in_range(self) -> ShrinkageOptions:
        Shrinkage(**self.model_dump())
        return self

    def make(self, teacher: Build) -> Shrinkage:
        """Returns the term."""
        return Shrinkage(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without such units.

        Raises:
            ConfigError: If it has none.
        """
        units(outputs, self.layers)
        return []
