# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Puts runs of the same recipes with several seeds into a table: mean and spread of the accuracy.

python tools/compare_runs.py RUN... [--distances] [--name NAME --command "COMMAND"]

RUN is a run folder; those without results.json have not finished and are left out. Runs are of one
recipe if nothing but the seed, and the ending -seedN of its name, tells their recipes apart.
--distances adds how far weights are from the levels of their quantizers, in steps: a quarter where
nothing pulls them there. It builds the networks, and reads the data that their recipes name.
--name writes docs/results/NAME.json, too, with the command that made the runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.files import write_json
from nnabla_compress.recipes import Recipe
from nnabla_compress.regularizers.sinreq import chosen_weights
from nnabla_compress.report.results import NAME, Results
from nnabla_compress.runs.finished import open_run, trained_network
from nnabla_compress.runs.written import check_written
from nnabla_compress.training.evaluate import outputs_of

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
HEAD = ("recipe", "float", "by seed", "mean", "spread", "distance", "packed bytes")


class Finished(NamedTuple):
    """A run that has finished.

    Args:
        folder: Its folder.
        recipe: Its recipe, with seed 0 and without the seed in its name.
        results: What it came to.
    """

    folder: Path
    recipe: Recipe
    results: Results


def finished(folder: Path) -> Optional[Finished]:
    """Reads a run folder, None if the run goes on."""
    if not (folder / "recipe.yaml").is_file():
        raise ConfigError(f"{folder} is no run folder.", help="name folders that 'run' wrote")
    if not (folder / NAME).is_file():
        return None
    check_written([folder / NAME])
    recipe, results = Recipe.read(folder / "recipe.yaml"), Results.read(folder)
    if results.compressed is None or results.compressed.accuracy is None:
        raise ConfigError(f"{folder} has no accuracy.", help="leave it out")
    ending = f"-seed{recipe.seed}"
    name = recipe.name[: -len(ending)] if recipe.name.endswith(ending) else recipe.name
    alike = recipe.model_copy(update={"name": name}).with_seed(0)
    return Finished(folder, alike, results)


def distance(folder: Path) -> Optional[float]:
    """Returns the mean distance in steps of a run's weights from their levels, None without any."""
    run = open_run(folder)
    with trained_network(run) as (inputs, build):
        outputs = list(outputs_of(build(inputs.variables(), True)).values())
        try:
            found = chosen_weights(outputs)
        except ConfigError:  # other levels, or none
            return None
        sizes = [each.weight.size for each in found]
        return sum(e.distance_now() * size for e, size in zip(found, sizes)) / sum(sizes)


def row_of(runs: Sequence[Finished], distances: bool) -> Dict[str, Any]:
    """Returns what a table says of the runs of one recipe, by their seeds."""
    runs = sorted(runs, key=lambda run: run.results.seed)
    seeds = [run.results.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        folders = ", ".join(str(run.folder) for run in runs)
        raise ConfigError(
            f"{runs[0].recipe.name} ran twice with a seed: {folders}.", help="leave one out"
        )
    accuracies = [run.results.compressed.accuracy for run in runs]  # type: ignore[union-attr]
    row: Dict[str, Any] = {
        "name": runs[0].recipe.name,
        "seeds": seeds,
        "float_accuracy": [run.results.float.accuracy for run in runs],
        "accuracy": accuracies,
        "mean": fmean(accuracies),
        "spread": max(accuracies) - min(accuracies) if len(runs) > 1 else None,
        "packed_weight_bytes": [
            run.results.compressed.packed_weight_bytes  # type: ignore[union-attr]
            for run in runs
        ],
        "dates": [run.results.date for run in runs],
        "versions": [run.results.versions for run in runs],
    }
    if distances:
        row["distance"] = [distance(run.folder) for run in runs]
    return row


def compared(folders: Sequence[Path], distances: bool = False) -> List[Dict[str, Any]]:
    """Returns a row for each recipe, in the order in which they are named.

    Args:
        folders: Run folders.
        distances: Whether to look at the weights.
    """
    groups: List[List[Finished]] = []
    for folder in folders:
        run = finished(folder)
        if run is None:
            print(f"{folder} has no {NAME}: not finished, left out", file=sys.stderr)
            continue
        group = next((g for g in groups if g[0].recipe == run.recipe), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    return [row_of(group, distances) for group in groups]


def table(rows: Sequence[Dict[str, Any]]) -> str:
    """Returns rows as Markdown; the spread is that between the best and the worst seed."""
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1))]
    for row in rows:
        known = [value for value in row.get("distance", ()) if value is not None]
        sizes = sorted({f"{size:,}" for size in row["packed_weight_bytes"]})
        lines.append(
            (
                row["name"],
                f"{100 * fmean(row['float_accuracy']):.2f} %",
                ", ".join(
                    f"{seed}: {100 * value:.2f}"
                    for seed, value in zip(row["seeds"], row["accuracy"])
                ),
                f"{100 * row['mean']:.2f} %",
                "" if row["spread"] is None else f"{100 * row['spread']:.2f}",
                f"{fmean(known):.3f}" if known else "",
                " to ".join(sizes[:: max(len(sizes) - 1, 1)]),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: List[str]) -> int:
    """Does what the arguments say and returns the exit status."""
    words = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=words[0], epilog=words[1], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--distances", action="store_true")
    parser.add_argument("--name")
    parser.add_argument("--command")
    asked = parser.parse_args(arguments)
    if (asked.name is None) != (asked.command is None):
        parser.error("--name and --command go together")
    try:
        rows = compared(asked.runs, asked.distances)
    except CompressError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    if asked.name is not None:
        content = {"study": asked.name, "command": asked.command, "rows": rows}
        write_json(RESULTS / f"{asked.name}.json", json.loads(json.dumps(content)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
