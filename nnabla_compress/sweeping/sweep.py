# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Carrying a sweep out: each size trained, each trained network compressed in each way."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from nnabla_compress.analysis.costs import costs
from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.files import writable_folder
from nnabla_compress.loading.inputs import load_inputs
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.locks import locked
from nnabla_compress.progress import counted
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.results import begun
from nnabla_compress.safe_names import file_name
from nnabla_compress.sizes import parse_size
from nnabla_compress.sweeping.answers import Answer, answers, pareto
from nnabla_compress.sweeping.description import FLOAT, Sweep
from nnabla_compress.sweeping.pictures import plot
from nnabla_compress.sweeping.points import Point, Row, carried_out
from nnabla_compress.training import Trainer, TrainingSettings, set_seed
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.workers import Failed, Workers, workers
from nnabla_compress.workers.interface import refuse_full_disk

SWEEP, PICTURE = "sweep.json", "sweep.png"
_DESCRIPTION = "description.json"
# Updates of a network that is timed; the first ones, which load and allocate, don't count.
_TIMED, _FIRST = 12, 4


@dataclass(frozen=True)
class Swept:
    """What a sweep came to.

    Args:
        description: What was tried.
        rows: All points, by size and then compression.
        answers: What to train and how to compress it, at each budget.
        versions: Of what results depend on.
        date: When it ended.
    """

    description: Sweep
    rows: List[Row]
    answers: List[Answer]
    versions: Mapping[str, str]
    date: str

    def as_dict(self) -> Dict[str, Any]:
        """Returns what ``sweep.json`` says of it."""
        front = {row.name for row in pareto(self.rows)}
        return {
            "sweep": self.description.model_dump(mode="json", exclude_none=True),
            "versions": dict(self.versions),
            "date": self.date,
            "points": [{**row.as_dict(), "pareto": row.name in front} for row in self.rows],
            "answers": [
                {
                    "budget": each.budget,
                    **(
                        {}
                        if each.row is None
                        else {"train": each.row.size, "compress": each.row.compression}
                    ),
                }
                for each in self.answers
            ],
        }


def sweep(
    description: Sweep,
    folder: Path,
    crew: Optional[Workers] = None,
    resume: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Swept:
    """Trains all sizes, compresses each in all ways, and says which is best at which size.

    Each point is a run folder. Points that are done are not done again; one that fails is told and
    ends nothing, but for a full disk.

    Args:
        description: What to try.
        folder: Where the run folders go, with ``sweep.json`` and ``sweep.png``.
        crew: Who carries the runs out; None: this process.
        resume: Whether the folder may hold the same sweep, to be gone on with.
        tell: Called with a line for each point that is done.

    Raises:
        ConfigError: If the folder holds a sweep that is not to be resumed, or another one.
        CompressError: If no size could be trained.
    """
    crew = crew or workers()
    writable_folder(folder)
    with locked(folder):
        _claim(description, folder, resume)
        epochs = _epochs(description, folder, tell)
        trained = [
            Row(name, FLOAT, file_name(f"{name}, {FLOAT}"), epochs[name])
            for name, _ in description.networks
        ]
        recipes = {
            row.name: description.training_recipe(name, options, row.epochs)
            for row, (name, options) in zip(trained, description.networks)
        }
        done = _carry_out(trained, recipes, folder, crew, tell)
        if all(row.failed for row in done):
            raise CompressError(
                f"sweep: no size could be trained; {done[0].size}: {done[0].failed}",
                help="mend what failed, and go on with --resume",
            )
        todo, recipes = [], {}
        for row, (name, options) in zip(done, description.networks):
            for compression, steps in description.compressions.items():
                if row.failed:
                    continue
                place = file_name(f"{name}, {compression}")
                todo.append(Row(name, compression, place, row.epochs))
                start = (folder / row.folder / "steps" / "01-train.h5").resolve()
                recipes[todo[-1].name] = description.recipe(todo[-1].name, options, steps, start)
        done += _carry_out(todo, recipes, folder, crew, tell)
        order = [name for name, _ in description.networks]
        done.sort(key=lambda row: order.index(row.size))
        budgets = description.budgets
        sizes = None if budgets is None else [parse_size(size, "budgets") for size in budgets]
        about = begun(description.name, description.seed)
        swept = Swept(description, done, answers(done, sizes), about.versions, about.date)
        write_record(folder / SWEEP, swept.as_dict())
        plot(done, folder / PICTURE, description.name)
    return swept


def _claim(description: Sweep, folder: Path, resume: bool) -> None:
    kept = folder / _DESCRIPTION
    wanted = {"sweep": description.model_dump(mode="json")}
    if not kept.exists():
        write_record(kept, wanted)
        return
    if not resume:
        raise ConfigError(
            f"{folder} holds a sweep already.",
            help="--resume goes on with it; -o chooses another folder",
        )
    if read_record(kept, f"remove {folder}").get("sweep") != wanted["sweep"]:
        raise ConfigError(
            f"{folder} holds another sweep.", help="resume with the same file, or choose another -o"
        )


def _carry_out(
    rows: Sequence[Row],
    recipes: Mapping[str, Recipe],
    folder: Path,
    crew: Workers,
    tell: Callable[[str], None],
) -> List[Row]:
    points = [Point(recipes[row.name], (folder / row.folder).resolve()) for row in rows]
    done: Dict[int, Row] = {}

    def finished(number: int, found: Any) -> None:
        refuse_full_disk(found)
        row = rows[number]
        if isinstance(found, Failed):
            row = replace(row, failed=found.message)
            tell(f"{row.name} failed: {row.failed}")
        else:
            row = replace(row, **found)
            tell(f"{row.name}: {100 * (row.validation or 0):.2f} %, {row.bytes or 0:,} B")
        done[number] = row
        at(len(done))

    with counted("sweep", len(rows)) as at:
        crew.map(carried_out, points, finished)
    return [done[number] for number in range(len(rows))]


def _epochs(description: Sweep, folder: Path, tell: Callable[[str], None]) -> Dict[str, float]:
    """How long each size is trained, so that all get the same."""
    most = float(description.training["epochs"])
    names = [name for name, _ in description.networks]
    if description.equal == "updates":
        return dict.fromkeys(names, most)
    kept = folder / "epochs.json"
    if kept.exists():
        found: Dict[str, float] = read_record(kept, f"remove {kept}")["epochs"]
        return found
    measure = _seconds if description.equal == "time" else _macs
    taken = {
        name: measure(description.training_recipe(name, options, most))
        for name, options in description.networks
    }
    longest = max(taken.values())
    epochs = {name: round(most * longest / each, 2) for name, each in taken.items()}
    write_record(kept, {"equal": description.equal, "of_an_update": taken, "epochs": epochs})
    for name, each in epochs.items():
        tell(f"{name}: {each:g} epochs")
    return epochs


@one_at_a_time
def _macs(recipe: Recipe) -> float:
    """Multiply-accumulates for one sample."""
    with own_parameters():
        inputs = load_inputs(recipe, Path("."))
        given = inputs.variables()
        output = inputs.build(given, True)
        return float(costs([output]).macs)  # type: ignore[list-item]


@one_at_a_time
def _seconds(recipe: Recipe) -> float:
    """Median processor time of an update."""
    with own_parameters(), tempfile.TemporaryDirectory() as folder:
        set_seed(recipe.seed)
        inputs = load_inputs(recipe, Path("."))
        settings = recipe.stages[0].step.settings  # type: ignore[attr-defined]
        trainer = Trainer(
            inputs.build,
            replace(inputs.data, validation=None),
            _short(settings, len(inputs.data.split("train"))),
            Path(folder),
            inputs.preprocessing,
            seed=recipe.seed,
            loss=inputs.loss,
        )
        times = [time.process_time()]
        trainer.run(progress=lambda *now: times.append(time.process_time()))
    taken = [after - before for before, after in zip(times, times[1:])]
    return max(statistics.median(taken[_FIRST:] or taken), 1e-9)


def _short(settings: TrainingSettings, samples: int) -> TrainingSettings:
    return replace(settings, epochs=_TIMED * settings.batch_size / samples)
