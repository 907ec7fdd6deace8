# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A step that trains a compressed network in sections, each on the maps of its teacher."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union, cast

import nnabla as nn
import numpy as np
from pydantic import Field, SerializeAsAny, field_serializer, field_validator, model_validator

from nnabla_compress.analysis.sections import (
    Section,
    blocks,
    cut_points,
    even_cuts,
    maps_of,
    most_sections,
    sections_of,
    trainable,
)
from nnabla_compress.calibration.batch_statistics import estimate_statistics
from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.data import DataSet, Preprocessing, Split
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import writable_folder
from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers import graph_quantizers, quantizer_of
from nnabla_compress.recipes.step import Course, Record, Step, register_step
from nnabla_compress.runs.course import Course as RunCourse
from nnabla_compress.runs.course import made_again
from nnabla_compress.runs.parts import parts
from nnabla_compress.runs.results import outcome_as_dict
from nnabla_compress.sizes import parse_size, size_text
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training import Trainer, TrainingSettings
from nnabla_compress.training.evaluate import Build, judged, outputs_of
from nnabla_compress.training.feature_cache import (
    PRECISIONS,
    FeatureCache,
    refuse_full,
)
from nnabla_compress.training.parameter_files import load_some_parameters, save_parameters
from nnabla_compress.training.section_errors import mean_variances, section_errors
from nnabla_compress.training.section_losses import SECTION_LOSSES, check_section_loss
from nnabla_compress.training.sections import (
    MAP,
    OUTPUT,
    Goal,
    PreparedRows,
    SectionNetwork,
    teacher_maps,
)
from nnabla_compress.training.stopping import StoppingOptions, unpractised
from nnabla_compress.training.terms import TermOptions, term_of

SPLITS = ("operations", "layers", "blocks")
FEATURES = ("auto", "cache", "stream")
_PLAN, _FEATURES = "plan.json", "features"
_USUAL = 4  # sections
_DAMAGED = "remove the folder, and --resume trains its section again, to the same bits"


@register_step("sections")
class Sections(Step):
    """Trains a compressed network in sections, each apart from the others, as DCQ does.

    Each section gets the teacher's maps in and learns to give the teacher's maps; the last one
    learns the output from the teacher and, below a ``weight`` of 1, from the labels. Then they are
    put together again. A ``train`` step that follows may tune the whole.

    Args:
        split: Where the network is cut: ``operations`` and ``layers``, into ``count`` sections with
            as even a number of these as can be; ``blocks``, around each residual block; or names of
            maps, such as ``[conv1/conv/relu]``. What skips a cut passes it, too.
        count: Number of sections, where ``split`` names no places. Left out: 4, or as many as
            there are layers to be cut between.
        loss: What inner sections learn: ``mse`` (over the variance of the teacher's map), ``l1``
            (over its deviation), ``kl`` or ``cross_entropy`` (of the softmax along the channels).
        temperature: What logits are divided by where the last section learns from the teacher's.
        weight: Part of the teacher in the loss of the last section, 0 to 1; with 1 no labels are
            needed.
        input: What a section reads: the maps of the ``teacher``, so that all can be trained at
            the same time; or those of the ``student``, as the sections before it, trained, give
            them, one after another.
        teacher: An ``.nnp`` file whose network teaches, on the same inputs. Left out, it is the
            network before its compression.
        normalization: Statistics that batch normalizations use in the training: those of each
            ``batch``, or the ``running`` ones, which then stay as they are.
        statistics: Samples that running statistics are estimated from anew, before the first
            section is trained and when all are put together; 0: they are left alone.
        features: Whether the teacher's maps are computed once and kept in files (``cache``) or
            anew for each batch (``stream``). ``auto``: in files, where these stay below
            ``cache_limit`` and samples are not changed at random.
        cache_limit: Most bytes of these files, such as ``500 MB``.
        precision: How they keep numbers, ``float32`` or ``float16``.
        samples: Samples that errors are measured on, drawn from the training samples.
        again: How many sections, those that cost the output most, are trained a second time; what
            does not become better by it stays.
        settings: Epochs, solver, learning rate, for each section.
        terms: What the training of each section minds beside its loss.
        stop: When the training of a section ends before its last epoch, such as ``plateau``.
    """

    flat = "settings"

    settings: TrainingSettings
    split: Union[str, List[str]] = "operations"
    count: Optional[int] = Field(default=None, ge=2)
    loss: str = "mse"
    temperature: float = Field(default=4.0, gt=0)
    weight: float = Field(default=0.9, ge=0, le=1)
    input: str = "teacher"
    teacher: Optional[str] = None
    normalization: str = "batch"
    statistics: int = Field(default=500, ge=0)
    features: str = "auto"
    cache_limit: Union[float, str] = "1024 MB"
    precision: str = "float32"
    samples: int = Field(default=256, ge=1)
    again: int = Field(default=0, ge=0)
    terms: List[SerializeAsAny[TermOptions]] = Field(default_factory=list)
    stop: Optional[SerializeAsAny[StoppingOptions]] = None

    @field_validator("terms", mode="before")
    @classmethod
    def _known(cls, entries: Any) -> Any:
        return [term_of(entry) for entry in entries] if isinstance(entries, list) else entries

    @field_serializer("terms")
    def _by_name(self, found: List[TermOptions]) -> List[Record]:
        return [{term.name: term.model_dump(mode="json")} for term in found]

    @field_validator("stop", mode="before")
    @classmethod
    def _known_rule(cls, entry: Any) -> Any:
        return None if entry is None else unpractised(entry)

    @field_serializer("stop")
    def _rule_by_name(self, rule: Optional[StoppingOptions]) -> Optional[Record]:
        return None if rule is None else {rule.name: rule.model_dump(mode="json")}

    @model_validator(mode="after")
    def _possible(self) -> Sections:
        for option, choices in (
            ("loss", SECTION_LOSSES),
            ("input", ("teacher", "student")),
            ("normalization", ("batch", "running")),
            ("features", FEATURES),
            ("precision", PRECISIONS),
        ):
            value = getattr(self, option)
            if value not in choices:
                raise ConfigError(
                    f"sections: {option} is {value!r}.", help=did_you_mean(value, choices)
                )
        if isinstance(self.split, str) and self.split not in SPLITS and "/" not in self.split:
            raise ConfigError(
                f"sections: split is {self.split!r}.",
                help=f"{did_you_mean(self.split, SPLITS)}, or names of maps in a list",
            )
        if not self.split:
            raise ConfigError(
                "sections: split names no place.", help="name maps, such as [conv1/conv/relu]"
            )
        if self.input == "student" and self.features == "cache":
            raise ConfigError(
                "sections: features: cache keeps the teacher's maps, with input: student sections "
                "read others.",
                help="choose features: stream, or input: teacher",
            )
        parse_size(self.cache_limit, "sections: cache_limit")
        for term in self.terms:
            if term.learns_from_teacher:
                raise ConfigError(
                    f"sections: the term {term.name} has a teacher of its own.",
                    help="leave it out: sections learn from their teacher, the last one as "
                    "temperature and weight say; or add it to a train step that follows",
                )
        return self

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
        return "sections learn from it"

    @property
    def needs_targets(self) -> bool:
        """Whether the last section learns from labels, or a term does."""
        return self.weight < 1

    @property
    def learns_from_teacher(self) -> bool:
        """Whether that is the network before its compression."""
        return self.teacher is None

    @property
    def shows_weights(self) -> bool:
        """Whether a term says so."""
        return any(term.shows_weights for term in self.terms)

    def foresee(self, course: Course) -> None:
        """Refuses places that are not there, and tells what sections there will be."""
        judged(course.network().outputs)
        if self.teacher is None and course.teacher is course.build:
            raise ConfigError(
                "sections: the network is its own teacher, nothing before this step compresses it.",
                help="put quantize: or another step that compresses before sections:",
            )
        sections = self._found(course)
        for term in self.terms:
            network = course.network()
            if term.budget_of(network.all_outputs) is not None:
                raise ConfigError(
                    f"sections: {term.name} keeps the whole network to a budget, not a section.",
                    help="add it to a train step that follows",
                )
            for line in term.foresee(network.all_outputs):
                course.tell(line)
        updates = course.updates(self.settings)
        for node in graph_quantizers(course.network().all_outputs):
            quantizer = quantizer_of(node)
            assert quantizer is not None
            note = quantizer.check_training(node.info.args, updates)
            if note is not None:
                course.tell(note)
        course.tell(_told(sections))
        self._cached(_run_course(course), sections, tell=True)

    def run(self, course: Course) -> Record:
        """Trains all sections, puts them together, and measures what each costs."""
        course = _run_course(course)
        sections = self._found(course)
        self._estimate(course)
        arrays = self._measured_samples(course)
        variances = mean_variances(sections, self._taught_by(course), arrays, self._rows(course))
        cached = self._cached(course, sections)
        writable_folder(course.files)
        at = list(dict.fromkeys(name for section in sections for name in section.gives))
        write_record(
            course.files / _PLAN,
            {"at": self._places(sections), "variances": variances, "cached": cached, "maps": at},
        )
        if cached:
            for cache, split in self._caches(course, sections):
                cache.fill(partial(self._maps, course, sections, split))
        before = self._errors(course, sections, arrays)
        outcomes = self._trained(course, sections)
        self._estimate(course)
        after = self._errors(course, sections, arrays)
        rows = [
            {**_described(section), **outcome, "before": first["alone"], **now}
            for section, outcome, first, now in zip(sections, outcomes, before, after)
        ]
        if self.again:
            rows = self._trained_again(course, sections, arrays, rows)
        shutil.rmtree(course.files / _FEATURES, ignore_errors=True)
        return {
            "cut_at": self._places(sections),
            "maps": "cached" if cached else "streamed",
            "sections": rows,
        }

    def part(self, course: Course, number: int) -> Record:
        """Trains one section, and leaves its parameters in a file.

        Args:
            course: The network as it is when the sections begin.
            number: Which section, from 1; behind the last one the same again, a second time.
        """
        course = _run_course(course)
        plan = read_record(course.files / _PLAN, made_again(course.files / _PLAN))
        sections = sections_of(course.network(), plan["at"])
        again, place = divmod(number - 1, len(sections))
        folder = _folder(course, place + 1, bool(again))
        if (folder / "trained.json").exists() and (folder / "trained.h5").exists():
            outcome: Record = read_record(folder / "trained.json", _DAMAGED)["outcome"]
            return outcome
        section, cached = sections[place], plan["cached"]
        network = SectionNetwork(
            section,
            course.build,
            self._taught_by(course),
            self._goal(course, plan["variances"]),
            course.network().inputs,
            course.build if self.input == "student" else None,
        )
        data, preprocessing = course.inputs.data, course.inputs.preprocessing
        if cached:
            data, preprocessing = self._kept_data(course, sections, section), Preprocessing()
        with network.within():
            trainer = Trainer(
                network.build,
                data,
                self.settings,
                folder,
                preprocessing,
                None if cached else course.augmentation,
                course.seed + again,
                [*network.terms, *(term.make(course.teacher) for term in self.terms)],
                network.judge,
                None if self.stop is None else self.stop.start(section.number),
            )
            progress = course.announce(f"{course.files.name} {folder.name}", trainer.total)
            found = trainer.run(resume=course.resume, progress=progress)
            if trainer.load_best():
                found = replace(found, noticed=trainer.noticed())
            save_parameters(folder / "trained.h5")
        outcome = outcome_as_dict(found)
        write_record(folder / "trained.json", {"outcome": outcome})
        return outcome

    def results(self, record: Mapping[str, Any]) -> Record:
        """Returns a row for each section."""
        return {"sections": record["sections"]}

    def _found(self, course: Course) -> List[Section]:
        """The sections of the network, as the options say."""
        network = course.network()
        maps = maps_of(network)
        taught = self._teacher_network(course, network)
        known = {name: tuple(v.shape) for name, v in maps_of(taught).items()}
        points = [n for n in cut_points(network) if known.get(n) == tuple(maps[n].shape)]
        if isinstance(self.split, list) or self.split not in SPLITS:
            places = [self.split] if isinstance(self.split, str) else self.split
        elif self.split == "blocks":
            places = trainable(network, [name for name in blocks(network) if name in points])
            if not places:
                raise ConfigError(
                    "sections: the network has no blocks whose branches come together again.",
                    help="choose split: operations, or name maps: " + (", ".join(points) or "none"),
                )
        else:
            count = self.count or max(2, min(_USUAL, most_sections(network, points)))
            places = even_cuts(network, count, self.split, points)
        sections = sections_of(network, places)
        for name in dict.fromkeys(name for section in sections for name in section.gives):
            shape = tuple(maps[name].shape)
            if known.get(name) != shape:
                has = "no such map" if name not in known else f"the shape {known[name][1:]}"
                raise ConfigError(
                    f"sections: {name} passes a cut with the shape {shape[1:]}, its teacher has "
                    f"{has}.",
                    help="cut elsewhere; both have: " + (", ".join(points) or "none in common"),
                )
            check_section_loss(self.loss, name, shape)
        return sections

    def _places(self, sections: List[Section]) -> List[str]:
        """The maps that a cut is named by: the last one that each section gives."""
        return [section.gives[-1] for section in sections if not section.is_last]

    def _taught_by(self, course: Course) -> Build:
        return course.teacher if self.teacher is None else course.teacher_in(self.teacher)

    def _teacher_network(self, course: Course, network: Network) -> Network:
        with nn.auto_forward(False):
            made = self._taught_by(course)(network.given, True)
        found = outputs_of(made)
        judged(found)
        return Network(network.inputs, found)

    def _goal(self, course: RunCourse, variances: Mapping[str, float]) -> Goal:
        return Goal(
            self.loss,
            variances,
            course.inputs.loss,
            self.temperature,
            self.weight,
            self.normalization == "batch",
        )

    def _rows(self, course: RunCourse) -> int:
        return course.inputs.only_batch or 64

    def _measured_samples(self, course: Course) -> Dict[str, np.ndarray]:
        arrays = course.samples(self.samples)
        assert arrays is not None
        return self._by_input(course, arrays)

    def _by_input(self, course: Course, arrays: Mapping[str, Any]) -> Dict[str, Any]:
        """Arrays by the names of the network's inputs; an only one may be called otherwise."""
        network = course.network()
        return dict(zip(network.inputs, network.in_order(arrays)))

    def _errors(
        self, course: RunCourse, sections: List[Section], arrays: Mapping[str, np.ndarray]
    ) -> List[Record]:
        taught = self._taught_by(course)
        return section_errors(sections, course.build, taught, arrays, self._rows(course))

    def _estimate(self, course: RunCourse) -> None:
        """Estimates running statistics anew, where there are any and it is asked for."""
        outputs = course.network().all_outputs
        types = {function.info.type_name for function in functions(outputs)}
        if not self.statistics or not types.intersection(NORMALIZATIONS):
            return
        course.start()
        network, arrays = course.network(), course.samples(self.statistics)
        assert arrays is not None
        rows = network.in_order(arrays)
        size = course.inputs.only_batch or min(100, len(rows[0]))
        estimate_statistics(network.all_outputs, network.all_inputs, rows, size)

    def _trained(self, course: RunCourse, sections: List[Section]) -> List[Record]:
        """Trains all sections and puts them together."""
        if self.input == "teacher":
            # Those that take longest begin first: at the end no worker waits long for another.
            longest = [each.number for each in sorted(sections, key=lambda one: -one.macs)]
            found = dict(zip(longest, parts(course, longest, course.files)))
            for section in sections:
                self._stitch(course, section.number)
            return [found[section.number] for section in sections]
        if not course.crew.here:
            course.tell("sections that read the student's maps are trained one after another")
        outcomes = []
        for section in sections:
            outcomes.append(self.part(course, section.number))
            self._stitch(course, section.number)
        return outcomes

    def _trained_again(
        self,
        course: RunCourse,
        sections: List[Section],
        arrays: Mapping[str, np.ndarray],
        rows: List[Record],
    ) -> List[Record]:
        """Trains the sections that cost most once more, and keeps what becomes better."""
        order = sorted(range(len(rows)), key=lambda place: -rows[place]["costs"])
        chosen = sorted(order[: self.again])
        before = course.network().state()
        numbers = [len(sections) + place + 1 for place in chosen]
        parts(course, numbers, course.files)
        for place in chosen:
            self._stitch(course, place + 1, again=True)
        self._estimate(course)
        tried = self._errors(course, sections, arrays)
        better = [place for place in chosen if tried[place]["alone"] < rows[place]["alone"]]
        course.network().restore(before)
        for place in better:
            self._stitch(course, place + 1, again=True)
        self._estimate(course)
        after = self._errors(course, sections, arrays)
        return [
            {**row, **now, **({"again": place in better} if place in chosen else {})}
            for place, (row, now) in enumerate(zip(rows, after))
        ]

    def _stitch(self, course: RunCourse, number: int, again: bool = False) -> None:
        load_some_parameters(_folder(course, number, again) / "trained.h5", _DAMAGED)

    def _cached(self, course: RunCourse, sections: List[Section], tell: bool = False) -> bool:
        """Whether the teacher's maps are kept in files; refuses what can't be."""
        changed = course.recipe.augmentation is not None
        caches = self._caches(course, sections)
        needed = sum(cache.bytes for cache, _ in caches)
        limit = parse_size(self.cache_limit, "sections: cache_limit")
        if self.features == "cache":
            if changed:
                raise ConfigError(
                    "sections: features: cache keeps the maps of the samples as they are, "
                    "augmentation: changes samples at random.",
                    help="choose features: stream, or leave augmentation: out",
                )
            if needed > limit:
                raise ConfigError(
                    f"sections: the teacher's maps take {size_text(needed)}, cache_limit is "
                    f"{size_text(limit)}.",
                    help="raise it, or choose features: stream, precision: float16 or fewer "
                    "sections",
                )
            refuse_full(course.folder, needed, sum(cache.kept_bytes for cache, _ in caches))
        reads = len(sections) * self.settings.epochs
        fits = needed <= limit and not changed and self.input == "teacher" and reads > 1
        cached = self.features == "cache" or (self.features == "auto" and fits)
        if cached and self.features == "auto":
            try:
                refuse_full(course.folder, needed, sum(cache.kept_bytes for cache, _ in caches))
            except ConfigError:
                cached = False
        if tell:
            how = f"kept in files of {size_text(needed)}" if cached else "computed for each batch"
            course.tell(f"the teacher's maps are {how}")
        return cached

    def _shapes(self, course: RunCourse, sections: List[Section]) -> Dict[str, Tuple[int, ...]]:
        """Of all maps that sections read and learn, for one sample, by name."""
        network = course.network()
        maps = maps_of(network)
        names = dict.fromkeys(name for section in sections for name in section.gives)
        shapes = {name: tuple(maps[name].shape[1:]) for name in names}
        if self.weight > 0:
            shapes[OUTPUT] = tuple(network.output.shape[1:])
        return shapes

    def _caches(
        self, course: RunCourse, sections: List[Section]
    ) -> List[Tuple[FeatureCache, Split]]:
        shapes = self._shapes(course, sections)
        return [
            (
                FeatureCache(course.files / _FEATURES, name, shapes, len(split), self.precision),
                split,
            )
            for name, split in course.inputs.data.splits.items()
            if name != "test"
        ]

    def _maps(
        self, course: RunCourse, sections: List[Section], split: Split, start: int, stop: int
    ) -> Dict[str, np.ndarray]:
        rows = {
            name: course.inputs.preprocessing(values[start:stop])
            for name, values in split.arrays.items()
        }
        names = list(self._shapes(course, sections))
        return teacher_maps(self._taught_by(course), rows, names, self._rows(course))

    def _kept_data(self, course: RunCourse, sections: List[Section], section: Section) -> DataSet:
        """What a section reads and learns, of files."""
        kept: Dict[str, Split] = {}
        names = [*section.reads, *section.gives]
        if section.is_last and self.weight > 0:
            names.append(OUTPUT)
        for (cache, split), key in zip(self._caches(course, sections), _kept_splits(course)):
            own = self._by_input(course, split.arrays)
            arrays: Dict[str, Any] = {
                name: PreparedRows(own[name], course.inputs.preprocessing)
                for name in section.inputs
            }
            found = cache.arrays()
            arrays.update((MAP + name, found[name]) for name in names)
            first = next(iter(arrays))
            kept[key] = Split(arrays.pop(first), split.y, arrays, first)
        data = course.inputs.data
        return DataSet(
            data.name,
            data.n_classes,
            kept.get("train"),
            kept.get("validation"),
            class_names=data.class_names,
        )


def _kept_splits(course: RunCourse) -> List[str]:
    return [name for name in course.inputs.data.splits if name != "test"]


def _run_course(course: Course) -> RunCourse:
    """The course of a run has files, which what other steps need says nothing of."""
    return cast(RunCourse, course)


def _folder(course: RunCourse, number: int, again: bool) -> Path:
    return course.files / f"section-{number}{'-again' if again else ''}"


def _described(section: Section) -> Record:
    return {
        "section": section.number,
        "reads": [*section.inputs, *section.reads],
        "gives": list(section.gives) or [OUTPUT],
        "layers": len(section.layers),
        "macs": section.macs,
    }


def _told(sections: List[Section]) -> str:
    share = [section.macs for section in sections]
    whole = max(sum(share), 1)
    parts = (
        f"{section.number}: {len(section.layers)} layers, {math.floor(100 * macs / whole + 0.5)} %"
        f" of the operations, to {' and '.join(section.gives) or 'the output'}"
        for section, macs in zip(sections, share)
    )
    return f"{len(sections)} sections: {'; '.join(parts)}"
