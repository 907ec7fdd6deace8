# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that chooses the options of a transform by trying them, and applies the best."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import nnabla as nn
import numpy as np
from pydantic import Field, SerializeAsAny, field_serializer, field_validator, model_validator

from nnabla_compress.agreement import decibels
from nnabla_compress.analysis.packed_bytes import packed_weight_bytes
from nnabla_compress.calibration.observe import compute
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.graph.network import Network
from nnabla_compress.progress import counted
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.search import each, knapsack  # noqa: F401 - they make themselves known
from nnabla_compress.search.sampler import Sampler, Trial, sampler_of
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.transforms import start_quantizers, transform_named


@register_step("search")
class Search(Step):
    """Tries options of a transform and applies those with the least noise in the outputs.

    A trial applies the transform to a copy of the network, starts its quantizers, and measures
    the noise-to-signal ratio of the outputs on some samples, without labels and without training.

    Args:
        over: The transform whose options are chosen.
        sampler: What proposes them, such as ``{knapsack: {bits: [2, 4, 8]}}`` or
            ``{each: [lut:bits=2, lut:bits=4]}``.
        weights: Most that all weights and biases may take, packed: bytes, or text such as
            ``70 kB``.
        samples: Samples to measure on, drawn from the training samples.
    """

    over: str = "quantize"
    sampler: SerializeAsAny[Sampler] = Field(default_factory=knapsack.Knapsack)
    weights: Optional[Union[float, str]] = None
    samples: int = Field(default=256, ge=1)

    @field_validator("sampler", mode="before")
    @classmethod
    def _known(cls, entry: Any) -> Any:
        return sampler_of(entry)

    @field_serializer("sampler")
    def _by_name(self, sampler: Sampler) -> Record:
        return {sampler.name: sampler.model_dump(mode="json")}

    @model_validator(mode="after")
    def _possible(self) -> Search:
        kind = transform_named(self.over)
        for options in self.sampler.known():
            kind.checked(options, f"search: {self.over}")
        if self.weights is not None:
            parse_size(self.weights, "search: weights")
        return self

    @property
    def sets_values(self) -> bool:
        """Whether what the transform makes of parameters may not follow from what was decided."""
        return transform_named(self.over).fits

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data."""
        return "a search measures on samples"

    def foresee(self, course: Course) -> None:
        """Refuses first options that don't fit the network, and applies them."""
        network, kind = course.network(), transform_named(self.over)
        proposal = self.sampler.propose(network, [], self._limit)
        if proposal is None:
            raise ConfigError("search: the sampler proposes nothing.", help="give it choices")
        least: List[float] = []
        for options in self.sampler.known():
            copy = network.copy()
            with copy.within():
                made, _ = kind.checked(options).apply(copy, course)
                # Without tables, whose sizes follow from values: never more than it will be.
                least.append(NetworkMemory.of(made.all_outputs).weight_bytes)
        self._check_within(min(least, default=0.0), "takes at least")
        course.apply(kind.checked(proposal.options))

    def run(self, course: Course) -> Record:
        """Tries what the sampler proposes, and applies the best."""
        network = course.network()
        arrays = course.samples(self.samples)
        assert arrays is not None
        rows = network.in_order(arrays)
        expected = _computed(network, rows)
        history: List[Trial] = []
        with counted("search", 0) as at:
            while True:
                proposal = self.sampler.propose(network, history, self._limit)
                if proposal is None:
                    break
                history.append(self._trial(course, network, proposal, rows, expected))
                at(len(history))
                if proposal.eligible:
                    course.tell(f"tried {_text(history[-1])}")
        best = self._best(history)
        chosen = best.proposal.options
        if sum(trial.proposal.eligible for trial in history) > 1:
            course.tell(f"chosen {_text(best)}")
        decided = course.apply(transform_named(self.over).checked(chosen))
        trials = [_row(trial) for trial in history]
        found = {key: value for key, value in _row(best).items() if key != "tried"}
        return {"options": chosen, "decided": decided, **found, "trials": trials}

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Applies what was chosen."""
        transform = transform_named(self.over).checked(record["options"])
        course.apply(transform, record["decided"])

    @property
    def _limit(self) -> Optional[float]:
        return None if self.weights is None else parse_size(self.weights, "search: weights")

    def _trial(
        self,
        course: Course,
        network: Network,
        proposal: Any,
        rows: Sequence[np.ndarray],
        expected: Sequence[np.ndarray],
    ) -> Trial:
        transform = transform_named(self.over).checked(proposal.options)
        copy = network.copy()
        with copy.within():
            made, _ = transform.apply(copy, course)
            outputs = made.all_outputs
            start_quantizers(outputs)
            got = _computed(made, rows)
            size = packed_weight_bytes(outputs)
        signal = sum(float(np.square(y, dtype=np.float64).sum()) for y in expected)
        pairs = zip(expected, got)
        noise = sum(float(np.square(y - q, dtype=np.float64).sum()) for y, q in pairs)
        return Trial(proposal, noise / signal if signal else noise, size)

    def _best(self, history: Sequence[Trial]) -> Trial:
        eligible = [trial for trial in history if trial.proposal.eligible]
        if not eligible:
            raise ConfigError("search: the sampler ended without a choice.", help="mend it")
        self._check_within(min(trial.weight_bytes for trial in eligible), "takes")
        limit = self._limit
        kept = [trial for trial in eligible if limit is None or trial.weight_bytes <= limit]
        return min(kept, key=lambda trial: (trial.cost, trial.weight_bytes))

    def _check_within(self, least: float, takes: str) -> None:
        if self._limit is not None and least > self._limit:
            raise InfeasibleBudgetError(
                f"search: weights of at most {size_text(self._limit)} requested, the least of "
                f"what it tries {takes} {size_text(least)}.",
                help="raise the budget, or let the sampler try less",
            )


def _computed(network: Network, rows: Sequence[np.ndarray]) -> List[np.ndarray]:
    with nn.auto_forward(False):
        return compute(network.all_outputs, network.all_inputs, list(rows))


def _text(trial: Trial) -> str:
    row = _row(trial)
    noise = f"{row['output_snr']:.1f} dB" if "output_snr" in row else "no noise"
    size = size_text(trial.weight_bytes)
    return f"{_shown(trial.proposal.options)}: {noise}, weights and biases {size}"


def _shown(options: Any) -> str:
    """Options as a user would write them."""
    if isinstance(options, Mapping):
        return "; ".join(f"{name}: {_shown(value)}" for name, value in options.items())
    return ", ".join(map(str, options)) if isinstance(options, (list, tuple)) else str(options)


def _row(trial: Trial) -> Dict[str, Any]:
    row: Dict[str, Any] = {"tried": trial.proposal.options, "weight_bytes": trial.weight_bytes}
    if trial.cost > 0:
        row["output_snr"] = decibels(1.0, trial.cost)
    return row
