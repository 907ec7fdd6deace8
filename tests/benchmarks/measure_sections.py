# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Trains networks in sections and as a whole with as many images, and scores them.

    python tests/benchmarks/measure_sections.py --runs runs --seeds 1 2 --json FILE RECIPE...

Each row has the accuracy on all test samples, the processor seconds of the run without its scores,
and the errors of the sections. NNABLA_COMPRESS_DATA names the folder of networks and data. What is
in FILE already is not done again, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Dict, List

from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run
from nnabla_compress.runs.results import begun

ERRORS = ("section", "before", "alone", "accumulated", "costs", "gain", "bound", "again")


def measured(path: Path, seed: int, runs: Path) -> Dict[str, Any]:
    """Returns what a recipe comes to with a seed."""
    recipe = Recipe.read(path).with_seed(seed).model_copy(update={"evaluate": False})
    folder = runs / f"{recipe.name}-seed{seed}"
    start = time.process_time()
    run = Run(recipe, folder, path.parent, resume=(folder / "recipe.yaml").exists())
    results = run.execute(lambda name, total: lambda *now: None, print)
    seconds = time.process_time() - start
    score = evaluate_run(folder)
    row: Dict[str, Any] = {
        "recipe": recipe.name,
        "seed": seed,
        "accuracy": score.accuracy,
        "loss": score.loss,
        "samples": score.samples,
        "weight_bytes": None
        if results.compressed is None
        else results.compressed.packed_weight_bytes,
        "seconds": round(seconds, 1),
    }
    if results.sections:
        row["sections"] = [
            {key: each[key] for key in ERRORS if key in each} for each in results.sections
        ]
    return row


def main() -> None:
    """Measures all, and writes after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", type=Path, nargs="+")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--json", type=Path, required=True)
    chosen = parser.parse_args()
    about = begun("sections", 0)
    rows: List[Dict[str, Any]] = []
    if chosen.json.exists():
        rows = json.loads(chosen.json.read_text(encoding="utf-8"))["rows"]
    done = {(row["recipe"], row["seed"]) for row in rows}
    for seed in chosen.seeds:
        for path in chosen.recipes:
            if (Recipe.read(path).name, seed) in done:
                continue
            rows.append(measured(path, seed, chosen.runs))
            print(json.dumps(rows[-1]), flush=True)
            found = {"date": about.date, "versions": about.versions, "rows": rows}
            chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
