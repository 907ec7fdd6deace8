# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that chooses the options of a transform by trying them, and applies the best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Sequence, Union, cast

from pydantic import Field, SerializeAsAny, field_serializer, field_validator, model_validator

from nnabla_compress.agreement import decibels
from nnabla_compress.errors import CompressError, ConfigError, InfeasibleBudgetError
from nnabla_compress.files import json_text
from nnabla_compress.progress import counted
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.regularizers.memory import NetworkMemory
from nnabla_compress.runs.candidates import (
    ACCURACY,
    Candidates,
    CandidatesElsewhere,
    Trying,
    forget,
    validation_samples,
)
from nnabla_compress.runs.course import Course as RunCourse
from nnabla_compress.runs.parts import forget_start, part_of
from nnabla_compress.search import (  # noqa: F401 - they make themselves known
    each,
    exhaustive,
    greedy,
    knapsack,
    random_bits,
    releq,
)
from nnabla_compress.search.memo import Memo
from nnabla_compress.search.sampler import Judged, Proposal, Sampler, Trial, sampler_of
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.training import TrainingSettings
from nnabla_compress.transforms import transform_named
from nnabla_compress.workers import Failed
from nnabla_compress.workers.interface import refuse_full_disk


@register_step("search")
class Search(Step):
    """Tries options of a transform and applies those that cost the outputs least.

    A trial applies the transform to a copy of the network, starts its quantizers, trains it where a
    training is asked for, and measures the noise-to-signal ratio of the outputs on some samples.
    Samplers of bits go by a reward instead, made of the bits and of how good the network still is.
    The workers of the run share the trials. A trial that fails is told and not chosen.

    Args:
        over: The transform whose options are chosen.
        sampler: What proposes them, such as ``{knapsack: {bits: [2, 4, 8]}}`` or
            ``{each: [lut:bits=2, lut:bits=4]}``.
        weights: Most that all weights and biases may take, packed: bytes, or text such as
            ``70 kB``.
        samples: Samples to measure on, drawn from the training samples; of the validation samples
            for ``score: accuracy``.
        score: What samplers of bits take for the relative accuracy: ``agreement``, the share of
            samples of which the largest output is the same; ``noise``, the signal as a part of
            signal and noise; ``accuracy``, that on validation samples divided by the accuracy of
            the network as it is. By ``accuracy`` the other samplers go, too.
        training: A training of each candidate, which begins with the parameters of now, such as
            ``{epochs: 1, learning_rate: 0.001}``; the network that is chosen is not trained by it.
    """

    over: str = "quantize"
    sampler: SerializeAsAny[Sampler] = Field(default_factory=knapsack.Knapsack)
    weights: Optional[Union[float, str]] = None
    samples: int = Field(default=256, ge=1)
    score: Literal["agreement", "noise", "accuracy"] = "agreement"
    training: Optional[TrainingSettings] = None

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

    @property
    def needs_targets(self) -> bool:
        """Whether candidates learn from targets or are judged by them."""
        return self.training is not None or self.score == ACCURACY

    def foresee(self, course: Course) -> None:
        """Refuses first options that don't fit the network, and applies them."""
        network, kind = course.network(), transform_named(self.over)
        if self.training is not None:
            updates = course.updates(self.training)
            course.tell(f"search: each candidate is trained for {updates:,} updates")
        if self.score == ACCURACY:
            validation_samples(cast(RunCourse, course), self.samples)
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
        with counted("search", 0) as at:
            trials = _Trials(self, cast(RunCourse, course), at)
            self.sampler.search(trials)
        history = trials.history
        best = self._best(history)
        chosen = best.proposal.options
        if sum(trial.proposal.eligible for trial in history) > 1:
            course.tell(f"chosen {self._text(best)}")
        decided = course.apply(transform_named(self.over).checked(chosen))
        trials.forget()  # what the files hold is decided now
        tried = [self._row(trial) for trial in history]
        found = {key: value for key, value in self._row(best).items() if key != "tried"}
        return {"options": chosen, "decided": decided, **found, "trials": tried}

    def replay(self, course: Course, record: Mapping[str, Any]) -> None:
        """Applies what was chosen."""
        transform = transform_named(self.over).checked(record["options"])
        course.apply(transform, record["decided"])

    @property
    def limit(self) -> Optional[float]:
        """Most bytes that the weights may take."""
        return None if self.weights is None else parse_size(self.weights, "search: weights")

    @property
    def trying(self) -> Trying:
        """How candidates are tried."""
        return Trying(self.over, self.samples, self.score, self.training)

    def _best(self, history: Sequence[Trial]) -> Trial:
        eligible = [trial for trial in history if trial.proposal.eligible]
        if not eligible:
            raise ConfigError("search: the sampler ended without a choice.", help="mend it")
        good = [trial for trial in eligible if not trial.failed]
        if not good:
            first = eligible[0]
            raise CompressError(
                f"search: no candidate could be tried; {shown(first.proposal.options)}: "
                f"{first.failed}",
                help="mend what failed; a smaller search shows it sooner",
            )
        self._check_within(min(trial.weight_bytes for trial in good), "takes")
        limit = self.limit
        kept = [trial for trial in good if limit is None or trial.weight_bytes <= limit]
        return min(kept, key=lambda trial: (trial.cost, trial.weight_bytes))

    def _check_within(self, least: float, takes: str) -> None:
        if self.limit is not None and least > self.limit:
            raise InfeasibleBudgetError(
                f"search: weights of at most {size_text(self.limit)} requested, the least of "
                f"what it tries {takes} {size_text(least)}.",
                help="raise the budget, or let the sampler try less",
            )

    def cost(self, judged: Judged) -> float:
        """Returns what the search makes small, where no reward says so.

        Args:
            judged: What a candidate came to.
        """
        return 1 - judged.quality if self.score == ACCURACY else judged.noise

    def _row(self, trial: Trial) -> Dict[str, Any]:
        row: Dict[str, Any] = {"tried": trial.proposal.options}
        if trial.judged is None:
            return {**row, "failed": trial.failed}
        row["weight_bytes"] = trial.weight_bytes
        if trial.judged.noise > 0:
            row["output_snr"] = decibels(1.0, trial.judged.noise)
        if self.score == ACCURACY:
            row["relative_accuracy"] = trial.judged.quality
        return row

    def _text(self, trial: Trial) -> str:
        row = self._row(trial)
        said = [f"{row['output_snr']:.1f} dB" if "output_snr" in row else "no noise"]
        if self.score == ACCURACY:
            said.append(f"{100 * row['relative_accuracy']:.2f} % of the accuracy")
        said.append(f"weights and biases {size_text(trial.weight_bytes)}")
        return f"{shown(trial.proposal.options)}: {', '.join(said)}"


class _Trials:
    """Where proposals are tried: on copies of the network, on the same samples."""

    def __init__(self, step: Search, course: RunCourse, at: Callable[[int], None]) -> None:
        self.network, self.limit, self.seed = course.network(), step.limit, course.seed
        self.history: List[Trial] = []
        self.tell, self.crew = course.tell, course.crew
        self._step, self._course, self._at = step, course, at
        forget(course)
        forget_start(course.files)
        # Even where others try: what can't be judged is refused here, once.
        self.judge: Callable[[Mapping[str, Any]], Judged] = Candidates(course, step.trying)
        if not self.crew.here:
            place = part_of(course, 0, course.files)
            self.judge = CandidatesElsewhere(place, step.trying)
        self._memo = Memo(course.notes("trials.jsonl"), [step.sampler.name, step.over])

    def notes(self) -> Optional[Path]:
        return self._course.notes("candidates.jsonl")

    def attempt(self, proposals: Sequence[Proposal]) -> List[Trial]:
        known = self._memo.known
        keys = [json_text(proposal.options) for proposal in proposals]
        todo = list(dict.fromkeys(key for key in keys if key not in known))
        failed: Dict[str, str] = {}

        def finished(number: int, found: Union[Judged, Failed]) -> None:
            refuse_full_disk(found)
            if isinstance(found, Failed):
                failed[todo[number]] = found.message
            else:
                self._memo.add(todo[number], (found.noise, found.weight_bytes, found.quality))
            self._at(len(known))

        self.crew.map(self.judge, [json.loads(key) for key in todo], finished)
        trials = []
        for key, proposal in zip(keys, proposals):
            if key in failed:
                trials.append(Trial(proposal, float("inf"), 0.0, None, failed[key]))
                self.tell(f"{shown(proposal.options)} failed: {failed[key]}")
                continue
            judged = Judged(*known[key])
            cost = self._step.cost(judged)
            trials.append(Trial(proposal, cost, judged.weight_bytes, judged))
            if proposal.eligible:
                self.tell(f"tried {self._step._text(trials[-1])}")
        self.history += trials
        return trials

    def forget(self) -> None:
        """Removes what stood on disk while it lasted."""
        course = self._course
        forget(course)
        forget_start(course.files)
        for name in ("trials.jsonl", "candidates.jsonl"):
            path = course.notes(name)
            if path is not None and path.exists():
                path.unlink()
        if course.files.is_dir() and not any(course.files.iterdir()):
            course.files.rmdir()


def shown(options: Any) -> str:
    """Returns options as a user would write them.

    Args:
        options: Options of a transform.
    """
    if isinstance(options, Mapping):
        return "; ".join(f"{name}: {shown(value)}" for name, value in options.items())
    return ", ".join(map(str, options)) if isinstance(options, (list, tuple)) else str(options)
