# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One compression run, from a recipe to a run folder.

A run folder holds the resolved recipe, what each step decided (``steps/``), a folder for each
training (monitors, checkpoints, best parameters), the parameters after the steps that change them,
the exported networks, and ``results.json`` with accuracies, versions and bytes.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional

import nnabla as nn

from nnabla_compress.checksums import check_bytes, read_record, write_bytes, write_record
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.exporters import NnbReport
from nnabla_compress.exporters.sizes import FloatSizes
from nnabla_compress.extension import computing_as_asked
from nnabla_compress.files import missing_folders, remove_empty, remove_stale
from nnabla_compress.loading.inputs import Inputs
from nnabla_compress.loading.parameters import load_given, own_parameters
from nnabla_compress.locks import locked
from nnabla_compress.progress import Announce
from nnabla_compress.recipes import ExportPart, Recipe, differences
from nnabla_compress.recipes.stages import STEPS
from nnabla_compress.recipes.step import Record
from nnabla_compress.report.learned import learned_rows, plot_bits
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.report.weights import plot_series, plot_weights, weight_histograms
from nnabla_compress.runs import doubts
from nnabla_compress.runs.course import Course
from nnabla_compress.runs.divided import inputs_of_run
from nnabla_compress.runs.exit_files import check_exits
from nnabla_compress.runs.export import Exported, check_exportable, export_network
from nnabla_compress.runs.folder import refuse_foreign
from nnabla_compress.runs.measured import Measured
from nnabla_compress.runs.nnb_network import score_written
from nnabla_compress.runs.reported import REPORT, reported_run, write_report
from nnabla_compress.runs.results import Tell, begun, score_as_dict
from nnabla_compress.runs.written import forget_checksums, note_checksums
from nnabla_compress.training import set_seed
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.workers import Workers

CHANGED = (
    "undo the change, or take the file from a copy; if it was changed on purpose, remove the "
    "checksum at its end"
)


def refuse_other(folder: Path, kept: Recipe, asked: Recipe) -> None:
    """Refuses to go on with a run by another recipe than it began with.

    Args:
        folder: The run folder.
        kept: The recipe in it.
        asked: The recipe to go on with.

    Raises:
        ConfigError: With what is not the same.
    """
    changes = differences(kept, asked)
    if not changes:
        return
    if kept.with_seed(asked.seed) == asked:
        raise ConfigError(
            f"{folder} holds a run with seed {kept.seed}, not {asked.seed}.",
            help=f"go on with it by --seed {kept.seed}, or choose another folder with -o",
        )
    raise ConfigError(
        f"{folder} holds a run of another recipe ({'; '.join(changes[:4])}).",
        help="resume with the same recipe, or choose another folder with -o",
    )


class Run:
    """A run of a recipe in a folder.

    Args:
        recipe: What to do.
        folder: The run folder; made if missing.
        recipe_folder: Where relative paths of the recipe start.
        resume: Go on with the run that the folder holds.

    Raises:
        ConfigError: If the folder can't be written to, is written to by another process, holds a
            run that was not to be resumed, one of another recipe, or files of others.
    """

    @one_at_a_time
    def __init__(
        self, recipe: Recipe, folder: Path, recipe_folder: Path, resume: bool = False
    ) -> None:
        self._set(recipe, folder, recipe_folder, resume)
        refuse_foreign(folder)
        self._new_folders += missing_folders(folder)
        self._was_empty = bool(self._new_folders) or not any(folder.iterdir())
        with computing_as_asked(recipe.context), locked(folder):
            self._claim()

    @classmethod
    def kept_in(cls, recipe: Recipe, folder: Path, recipe_folder: Path) -> Run:
        """Returns the run that a folder holds; nothing is written before it goes on.

        Args:
            recipe: Its recipe.
            folder: The run folder.
            recipe_folder: Where relative paths of the recipe start.
        """
        run = cls.__new__(cls)
        run._set(recipe, folder, recipe_folder, True)
        return run

    def _set(self, recipe: Recipe, folder: Path, recipe_folder: Path, resume: bool) -> None:
        self.recipe, self.folder, self.recipe_folder = recipe, Path(folder), recipe_folder
        self.resume = resume
        # Whether its recipe is the user's own, not only that of a folder.
        self.trusted = True
        self._was_empty = self._claimed = False
        self._new_folders: List[Path] = []
        self._measured = Measured(self.folder, lambda line: None)

    def _claim(self) -> None:
        kept = self.folder / "recipe.yaml"
        if kept.exists() and not self.resume:
            raise ConfigError(
                f"{self.folder} holds a run already.",
                help="--resume goes on with it; -o chooses another folder",
            )
        if kept.exists():
            check_bytes(kept, CHANGED)
            refuse_other(self.folder, Recipe.read(kept), self.recipe)
            return
        self._claimed = True
        try:
            write_record(self.folder / "source.json", {"folder": self.recipe_folder.resolve()})
            write_bytes(kept, self.recipe.dump().encode("utf-8"))
        except CompressError:
            self._release()
            raise

    def _release(self) -> None:
        """Takes a claim of this run back, so that a corrected recipe may have the folder."""
        if not self._claimed:
            return
        for name in ("recipe.yaml", "source.json", "data.json"):
            if (self.folder / name).exists():
                (self.folder / name).unlink()
        self._claimed = False

    def discard(self) -> None:
        """Removes what the run wrote, if its folder was new or empty when it began."""
        if not self._was_empty or not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        remove_empty(self._new_folders)

    @one_at_a_time
    def execute(
        self,
        announce: Announce,
        tell: Tell = lambda line: None,
        crew: Optional[Workers] = None,
    ) -> Results:
        """Carries the steps of the recipe out, exports and scores.

        Args:
            announce: Called with the name of a training and its number of updates; returns what
                is called after each update.
            tell: Called with lines that a user should read before a training begins.
            crew: Who does parts of a step at the same time; by default this process, one after
                another. The results are the same.

        Returns:
            What is written to ``results.json``, too.

        Raises:
            CompressError: For what a user can mend.
        """
        try:
            with locked(self.folder), computing_as_asked(self.recipe.context):
                remove_stale(self.folder / STEPS)
                return self._executed(announce, tell, crew)
        finally:
            remove_empty(self._new_folders)

    def _executed(self, announce: Announce, tell: Tell, crew: Optional[Workers]) -> Results:
        recipe, told = self.recipe, set()

        def tell_once(line: str) -> None:
            # What is foreseen is said again when it is done.
            if line not in told:
                told.add(line)
                tell(line)

        with own_parameters():
            set_seed(recipe.seed)
            try:
                inputs = inputs_of_run(recipe, self.recipe_folder)
                if recipe.evaluate or recipe.needs_targets:
                    inputs.check()
                elif inputs.splits is not None:
                    inputs.check_rows()
                self._same_data(inputs)
                check_exportable(inputs, recipe.export)
                self._rehearse(inputs, tell_once)
                set_seed(recipe.seed)
                inputs.build(inputs.variables(), True)
                load_given(recipe, self.recipe_folder)
                results = begun(recipe.name, recipe.seed)
                if recipe.evaluate and inputs.answer():
                    results.targets = "the float network's answers, where the data has none"
            except Exception:
                self._release()
                raise
            self._measured = Measured(self.folder, tell_once)
            course = Course(
                recipe,
                self.folder,
                inputs,
                announce,
                tell_once,
                self.resume,
                self.recipe_folder,
                crew,
            )
            self._carry_out(course, results)
            results.write(self.folder)
            note_checksums(self.folder)
            with self._measured.or_not("what is in it"):
                write_report([reported_run(self.folder, results)], self.folder / REPORT)
        return results

    def _rehearse(self, inputs: Inputs, tell: Tell) -> None:
        """Refuses what a step can't do; of the network that it becomes nothing is left."""
        recipe = self.recipe
        with own_parameters():
            course = Course(
                recipe,
                self.folder,
                replace(inputs),
                tell=tell,
                recipe_folder=self.recipe_folder,
            )
            course.foresee(recipe.stages)
            if recipe.export.exits is not None:
                check_exits(course.network().outputs, recipe.export)

    def _carry_out(self, course: Course, results: Results) -> None:
        """Does one step after the other; the float network is scored and written in between."""
        recipe = self.recipe
        cause: Optional[str] = None
        records: List[Record] = []
        is_float = True
        for stage in recipe.stages:
            if stage.step.compresses and is_float:
                self._float_part(course, results, cause)
                is_float = False
            record = course.go(stage)
            records.append(record)
            for name, value in {**stage.step.results(record), **course.said}.items():
                setattr(results, name, value)
            if stage.step.trains and recipe.steps is None:
                setattr(results, "float_training" if is_float else "training", record)
            if stage.step.trains or stage.step.compresses:
                likely = doubts.TRAINING if stage.step.trains else doubts.QUANTIZATION
                cause = cause if results.float.warnings else likely
        self._measured.course(recipe.stages, records, results)
        if recipe.steps is not None:
            titles = [{"step": stage.step.title} for stage in recipe.stages]
            results.recipe_steps = [{**a, **b} for a, b in zip(titles, records)]
        if is_float:
            self._float_part(course, results, cause)
        if recipe.compresses:
            self._compressed_part(course, results, cause)
        elif recipe.export != recipe.export.for_float():
            exported = self._export("results", course, recipe.export)
            measured = {**results.float.as_dict(), **exported.as_dict()}
            results.compressed = NetworkResults.from_dict(measured)
            results.compressed.nnb_score = self._nnb_score(course.inputs)
            results.layers = exported.report.rows_as_dicts()

    def _float_part(self, course: Course, results: Results, cause: Optional[str]) -> None:
        score = self._score(course, cause, of_float=True)
        forget_checksums(self.folder)
        exported = self._export("float", course, self.recipe.export.for_float())
        results.float = NetworkResults.from_dict({**score, **exported.as_dict()})
        alone = not self.recipe.compresses
        self._measured.float_network(course.network(), course.inputs, results.float, alone)

    def _compressed_part(self, course: Course, results: Results, cause: Optional[str]) -> None:
        score = self._score(course, cause, of_float=False)
        exported = self._export("results", course, self.recipe.export, results.float.sizes)
        results.compressed = NetworkResults.from_dict({**score, **exported.as_dict()})
        results.compressed.nnb_score = self._nnb_score(course.inputs)
        outputs = course.network().all_outputs
        self._judge_budgets(results, results.compressed, outputs)
        results.compressed.warnings += doubts.of_trainings(_trainings(results))
        results.layers = exported.report.rows_as_dicts()
        results.what_stays = exported.report.what_stays()
        results.quantizers = learned_rows(outputs)
        bits = {row["bits"] for row in results.quantizers}
        # Bars of one height tell nothing.
        if len(bits) > 1 and any("step" in row for row in results.quantizers):
            plot_bits(results.quantizers, self.folder / "bits.png", self.recipe.name)
        self._draw_trainings(outputs)
        self._measured.compressed_network(course.network(), course.inputs, results)

    def _draw_trainings(self, outputs: List[nn.Variable]) -> None:
        """Draws what the terms of the trainings ask for."""
        if any(stage.step.shows_weights for stage in self.recipe.stages):
            before, after = self._measured.weights, weight_histograms(outputs)
            plot_weights(before, after, self.folder / "weights.png", self.recipe.name)
        for stage in self.recipe.stages:
            for series, axis in stage.step.drawn_series.items():
                path = self.folder / f"{series.lower()}.png"
                plot_series(self.folder / stage.files, series, path, self.recipe.name, axis)

    def _judge_budgets(
        self, results: Results, part: NetworkResults, outputs: List[nn.Variable]
    ) -> None:
        """Notes what became of the last budget of each kind, and of bits to be learned."""
        budgets = [b for stage in self.recipe.stages for b in stage.step.budgets_of(outputs)]
        if not budgets:
            return
        for budget in budgets:
            part.budgets.update(doubts.of_budget(budget, part.packed_weight_bytes or 0))
        part.warnings += doubts.missed(part.budgets)
        if any(training.get("bits_moved") is False for training in _trainings(results)):
            part.warnings.append(
                "no bit width ever moved, although the budget wants them learned: train "
                "longer, raise the learning rate, or give a tighter budget"
            )

    def _same_data(self, inputs: Inputs) -> None:
        """Refuses to go on with other samples than those that the run began with.

        Only a function of the user's can give others by itself.
        """
        if self.recipe.data is None or self.recipe.data.source != "python":
            return
        kept, now = self.folder / "data.json", {"sha256": inputs.data.fingerprint}
        if kept.exists() and read_record(kept, CHANGED).get("sha256") != now["sha256"]:
            raise DataError(
                f"{inputs.data.name} gives other samples than when the run in {self.folder} began.",
                help="seed its randomness, so that each call gives the same; or begin a new run",
            )
        write_record(kept, now)

    def _score(self, course: Course, cause: Optional[str], of_float: bool) -> Dict[str, Any]:
        """Returns the scores of the network of now on the test samples, nothing without data."""
        test = course.inputs.test if self.recipe.evaluate else None
        if test is None or not course.inputs.has_answer:
            return {}
        with self._measured.answers(of_float) as see:
            score = doubts.scored(course.inputs, course.build, test, cause=cause, see=see)
        return score_as_dict(score)

    def _nnb_score(self, inputs: Inputs) -> Optional[Dict[str, Any]]:
        """Returns what the written ``.nnb`` comes to by itself, if that is asked for."""
        test = inputs.test if self.recipe.evaluate and self.recipe.export.score else None
        if test is None:
            return None
        return score_as_dict(score_written(self.folder / "results.nnb", inputs, test))

    def _export(
        self, name: str, course: Course, part: ExportPart, before: Optional[NnbReport] = None
    ) -> Exported:
        """Writes the network of now; ``before``: the sizes of the one that it was made of."""
        known = None if before is None else FloatSizes(before.nnb_bytes, before.buffer_bytes)
        path = self.folder / f"{name}.nnp"
        return export_network(path, course.inputs, course.build, part, known)


def _trainings(results: Results) -> List[Dict[str, Any]]:
    """What the trainings of the compressed network led to, among other steps."""
    return [results.training or {}, *(results.recipe_steps or ())]
