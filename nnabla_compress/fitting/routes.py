# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each target of an export takes of a device, from the float network to the fewest bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from nnabla_compress.errors import CompressError, UnsupportedFunctionError
from nnabla_compress.fitting.devices import bits_of, drafted
from nnabla_compress.fitting.limits import Limits, Sizes
from nnabla_compress.fitting.question import Question
from nnabla_compress.progress import tracked
from nnabla_compress.targets import target_named

FEWEST, WIDTHS = 2, (8, 6, 5, 4, 3, 2)
"""The fewest bits of a weight, and all that are tried."""
# Dictionaries of so many bits are the smaller ones: where C kernels read them as they are, and
# where functions of the graph decode them.
_PACKED, _DECODED = 4, 2
_NEAR = 1.05


@dataclass
class Route:
    """A target, and what networks take when exported for it.

    Args:
        question: The network and its data.
        target: Name of the target.
        prefer: As of a recipe's ``export``.
        codes: Whether there are weights that can be quantized.
    """

    question: Question
    target: str
    prefer: str = "flash"
    codes: bool = True
    _known: Dict[str, Sizes] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The target, and what is preferred if that was chosen."""
        return self.target if self.prefer == "flash" else f"{self.target}, prefer {self.prefer}"

    @property
    def has_bits(self) -> bool:
        """Whether weights take the bits that they are given, not those of the target."""
        return self.codes and not target_named(self.target).rounds_numbers

    def rule(self, bits: int) -> str:
        """Returns the rule for a weight of so many bits.

        Args:
            bits: The bits.
        """
        target = target_named(self.target)
        decoded = _DECODED if target.chooses_storage else 0  # others hold whole numbers only
        most = _PACKED if target.packs_weights else decoded
        return f"{'lut' if bits <= most else 'affine'}:bits={bits}"

    def sizes(self, steps: Sequence[Dict[str, Any]] = ()) -> Sizes:
        """Returns what a network takes; each is made once.

        Args:
            steps: What makes it of the float network.

        Raises:
            CompressError: If it can't be made or exported.
        """
        key = repr(steps)
        if key not in self._known:
            self._known[key] = drafted(self.question, list(steps), self.target, self.prefer)
        return self._known[key]

    def of_bits(self, bits: int, before: Sequence[Dict[str, Any]] = ()) -> Sizes:
        """Returns what a network with the same bits for all weights takes.

        Args:
            bits: The bits.
            before: Steps before it is quantized.
        """
        return self.sizes([*before, bits_of([self.rule(bits)])] if self.has_bits else before)

    def most_bits(
        self, limits: Limits, before: Sequence[Dict[str, Any]] = ()
    ) -> Optional[Tuple[int, Sizes]]:
        """Returns the most bits with which a network keeps to limits, and what it takes.

        Args:
            limits: The limits.
            before: Steps before it is quantized.

        Raises:
            CompressError: If it can't be made or exported.
        """
        least = self.of_bits(FEWEST, before)
        if not limits.hold(least):
            return None
        if not self.has_bits:
            return WIDTHS[0], least
        most = self.of_bits(WIDTHS[0], before)
        slope = (most.flash - least.flash) / (WIDTHS[0] - FEWEST)
        for bits in WIDTHS[:-1]:
            # Sizes grow by about as much with each bit: not all need to be made.
            if least.flash + slope * (bits - FEWEST) <= _NEAR * limits.flash:
                found = self.of_bits(bits, before)
                if limits.hold(found):
                    return bits, found
        return FEWEST, least


def routes_of(
    question: Question, targets: Sequence[str], tell: Callable[[str], None]
) -> List[Route]:
    """Returns the routes of all targets that run the network, of any preference where they differ.

    Args:
        question: The network and its data.
        targets: Names of targets.
        tell: Called with a line for each target that can't.

    Raises:
        UnsupportedFunctionError: If none can.
    """
    found: List[Route] = []
    refused: List[CompressError] = []
    for target in tracked("sizes on the targets", targets, len(targets)):
        route = Route(question, target)
        try:
            plain = least = route.sizes()
        except CompressError as error:
            refused.append(error)
            tell(f"{target}: can't be used: {error.message}")
            continue
        found.append(route)
        try:
            least = route.of_bits(FEWEST)
        except CompressError as error:
            route.codes = False
            tell(f"{target}: as it is only: {error.message}")
        if not (target_named(target).chooses_storage and least.ram > plain.ram):
            continue
        for prefer in ("both", "ram"):
            other = Route(question, target, prefer)
            least = other.of_bits(FEWEST)
            if least.flash < plain.flash and least != found[-1].of_bits(FEWEST):
                found.append(other)
    if not found:
        raise UnsupportedFunctionError(
            f"no target of an export runs this network: {refused[0].message}",
            help=refused[0].help,
        )
    return found
