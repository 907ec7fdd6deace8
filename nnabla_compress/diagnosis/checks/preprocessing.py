# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Inputs that are not such as the network was calibrated or trained on."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import numpy as np

from nnabla_compress.diagnosis.case import Case
from nnabla_compress.diagnosis.finding import Finding, register_check
from nnabla_compress.diagnosis.passes import passed
from nnabla_compress.graph.constants import value
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.safe_names import shell_word

_TIMES, _SHIFT = 3.0, 3.0  # of the spread
_MOST = 0.9  # of the samples, without the loudest ones
_PIXELS = 255.0
_BEFORE_ALL = 2.0
_BATCH_NORMALIZATION = "BatchNormalization"


@register_check("preprocessing")
def preprocessing(case: Case) -> List[Finding]:
    """Returns what differs between these inputs and those that the network knows.

    Args:
        case: What is looked at.
    """
    known = {str(row["name"]): row for row in case.known_inputs}
    found = []
    for name, values in case.arrays.items():
        row = known.get(name)
        if row is None and len(case.arrays) == len(known) == 1:
            (row,) = known.values()
        if row is None:
            continue
        was_mean, was = float(row["mean"]), float(row["std"]) or 1e-12

        def off(
            taken: np.ndarray, mean: float = was_mean, spread: float = was
        ) -> Tuple[float, ...]:
            std = float(taken.std())
            shift = abs(float(taken.mean()) - mean) / max(spread, std)
            return max(std, 1e-12) / spread, shift

        factor, shift = off(values)
        if _is_usual(factor, shift) or _is_usual(*off(_most(values))):
            continue
        seen = _told(*(float(n) for n in (values.min(), values.max(), values.mean(), values.std())))
        before = _told(float(row["low"]), float(row["high"]), was_mean, was)
        found.append(
            Finding(
                "preprocessing",
                f"the input {name} is not what the network was quantized for",
                f"Its values go {seen}; in the run they went {before}. {_advice(factor)}",
                f"nnabla-compress diagnose {case.place} {case.samples_named.shrunk(factor).words}",
                _BEFORE_ALL,
            )
        )
    return found or _by_batch_normalization(case)


def _told(low: float, high: float, mean: float, std: float) -> str:
    return f"from {low:.4g} to {high:.4g} (mean {mean:.4g}, spread {std:.4g})"


def _advice(factor: float) -> str:
    if _PIXELS / 2 < factor < 2 * _PIXELS:
        return "They look like pixels from 0 to 255 where 0 to 1 are wanted."
    return "Scale, mean and std must be those of its training."


def _by_batch_normalization(case: Case) -> List[Finding]:
    """The statistics that the first batch normalization learned, beside those that it sees."""
    network = case.float_network
    first = next(
        (f for f in functions(network.all_outputs) if f.info.type_name == _BATCH_NORMALIZATION),
        None,
    )
    if first is None:
        return []
    seen: List[np.ndarray] = []
    passed(network, case.arrays, {first: lambda values: seen.append(np.array(values))})
    values = np.concatenate(seen)
    every, most = (_statistics(first, each) for each in (values, _most(values)))
    if every is None or most is None or _is_usual(*every) or _is_usual(*most):
        return []
    factor, shift = every
    return [
        Finding(
            "preprocessing",
            "the inputs are not such as the network was trained on",
            f"What its first batch normalization sees spreads {factor:.3g} times as much as in "
            f"training, and is off by {shift:.2g} of that spread. {_advice(factor)}",
            f"nnabla-compress evaluate {shell_word(case.file)} "
            f"{case.samples_named.shrunk(factor).words}",
            _BEFORE_ALL,
        )
    ]


def _is_usual(factor: float, shift: float) -> bool:
    return 1 / _TIMES < factor < _TIMES and shift < _SHIFT


def _most(values: np.ndarray) -> np.ndarray:
    """The samples without the loudest ones: a few of these are outliers, no other scale."""
    energy = np.square(values, dtype=np.float64).reshape(len(values), -1).sum(axis=1)
    return values[np.sort(np.argsort(energy, kind="stable")[: max(1, int(_MOST * len(values)))])]


def _statistics(function: Any, values: np.ndarray) -> Optional[Tuple[float, float]]:
    """How many times what was learned values spread, and how far off they are, in the middle."""
    args = function.info.args
    axes = args.get("axes") or [1]
    mean, variance = (value(each).reshape(-1) for each in function.inputs[-2:])
    rest = tuple(axis for axis in range(values.ndim) if axis not in axes)
    own_mean, own = values.mean(axis=rest).reshape(-1), values.std(axis=rest).reshape(-1)
    if own_mean.shape != mean.shape:
        return None
    spread = np.sqrt(np.maximum(variance, 1e-12))
    factor = float(np.median(own / spread))
    shift = float(np.median(np.abs(own_mean - mean) / np.maximum(spread, own)))
    return max(factor, 1e-6), shift
