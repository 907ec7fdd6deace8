# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that trains the network: on the loss, and on what its terms add."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

import nnabla as nn
from pydantic import Field, SerializeAsAny, field_serializer, field_validator, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import graph_quantizers, quantizer_of
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training import TrainingSettings
from nnabla_compress.training.evaluate import Build, learned, outputs_of
from nnabla_compress.training.stopping import StoppingOptions, unpractised
from nnabla_compress.training.terms import TermOptions, term_of


@register_step("train")
class Train(Step):
    """Trains the network; quantizers that have not started yet start.

    Args:
        settings: Epochs, solver, learning rate.
        terms: What the training minds beside its loss, such as ``{budget: {weights: 70 kB}}``.
        stop: When it ends before its last epoch, such as ``plateau``.
    """

    flat = "settings"

    settings: TrainingSettings
    terms: List[SerializeAsAny[TermOptions]] = Field(default_factory=list)
    stop: Optional[SerializeAsAny[StoppingOptions]] = None

    @field_validator("stop", mode="before")
    @classmethod
    def _known_rule(cls, entry: Any) -> Any:
        return None if entry is None else unpractised(entry)

    @field_serializer("stop")
    def _rule_by_name(self, rule: Optional[StoppingOptions]) -> Optional[Record]:
        return None if rule is None else {rule.name: rule.model_dump(mode="json")}

    @field_validator("terms", mode="before")
    @classmethod
    def _known(cls, entries: Any) -> Any:
        return [term_of(entry) for entry in entries] if isinstance(entries, list) else entries

    @model_validator(mode="after")
    def _one_settles_bits(self) -> Train:
        settling = [term.name for term in self.terms if term.settles_weight_bits]
        if len(settling) > 1:
            raise ConfigError(
                f"{' and '.join(settling)} would both decide the bits of weights.",
                help="give waveq the budget of the weights: waveq: {weights: 70 kB}; activations "
                "may have theirs in budget",
            )
        return self

    @field_serializer("terms")
    def _by_name(self, found: List[TermOptions]) -> List[Record]:
        return [{term.name: term.model_dump(mode="json")} for term in found]

    @property
    def compresses(self) -> bool:
        """Training does not compress."""
        return False

    @property
    def trains(self) -> bool:
        """It trains."""
        return True

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data."""
        return "a training learns from it"

    @property
    def needs_targets(self) -> bool:
        """Whether targets teach anything beside the terms."""
        return all(term.needs_targets for term in self.terms)

    @property
    def learns_from_teacher(self) -> bool:
        """Whether a term asks for it."""
        return any(term.learns_from_teacher and not term.teacher_file for term in self.terms)

    def budgets_of(self, outputs: List[nn.Variable]) -> List[MemoryBudget]:
        """Returns the budgets of its terms."""
        budgets = (term.budget_of(outputs) for term in self.terms)
        return [budget for budget in budgets if budget is not None]

    @property
    def shows_weights(self) -> bool:
        """Whether a term says so."""
        return any(term.shows_weights for term in self.terms)

    @property
    def drawn_series(self) -> Mapping[str, str]:
        """Those that its terms name."""
        return {name: said for term in self.terms for name, said in term.drawn_series.items()}

    def foresee(self, course: Course) -> None:
        """Tells what the terms can reach, and refuses what they, or any loss, can't."""
        network = course.network()
        if len(network.outputs) > 1:
            learned(network.outputs)
        updates = course.updates(self.settings)  # refuses data without training samples
        outputs: List[nn.Variable] = network.all_outputs
        for node in graph_quantizers(outputs):
            quantizer = quantizer_of(node)
            assert quantizer is not None
            note = quantizer.check_training(node.info.args, updates)
            if note is not None:
                course.tell(note)
        for term in self.terms:
            for line in term.foresee(outputs):
                course.tell(line)
            if term.learns_from_teacher:
                student = course.network(test=False)
                made = _teacher(term, course)(student.given, True)
                term.foresee_teacher(student, outputs_of(made))

    def run(self, course: Course) -> Record:
        """Trains, and keeps the best."""
        terms = [term.make(_teacher(term, course)) for term in self.terms]
        return course.train(self.settings, terms, None if self.stop is None else self.stop.start())


def _teacher(term: TermOptions, course: Course) -> Build:
    """The network that a term learns from: of its file, else the one before the compression."""
    if term.teacher_file is None:
        return course.teacher
    return course.teacher_in(term.teacher_file)
