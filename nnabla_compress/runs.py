# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One compression run, from a recipe to a run folder.

A run folder holds the resolved recipe, a folder for each training (monitors, checkpoints, best
parameters), the parameters before and after compression, the exported networks, and
``results.json`` with accuracies, versions and bytes.
"""

from __future__ import annotations

import datetime
import json
import platform
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import nnabla as nn
import nnabla.parameter
import numba
import numpy as np

import nnabla_compress
from nnabla_compress import data, models
from nnabla_compress.data import DataSet, Preprocessing, resolve_path
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import ExportReport, export_nnb, export_nnp
from nnabla_compress.files import atomic_path, h5_errors, writable_folder
from nnabla_compress.graph import (
    Activation,
    Layer,
    activations,
    insert_activation_quantizers,
    insert_weight_quantizers,
    layers,
)
from nnabla_compress.logs import quiet
from nnabla_compress.quantizers import Quantizer
from nnabla_compress.recipes import (
    BudgetPart,
    CompressionPart,
    Recipe,
    choose_rules,
    differences,
)
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.report.learned import learned_rows, plot_bits
from nnabla_compress.training import Outcome, Score, Trainer, evaluate, set_seed
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.trainer import Budget, Progress

Announce = Callable[[str, int], Progress]
Tell = Callable[[str], None]


@dataclass
class Inputs:
    """What a recipe refers to, loaded: data set, preprocessing and network.

    Args:
        data: The splits.
        preprocessing: From stored samples to network inputs.
        build: The float network, ``build(x, test)``.
    """

    data: DataSet
    preprocessing: Preprocessing
    build: Build


def load_data(recipe: Recipe, folder: Path) -> DataSet:
    """Loads the data set of a recipe.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.
    """
    options = dict(recipe.data.model_extra or {})
    return data.load(
        recipe.data.source,
        folder=folder,
        validation=recipe.data.validation,
        seed=recipe.seed,
        **options,
    )


def load_inputs(recipe: Recipe, folder: Path) -> Inputs:
    """Loads what a recipe refers to.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.

    Raises:
        CompressError: If anything is missing or damaged.
    """
    splits = load_data(recipe, folder)
    return Inputs(splits, _preprocessing(recipe), _network(recipe, folder, splits.n_classes))


def _preprocessing(recipe: Recipe) -> Preprocessing:
    part = recipe.preprocessing
    channels = [tuple(v) if isinstance(v, list) else v for v in (part.mean, part.std)]
    return Preprocessing(part.scale, *channels)


def _network(recipe: Recipe, folder: Path, n_classes: int) -> Build:
    part = recipe.model
    if part.nnp is not None:
        file = models.NnpFile(part.nnp, folder)
        return lambda x, test: file(x, test, part.network)
    if part.python is not None:
        return models.PythonModel(part.python, n_classes, folder)
    name = part.name
    assert name is not None
    return lambda x, test: models.build(name, x, n_classes, test, **part.options)


def compressed(build: Build, part: CompressionPart) -> Build:
    """Returns the network with the quantizers that the rules of a recipe choose.

    Args:
        build: The float network.
        part: The recipe's ``compression``.
    """

    def build_compressed(x: nn.Variable, test: bool) -> nn.Variable:
        outputs = [build(x, test)]
        if part.activations:
            names = [activation.name for activation in activations(outputs)]
            behind = choose_rules(part.activations, names, "activation")

            def choose_activation(activation: Activation) -> Optional[Quantizer]:
                rule = behind[activation.name]
                return rule.make(signed=activation.signed) if rule is not None else None

            outputs = insert_activation_quantizers(outputs, choose_activation)
        if part.weights:
            chosen = choose_rules(part.weights, [layer.name for layer in layers(outputs)])

            def choose(layer: Layer) -> Optional[Quantizer]:
                rule = chosen[layer.name]
                return rule.make() if rule is not None else None

            def choose_bias(layer: Layer) -> Optional[Quantizer]:
                rule = chosen[layer.name]
                return rule.make_for_bias() if rule is not None else None

            outputs = insert_weight_quantizers(outputs, choose, choose_bias=choose_bias)
        return outputs[0]

    return build_compressed


def budget_of(part: Optional[BudgetPart]) -> Optional[Budget]:
    """Returns what makes the budget of a graph, None for no budget.

    Args:
        part: The recipe's ``budget``.
    """
    if part is None:
        return None
    return lambda outputs: MemoryBudget(outputs, **part.model_dump())


class Run:
    """A run of a recipe in a folder.

    Args:
        recipe: What to do.
        folder: The run folder; made if missing.
        recipe_folder: Where relative paths of the recipe start.
        resume: Go on with the run that the folder holds.

    Raises:
        ConfigError: If the folder can't be written to, holds a run that was not to be resumed, or
            one of another recipe.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, recipe_folder: Path, resume: bool = False
    ) -> None:
        self.recipe = recipe
        self.folder = writable_folder(folder)
        self.recipe_folder = recipe_folder
        self.resume = resume
        self._claim()

    def _claim(self) -> None:
        kept = self.folder / "recipe.yaml"
        if kept.exists() and not self.resume:
            raise ConfigError(
                f"{self.folder} holds a run already.",
                help="--resume goes on with it; -o chooses another folder",
            )
        if kept.exists():
            changes = differences(Recipe.read(kept), self.recipe)
            if changes:
                raise ConfigError(
                    f"{self.folder} holds a run of another recipe ({'; '.join(changes[:4])}).",
                    help="resume with the same recipe, or choose another folder with -o",
                )
            return
        with atomic_path(self.folder / "source.json") as path:
            path.write_text(json.dumps({"folder": str(self.recipe_folder.resolve())}), "utf-8")
        with atomic_path(kept) as path:
            path.write_text(self.recipe.dump(), encoding="utf-8")

    def execute(self, announce: Announce, tell: Tell = lambda line: None) -> Dict[str, Any]:
        """Trains, compresses, exports and scores.

        Args:
            announce: Called with the name of a training and its number of updates; returns what
                is called after each update.
            tell: Called with lines that a user should read before a training begins.

        Returns:
            What is written to ``results.json``.

        Raises:
            CompressError: For anything a user can mend.
        """
        recipe = self.recipe
        with _own_parameters():
            set_seed(recipe.seed)
            inputs = load_inputs(recipe, self.recipe_folder)
            self._check_compression(inputs, tell)
            set_seed(recipe.seed)
            test = inputs.data.split("test" if inputs.data.test is not None else "validation")
            shape = (1, *inputs.data.sample_shape)
            inputs.build(nn.Variable(shape), True)
            if recipe.model.parameters is not None:
                _load_parameters(
                    resolve_path(recipe.model.parameters, self.recipe_folder, "parameters")
                )
            results: Dict[str, Any] = {"name": recipe.name, "seed": recipe.seed}
            results["versions"] = versions()
            results["date"] = datetime.date.today().isoformat()
            if recipe.float_training is not None:
                trained = self._train("float", inputs, inputs.build, announce)
                results["float_training"] = trained
            results["float"] = _scored(evaluate(inputs.build, test, inputs.preprocessing))
            results["float"].update(self._export("float", inputs.build, shape)[1])
            build = inputs.build
            if recipe.compression is not None:
                build = compressed(inputs.build, recipe.compression)
                build(nn.Variable(shape), True)
                if recipe.compression.training is not None:
                    results["training"] = self._train("compressed", inputs, build, announce)
                results["compressed"] = _scored(evaluate(build, test, inputs.preprocessing))
                report, sizes = self._export("results", build, shape)
                results["compressed"].update(sizes)
                results["layers"] = report.rows_as_dicts()
                results["quantizers"] = learned_rows([build(nn.Variable(shape), True)])
                if any("step" in row for row in results["quantizers"]):
                    plot_bits(results["quantizers"], self.folder / "bits.png", recipe.name)
            _write_json(self.folder / "results.json", results)
        return results

    def _check_compression(self, inputs: Inputs, tell: Tell) -> None:
        """Refuses rules that match nothing and budgets out of reach before anything is trained."""
        part = self.recipe.compression
        if part is None:
            return
        with _own_parameters():
            output = compressed(inputs.build, part)(
                nn.Variable((1, *inputs.data.sample_shape)), True
            )
            budget = budget_of(part.budget)
            if budget is not None:
                for line in budget([output]).describe():
                    tell(line)

    def _train(
        self, phase: str, inputs: Inputs, build: Build, announce: Announce
    ) -> Dict[str, Any]:
        part, budget = self.recipe.float_training, None
        if phase == "compressed":
            assert self.recipe.compression is not None
            part = self.recipe.compression.training
            budget = budget_of(self.recipe.compression.budget)
        assert part is not None
        augmentation = None
        if self.recipe.augmentation is not None:
            extra = self.recipe.augmentation.model_extra or {}
            augmentation = data.augmentation(self.recipe.augmentation.name, **extra)
        trainer = Trainer(
            build,
            inputs.data,
            part.settings(),
            self.folder / phase,
            inputs.preprocessing,
            augmentation,
            self.recipe.seed,
            budget,
        )
        finished = self.folder / f"{phase}.h5"
        summary = self.folder / phase / "outcome.json"
        if finished.exists() and summary.exists():
            _load_parameters(finished)
            return dict(json.loads(summary.read_text("utf-8")))
        progress = announce(phase, trainer.total)
        outcome = trainer.run(resume=self.resume, progress=progress)
        trainer.load_best()
        result = _summary(outcome)
        _write_json(summary, result)
        with atomic_path(finished) as path, h5_errors(finished), quiet():
            nn.save_parameters(str(path))
        return result

    def _export(self, name: str, build: Build, shape: Any) -> Any:
        x = nn.Variable(shape)
        output = build(x, True)
        nnp = self.folder / f"{name}.nnp"
        report = export_nnp(nnp, {"y": output}, {"x": x}, target=self.recipe.export.target)
        sizes = {
            "nnp_bytes": nnp.stat().st_size,
            "float_weight_bytes": report.float_bytes,
            "packed_weight_bytes": report.packed_bytes,
        }
        if self.recipe.export.nnb:
            nnb = self.folder / f"{name}.nnb"
            export_nnb(nnb, nnp, api=self.recipe.export.api)
            sizes["nnb_bytes"] = nnb.stat().st_size
        return report, sizes


def open_run(folder: Path) -> Run:
    """Opens a run folder that exists.

    Args:
        folder: The run folder.

    Raises:
        ConfigError: If it holds no run.
    """
    kept = folder / "recipe.yaml"
    if not kept.exists():
        raise ConfigError(
            f"{folder} is no run folder: it has no recipe.yaml.",
            help="give a folder that 'nnabla-compress run' wrote",
        )
    try:
        source = Path(json.loads((folder / "source.json").read_text("utf-8"))["folder"])
    except (OSError, ValueError, KeyError):
        source = folder
    return Run(Recipe.read(kept), folder, source, resume=True)


@contextmanager
def trained_network(run: Run) -> Iterator[Any]:
    """Gives the inputs and the compressed network of a finished run, parameters loaded.

    Args:
        run: The run.

    Yields:
        ``(inputs, build)`` within a parameter scope of its own.

    Raises:
        DataError: If the run has not finished.
    """
    recipe = run.recipe
    with _own_parameters():
        set_seed(recipe.seed)
        inputs = load_inputs(recipe, run.recipe_folder)
        shape = (1, *inputs.data.sample_shape)
        inputs.build(nn.Variable(shape), True)
        build = inputs.build
        phase = "float"
        if recipe.compression is not None:
            build = compressed(inputs.build, recipe.compression)
            build(nn.Variable(shape), True)
            phase = "compressed" if recipe.compression.training is not None else "float"
        finished = run.folder / f"{phase}.h5"
        if finished.exists():
            _load_parameters(finished)
        elif recipe.float_training is not None or phase == "compressed":
            raise DataError(
                f"the run in {run.folder} has not finished: {finished.name} is missing.",
                help="go on with 'nnabla-compress run RECIPE -o FOLDER --resume'",
            )
        yield inputs, build


def evaluate_run(folder: Path, split: str = "test", batch_size: int = 100) -> Score:
    """Scores the compressed network of a finished run.

    Args:
        folder: The run folder.
        split: "train", "validation" or "test" of the run's own data.
        batch_size: Samples of a forward pass.

    Raises:
        CompressError: If the folder holds no finished run.
    """
    with trained_network(open_run(folder)) as (inputs, build):
        return evaluate(build, inputs.data.split(split), inputs.preprocessing, batch_size)


def evaluate_file(
    path: Path, recipe_path: Path, split: str = "test", batch_size: int = 100
) -> Score:
    """Scores an ``.nnp`` file on the data of a recipe.

    Args:
        path: The file.
        recipe_path: The recipe whose data and preprocessing fit the network.
        split: "train", "validation" or "test".
        batch_size: Samples of a forward pass.

    Raises:
        CompressError: If a file is missing or damaged, or the data does not fit the network.
    """
    file = models.NnpFile(path)
    recipe = Recipe.read(recipe_path)
    with _own_parameters():
        splits = load_data(recipe, recipe_path.parent)
        return evaluate(
            lambda x, test: file(x, test),
            splits.split(split),
            _preprocessing(recipe),
            batch_size,
        )


def export_run(
    folder: Path,
    output: Path,
    target: str = "portable",
    nnb: bool = True,
    api: int = 44,
    batch_size: int = 1,
) -> Tuple[ExportReport, List[Path]]:
    """Exports the compressed network of a finished run.

    Args:
        folder: The run folder.
        output: Folder for the files.
        target: What the files are for.
        nnb: Also convert to ``.nnb``.
        api: API level of the ``.nnb`` file.
        batch_size: Batch size of the ``.nnb`` file.

    Returns:
        The report and the paths written.

    Raises:
        CompressError: If the folder holds no finished run, or the network can't be exported.
    """
    run = open_run(folder)
    writable_folder(output)
    with trained_network(run) as (inputs, build):
        x = nn.Variable((1, *inputs.data.sample_shape))
        paths = [output / f"{run.recipe.name}.nnp"]
        report = export_nnp(paths[0], {"y": build(x, True)}, {"x": x}, target=target)
        if nnb:
            paths.append(output / f"{run.recipe.name}.nnb")
            export_nnb(paths[1], paths[0], api=api, batch_size=batch_size)
    return report, paths


def versions() -> Dict[str, str]:
    """Returns the versions that results depend on."""
    return {
        "nnabla_compress": nnabla_compress.__version__,
        "nnabla": nn.__version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
        "python": platform.python_version(),
    }


@contextmanager
def _own_parameters() -> Iterator[None]:
    """Sets the caller's parameters aside, so that a run never meets them."""
    scope = nn.parameter.get_current_parameter_scope()
    aside = dict(scope)
    scope.clear()
    try:
        yield
    finally:
        scope.clear()
        scope.update(aside)


def _load_parameters(path: Path) -> None:
    try:
        with quiet():
            nn.load_parameters(str(path))
    except Exception as error:  # h5py and NNabla raise whatever a damaged file leads them to
        raise DataError(
            f"can't read the parameters {path}: {error}.",
            help="the file is damaged or another kind",
        ) from error


def _scored(score: Score) -> Dict[str, Any]:
    return {"accuracy": score.accuracy, "loss": score.loss, "samples": score.samples}


def _summary(outcome: Outcome) -> Dict[str, Any]:
    summary: Dict[str, Any] = {"iterations": outcome.iterations, "best_epoch": outcome.best_epoch}
    if outcome.bits_moved is not None:
        summary["bits_moved"] = outcome.bits_moved
    for name in ("last", "best"):
        score: Optional[Score] = getattr(outcome, name)
        if score is not None:
            summary[f"{name}_validation"] = _scored(score)
    return summary


def _write_json(path: Path, content: Dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
