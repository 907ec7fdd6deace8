# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a verification found: agreements, whether promises were kept, accuracies, warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from nnabla_compress.agreement import Agreement
from nnabla_compress.errors import VerifyError
from nnabla_compress.exporters import tolerance

_TOLD = ("equal", "largest", "root_mean_square", "same_class", "snr", "bit_equal")


@dataclass(frozen=True)
class Promise:
    """What two computations owe each other.

    Args:
        text: In words.
        equal: All numbers must be equal, as
            :func:`~nnabla_compress.agreement.same_values` says.
        bits: All numbers must have the same bits, signs of zeros included.
        largest: Limit of the largest difference, None for no such limit.
        root_mean_square: Limit of the root mean square difference, likewise.
    """

    text: str
    equal: bool = False
    largest: Optional[float] = None
    root_mean_square: Optional[float] = None
    bits: bool = False

    def kept(self, found: Agreement) -> bool:
        """Returns whether an agreement is as close as promised."""
        if self.bits:
            return found.bit_equal == 1.0
        if self.equal:
            return found.equal == 1.0
        return (self.largest is None or found.largest <= self.largest) and (
            self.root_mean_square is None or found.root_mean_square <= self.root_mean_square
        )


EQUAL = Promise("value for value", equal=True)
BITS = Promise("bit for bit", bits=True)
NOTHING = Promise("nothing")


def within(largest: float) -> Promise:
    """Returns the promise of a largest difference, as a part of the output's largest magnitude.

    Args:
        largest: The part, 0 or more.

    Example:
        >>> within(1e-4).text
        'within 0.0001 of the output'
    """
    return Promise(f"within {largest:g} of the output", largest=largest)


# Where activations are quantized, a value on a border between two steps may fall to either side.
SINGLE_STEPS = Promise(
    f"within {100 * tolerance.SINGLE_STEPS:.0f} % (root mean square): single values may fall to "
    "the next step",
    root_mean_square=tolerance.SINGLE_STEPS,
)
# Integers of few bits.
HALF = Promise("within half of the output (root mean square)", root_mean_square=tolerance.HALF)


@dataclass(frozen=True)
class Comparison:
    """Two computations of the same outputs.

    Args:
        first: What computed the one.
        second: What computed the other.
        promise: What they owe each other.
        outputs: How far they agree in each output, by its name.
    """

    first: str
    second: str
    promise: Promise
    outputs: Mapping[str, Agreement]

    @property
    def kept(self) -> bool:
        """Whether the promise was kept for all outputs."""
        return all(self.promise.kept(found) for found in self.outputs.values())

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as a plain dict, as JSON takes it."""
        return {
            "between": [self.first, self.second],
            "promised": self.promise.text,
            "kept": self.kept,
            "outputs": [{"output": name, **_told(found)} for name, found in self.outputs.items()],
        }


def _told(found: Agreement) -> Dict[str, Any]:
    """What JSON holds of an agreement, where a number that is none is null."""
    told = {key: getattr(found, key) for key in _TOLD}
    return {**told, "snr": None if math.isnan(found.snr) else found.snr}


@dataclass(frozen=True)
class Verification:
    """What a verification found.

    Args:
        files: What was compared, by name.
        samples: How many samples, and where they are from.
        count: Number of samples.
        comparisons: Neighbours of the chain float network, graph, .nnp, simulator, runtime.
        accuracies: Share of samples whose class was found, by what computed it.
        warnings: Traps of the C runtime that the file steps into.
        notes: What the comparisons can't tell, a sentence each.
    """

    files: Dict[str, str]
    samples: str
    count: int
    comparisons: Tuple[Comparison, ...]
    accuracies: Dict[str, float] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def kept(self) -> bool:
        """Whether all promises were kept."""
        return all(comparison.kept for comparison in self.comparisons)

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as a plain dict, as JSON takes it."""
        return {
            "files": self.files,
            "samples": {"from": self.samples, "count": self.count},
            "comparisons": [comparison.as_dict() for comparison in self.comparisons],
            "accuracies": self.accuracies,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "kept": self.kept,
        }

    def check(self) -> None:
        """Raises if a promise was broken.

        Raises:
            VerifyError: Naming the comparisons and outputs.
        """
        broken: List[str] = []
        for comparison in self.comparisons:
            for name, found in comparison.outputs.items():
                if not comparison.promise.kept(found):
                    broken.append(
                        f"{comparison.first} and {comparison.second} differ in output "
                        f"{name} by {found.largest:.3g} ({found.equal:.2%} of the "
                        f"numbers are equal), promised is {comparison.promise.text}"
                    )
        if broken:
            raise VerifyError(
                "; ".join(broken) + ".",
                help="export again; if it stays, report it with the .nnp file",
            )
