# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that chooses the options of a transform by trying them, and applies the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Sequence, Tuple, Union

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
from nnabla_compress.search import (  # noqa: F401 - they make themselves known
    each,
    exhaustive,
    greedy,
    knapsack,
    random_bits,
    releq,
)
from nnabla_compress.search.sampler import Proposal, Sampler, Trial, sampler_of
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.transforms import start_quantizers, transform_named


@register_step("search")
class Search(Step):
    """Tries options of a transform and applies those with the least noise in the outputs.

    A trial applies the transform to a copy of the network, starts its quantizers, and measures
    the noise-to-signal ratio of the outputs on some samples, without labels and without training.
    Samplers of bits go by a reward instead, made of the bits and of how like the outputs are.

    Args:
        over: The transform whose options are chosen.
        sampler: What proposes them, such as ``{knapsack: {bits: [2, 4, 8]}}`` or
            ``{each: [lut:bits=2, lut:bits=4]}``.
        weights: Most that all weights and biases may take, packed: bytes, or text such as
            ``70 kB``.
        samples: Samples to measure on, drawn from the training samples.
        score: What samplers of bits take for the relative accuracy: ``agreement``, the share of
            samples of which the largest output is the same; ``noise``, the signal as a part of
            signal and noise.
    """

    over: str = "quantize"
    sampler: SerializeAsAny[Sampler] = Field(default_factory=knapsack.Knapsack)
    weights: Optional[Union[float, str]] = None
    samples: int = Field(default=256, ge=1)
    score: Literal["agreement", "noise"] = "agreement"

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
        proposal = self.sampler.propose(network, [], self.limit)
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
        notes = course.notes("candidates.jsonl")
        with counted("search", 0) as at:
            trials = _Trials(self, course, network, rows, expected, notes, at)
            self.sampler.search(trials)
        history = trials.history
        best = self._best(history)
        chosen = best.proposal.options
        if sum(trial.proposal.eligible for trial in history) > 1:
            course.tell(f"chosen {_text(best)}")
        decided = course.apply(transform_named(self.over).checked(chosen))
        if notes is not None and notes.exists():
            notes.unlink()  # what it holds is decided now
        tried = [_row(trial) for trial in history]
        found = {key: value for key, value in _row(best).items() if key != "tried"}
        return {"options": chosen, "decided": decided, **found, "trials": tried}

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Applies what was chosen."""
        transform = transform_named(self.over).checked(record["options"])
        course.apply(transform, record["decided"])

    @property
    def limit(self) -> Optional[float]:
        """Most bytes that the weights may take."""
        return None if self.weights is None else parse_size(self.weights, "search: weights")

    def _best(self, history: Sequence[Trial]) -> Trial:
        eligible = [trial for trial in history if trial.proposal.eligible]
        if not eligible:
            raise ConfigError("search: the sampler ended without a choice.", help="mend it")
        self._check_within(min(trial.weight_bytes for trial in eligible), "takes")
        limit = self.limit
        kept = [trial for trial in eligible if limit is None or trial.weight_bytes <= limit]
        return min(kept, key=lambda trial: (trial.cost, trial.weight_bytes))

    def _check_within(self, least: float, takes: str) -> None:
        if self.limit is not None and least > self.limit:
            raise InfeasibleBudgetError(
                f"search: weights of at most {size_text(self.limit)} requested, the least of "
                f"what it tries {takes} {size_text(least)}.",
                help="raise the budget, or let the sampler try less",
            )


class _Trials:
    """Where proposals are tried: on copies of the network, on the same samples."""

    def __init__(
        self,
        step: Search,
        course: Course,
        network: Network,
        rows: Sequence[np.ndarray],
        expected: Sequence[np.ndarray],
        notes: Optional[Path],
        at: Callable[[int], None],
    ) -> None:
        self.network, self.limit, self.seed = network, step.limit, course.seed
        self.history: List[Trial] = []
        self.tell = course.tell
        self._step, self._course, self._rows, self._expected = step, course, rows, expected
        self._notes, self._at = notes, at

    def notes(self) -> Optional[Path]:
        return self._notes

    def attempt(self, proposal: Proposal) -> Trial:
        trial = Trial(proposal, *self._tried(proposal.options)[:2])
        self.history.append(trial)
        self._at(len(self.history))
        if proposal.eligible:
            self.tell(f"tried {_text(trial)}")
        return trial

    def quality(self, options: Any) -> float:
        if self._step.score == "noise":
            return 1 / (1 + self._tried(options)[0])
        if any(y.shape[-1] < 2 for y in self._expected):
            raise ConfigError(
                "search: outputs of one number agree whatever they are.", help="add score: noise"
            )
        return self._tried(options)[2]

    def _tried(self, options: Any) -> Tuple[float, float, float]:
        """Returns noise to signal, packed bytes, and the share of samples with the same answer."""
        transform = transform_named(self._step.over).checked(options)
        copy = self.network.copy()
        with copy.within():
            made, _ = transform.apply(copy, self._course)
            outputs = made.all_outputs
            start_quantizers(outputs)
            got = _computed(made, self._rows)
            size = packed_weight_bytes(outputs)
        pairs = list(zip(self._expected, got))
        signal = sum(float(np.square(y, dtype=np.float64).sum()) for y, _ in pairs)
        noise = sum(float(np.square(y - q, dtype=np.float64).sum()) for y, q in pairs)
        same = [np.mean(y.argmax(axis=-1) == q.argmax(axis=-1)) for y, q in pairs]
        return noise / signal if signal else noise, size, float(np.mean(same))


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
