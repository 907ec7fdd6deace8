# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One compression run, from a recipe to a run folder.

A run folder holds the resolved recipe, a folder for each training (monitors, checkpoints, best
parameters), the parameters before and after compression, the exported networks, and
``results.json`` with accuracies, versions and bytes.
"""

from __future__ import annotations

import datetime
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import nnabla as nn
import numba
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

import nnabla_compress
from nnabla_compress import data
from nnabla_compress.checksums import check_bytes, read_record, write_bytes, write_record
from nnabla_compress.data import resolve_path
from nnabla_compress.errors import CompressError, ConfigError, DataError, unwrapped
from nnabla_compress.files import write_json
from nnabla_compress.graph import start_quantizers
from nnabla_compress.locks import locked
from nnabla_compress.progress import Announce
from nnabla_compress.recipes import ExportPart, Recipe, differences
from nnabla_compress.report.learned import learned_rows, plot_bits
from nnabla_compress.runs import doubts
from nnabla_compress.runs.export import Exported, check_exportable, export_network
from nnabla_compress.runs.folder import refuse_foreign
from nnabla_compress.runs.inputs import Inputs, budget_of, compressed, load_inputs, needs_labels
from nnabla_compress.runs.parameters import load_parameters, own_parameters
from nnabla_compress.runs.post_trained import PostTrained
from nnabla_compress.runs.written import forget_checksums, note_checksums
from nnabla_compress.training import Outcome, Score, Term, Trainer, WithinBudget, set_seed
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.parameter_files import load_parameters as load_own
from nnabla_compress.training.parameter_files import save_parameters
from nnabla_compress.turns import one_at_a_time

Tell = Callable[[str], None]
CHANGED = (
    "undo the change, or take the file from a copy; if it was changed on purpose, remove the "
    "checksum at its end"
)
# Samples that the ranges of activations start from where nothing is trained.
_FIRST_BATCH = 256


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
        self._new_folder = not folder.exists()
        with locked(folder):
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
        self._new_folder = self._claimed = False

    def _claim(self) -> None:
        kept = self.folder / "recipe.yaml"
        if kept.exists() and not self.resume:
            raise ConfigError(
                f"{self.folder} holds a run already.",
                help="--resume goes on with it; -o chooses another folder",
            )
        if kept.exists():
            check_bytes(kept, CHANGED)
            changes = differences(Recipe.read(kept), self.recipe)
            if changes:
                raise ConfigError(
                    f"{self.folder} holds a run of another recipe ({'; '.join(changes[:4])}).",
                    help="resume with the same recipe, or choose another folder with -o",
                )
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

    @one_at_a_time
    def execute(self, announce: Announce, tell: Tell = lambda line: None) -> Dict[str, Any]:
        """Trains, compresses, exports and scores.

        Args:
            announce: Called with the name of a training and its number of updates; returns what
                is called after each update.
            tell: Called with lines that a user should read before a training begins.

        Returns:
            What is written to ``results.json``.

        Raises:
            ConfigError: If the folder is that of a post-training quantization, which a run of its
                recipe would replace by another network.
            CompressError: For anything else that a user can mend.
        """
        try:
            with locked(self.folder):
                PostTrained.refuse(self.folder)
                return self._executed(announce, tell)
        finally:
            if self._new_folder and self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _executed(self, announce: Announce, tell: Tell) -> Dict[str, Any]:
        recipe = self.recipe
        with own_parameters():
            set_seed(recipe.seed)
            try:
                inputs = load_inputs(
                    recipe, self.recipe_folder, unlabelled=not needs_labels(recipe)
                )
                inputs.check()
                self._same_data(inputs)
                check_exportable(inputs, recipe.export.target)
                self._check_compression(inputs, tell)
            except Exception:
                self._release()
                raise
            set_seed(recipe.seed)
            inputs.build(inputs.variables(), True)
            if recipe.model.parameters is not None:
                load_parameters(
                    resolve_path(recipe.model.parameters, self.recipe_folder, "parameters")
                )
            results: Dict[str, Any] = {"name": recipe.name, "seed": recipe.seed}
            results["versions"] = versions()
            results["date"] = datetime.date.today().isoformat()
            if inputs.answer():
                results["targets"] = "the float network's answers, where the data has none"
            if recipe.float_training is not None:
                trained = self._train("float", inputs, inputs.build, announce)
                results["float_training"] = trained
            cause = None if recipe.float_training is None else doubts.TRAINING
            results["float"] = _score(inputs, inputs.build, cause)
            forget_checksums(self.folder)
            exported = self._export("float", inputs, inputs.build, recipe.export.for_float())
            results["float"].update(exported.as_dict())
            if recipe.compression is None and recipe.export != recipe.export.for_float():
                exported = self._export("results", inputs, inputs.build, recipe.export)
                results["compressed"] = {**results["float"], **exported.as_dict()}
                results["layers"] = exported.report.rows_as_dicts()
            elif recipe.compression is not None:
                if recipe.compression.fold == "before":
                    inputs.fold()
                build = compressed(inputs.build, recipe.compression)
                build(inputs.variables(), True)
                if recipe.compression.training is not None:
                    results["training"] = self._train("compressed", inputs, build, announce)
                else:
                    self._start(inputs, build)
                trains = recipe.compression.training is not None
                if "warnings" not in results["float"]:
                    cause = doubts.TRAINING if trains else doubts.QUANTIZATION
                results["compressed"] = _score(inputs, build, cause)
                exported = self._export("results", inputs, build, recipe.export)
                results["compressed"].update(exported.as_dict())
                last = build(inputs.variables(), True)
                self._judge_budget(results, last)
                results["layers"] = exported.report.rows_as_dicts()
                results["what_stays"] = exported.report.what_stays()
                results["quantizers"] = learned_rows([last])
                if any("step" in row for row in results["quantizers"]):
                    plot_bits(results["quantizers"], self.folder / "bits.png", recipe.name)
            write_json(self.folder / "results.json", results)
            note_checksums(self.folder)
        return results

    def _judge_budget(self, results: Dict[str, Any], output: nn.Variable) -> None:
        """Notes what became of the budgets, and of the bits that were to be learned."""
        assert self.recipe.compression is not None
        part, warnings = results["compressed"], []
        budget = budget_of(self.recipe.compression.budget)
        if budget is not None:
            part["budgets"] = doubts.of_budget(budget([output]), part["packed_weight_bytes"])
            warnings += doubts.missed(part["budgets"])
            if results.get("training", {}).get("bits_moved") is False:
                warnings.append(
                    "no bit width ever moved, although the budget wants them learned: train "
                    "longer, raise the learning rate, or give a tighter budget"
                )
        if warnings:
            part["warnings"] = [*part.get("warnings", []), *warnings]

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

    def _check_compression(self, inputs: Inputs, tell: Tell) -> None:
        """Refuses rules that match nothing and budgets out of reach before anything is trained."""
        part = self.recipe.compression
        if part is None:
            return
        inputs = replace(inputs)
        with own_parameters():
            if part.fold == "before":
                inputs.fold()
            # Without a training in between the same network is proved soon.
            prove = self.recipe.float_training is not None
            output = compressed(inputs.build, part, prove)(inputs.variables(), True)
            budget = budget_of(part.budget)
            if budget is not None:
                for line in budget([output]).describe():
                    tell(line)

    def _start(self, inputs: Inputs, build: Build) -> None:
        """Initialises the quantizers of a network that is not trained: weights, one batch."""
        finished = self.folder / "compressed.h5"
        if finished.exists():
            load_own(finished, self._again(finished))
            return
        if inputs.splits is not None:
            output = build(inputs.drawn_feed(_FIRST_BATCH).inputs, True)
        else:
            output = build(inputs.variables(), True)
        start_quantizers([output])
        if inputs.splits is not None:
            with unwrapped():
                output.forward(clear_buffer=True)
            clear_memory_cache()
        save_parameters(finished)

    def _train(
        self, phase: str, inputs: Inputs, build: Build, announce: Announce
    ) -> Dict[str, Any]:
        part = self.recipe.float_training
        terms: List[Term] = []
        if phase == "compressed":
            assert self.recipe.compression is not None
            part = self.recipe.compression.training
            budget = budget_of(self.recipe.compression.budget)
            if self.recipe.compression.distill is not None:
                terms.append(self.recipe.compression.distill.make(inputs.build))
            if budget is not None:
                terms.append(WithinBudget(budget))
        assert part is not None
        augmentation = None
        if self.recipe.augmentation is not None:
            extra = self.recipe.augmentation.model_extra or {}
            augmentation = data.augmentation(self.recipe.augmentation.name, **extra)
        trainer = Trainer(
            build,
            inputs.data,
            part,
            self.folder / phase,
            inputs.preprocessing,
            augmentation,
            self.recipe.seed,
            terms,
            inputs.loss,
        )
        finished = self.folder / f"{phase}.h5"
        summary = self.folder / phase / "outcome.json"
        if finished.exists() and summary.exists():
            load_own(finished, self._again(finished))
            return read_record(summary, self._again(summary))
        progress = announce(phase, trainer.total)
        outcome = trainer.run(resume=self.resume, progress=progress)
        trainer.load_best()
        result = _summary(outcome)
        write_record(summary, result)
        save_parameters(finished)
        return result

    @staticmethod
    def _again(path: Path) -> str:
        return f"remove {path}, and --resume makes it again, to the same bits"

    def _export(self, name: str, inputs: Inputs, build: Build, part: ExportPart) -> Exported:
        return export_network(self.folder / f"{name}.nnp", inputs, build, part)


def versions() -> Dict[str, str]:
    """Returns the versions that results depend on."""
    return {
        "nnabla_compress": nnabla_compress.__version__,
        "nnabla": nn.__version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    }


def _score(inputs: Inputs, build: Build, cause: Optional[str]) -> Dict[str, Any]:
    """Returns the scores of a network on the test samples, nothing without data."""
    test = inputs.test
    if test is None:
        return {}
    return _scored(doubts.scored(inputs, build, test, cause=cause))


def _scored(score: Score) -> Dict[str, Any]:
    scored: Dict[str, Any] = {"loss": score.loss, "samples": score.samples}
    if score.accuracy is not None:
        scored = {"accuracy": score.accuracy, **scored}
    if score.accuracy_name != "accuracy":
        scored["accuracy_name"] = score.accuracy_name
    if score.metrics:
        scored["metrics"] = score.metrics
        scored["loss_name"] = score.loss_name
    if score.doubts:
        scored["warnings"] = list(score.doubts)
    return scored


def _summary(outcome: Outcome) -> Dict[str, Any]:
    summary: Dict[str, Any] = {"iterations": outcome.iterations, "best_epoch": outcome.best_epoch}
    summary.update(outcome.noticed)
    for name in ("last", "best"):
        score: Optional[Score] = getattr(outcome, name)
        if score is not None:
            summary[f"{name}_validation"] = _scored(score)
    return summary
