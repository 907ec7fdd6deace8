# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a finished run of a network with exits comes to: curves, budgets, files, the real runtime.

PYTHONPATH=. python tests/benchmarks/measure_exits.py RUN RECIPE.yaml RESULT.json

RUN is the folder that ``nnabla-compress run RECIPE.yaml`` wrote. Exits are exported as prefixes and
as stages. The program of the stages is compiled with the C runtime that NNABLART_INCLUDE and
NNABLART_LIB name, if they do, and answers the first test samples with the thresholds of half the
operations: its answers are compared with the simulator's bit for bit.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from nnabla_compress.anytime import anytime_of_run
from nnabla_compress.data import evaluation_batches
from nnabla_compress.files import temporary_folder, write_json
from nnabla_compress.report.results import Results
from nnabla_compress.runs import export_run
from nnabla_compress.runs.finished import open_run, trained_network
from nnabla_compress.runs.results import versions
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.simulator.staged import Staged

BUDGETS = ("25%", "50%", "75%")


def budgets_of(run: Path) -> Dict[str, Any]:
    """Returns exits, the curve, and what each budget that can be kept comes to."""
    found = anytime_of_run(run).as_dict()
    whole, first = found["exits"][-1]["operations"], found["exits"][0]["operations"]
    chosen = [
        anytime_of_run(run, budget=budget).as_dict()["budget"]
        for budget in BUDGETS
        if float(budget[:-1]) / 100 * whole >= first
    ]
    return {**found, "budgets": chosen}


def samples_of(run: Path, count: int) -> np.ndarray:
    """Returns the first test samples as the network takes them."""
    with trained_network(open_run(run)) as (inputs, _):
        split = inputs.data.split("test")
        batch = next(iter(evaluation_batches(split, count, inputs.preprocessing)))
        return np.array(batch.x[:count], np.float32)


def answers_of_program(folder: Path, command: str, rows: np.ndarray, words: List[str]) -> Any:
    """Compiles the program and returns exits and logits of samples; None without a runtime."""
    include, libraries = (os.environ.get(f"NNABLART_{name}") for name in ("INCLUDE", "LIB"))
    if not include or not libraries:
        return None
    command = command.replace('"$NNABLA_C_RUNTIME/include"', f'"{include}"')
    command = command.replace('"$NNABLA_C_RUNTIME/build/src/', f'"{libraries}/')
    subprocess.run(command, shell=True, check=True)
    rows.tofile(folder / "samples.bin")
    program = "./" + command.split(" -o ")[-1]
    subprocess.run([program, "samples.bin", "answers.bin", *words], cwd=folder, check=True)
    return np.fromfile(folder / "answers.bin", np.float32).reshape(len(rows), -1)


def on_device(run: Path, thresholds: List[float], count: int) -> Dict[str, Any]:
    """Returns the files of both ways, and how the program compares with the simulator."""
    rows = samples_of(run, count)
    found: Dict[str, Any] = {}
    with temporary_folder() as folder:
        prefixes = export_run(run, folder / "prefixes", exits="prefixes")
        exported = export_run(run, folder / "stages", exits="stages", c=True)
        found["all exits in one file"] = exported.sizes.as_dict() if exported.sizes else {}
        for way, each in (("prefixes", prefixes), ("stages", exported)):
            found[way] = each.as_dict()["exits"]
        plan = json.loads(next((folder / "stages").glob("*-stages.json")).read_text())
        nnbs = [folder / "stages" / name for name in plan["stages"]]
        machines = [Machine(nnb, callbacks=PACKED_CALLBACKS) for nnb in nnbs]
        staged = Staged(machines, plan["sources"])
        left = [staged.leave([row[np.newaxis]], thresholds) for row in rows]
        words = [repr(float(np.float32(value))) for value in thresholds]
        command = exported.commands["compile exits"]
        answers = answers_of_program(folder / "stages", command, rows, words)
    exits = [each.exit for each in left]
    found["samples"] = count
    found["leave at each exit"] = np.bincount(exits, minlength=len(nnbs) + 1)[1:].tolist()
    if answers is not None:
        logits = np.concatenate([each.logits.reshape(1, -1) for each in left])
        same = np.array_equal(answers[:, 1:].view(np.uint32), logits.view(np.uint32))
        found["the real runtime leaves at the same exits"] = answers[:, 0].tolist() == exits
        found["the real runtime gives the same bits"] = same
    return found


def main() -> None:
    """Measures a run and writes what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("run", "recipe", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--samples", type=int, default=100, help="for the real runtime")
    asked = parser.parse_args()
    results = Results.read(asked.run)
    found = budgets_of(asked.run)
    half = found["exits"][-1]["operations"] / 2
    chosen = min(found["budgets"], key=lambda each: abs(each["budget_operations"] - half))
    content: Dict[str, Any] = {
        "name": results.name,
        "command": [
            f"nnabla-compress run {asked.recipe}",
            f"python tests/benchmarks/measure_exits.py runs/{results.name} {asked.recipe} "
            f"RESULT.json --samples {asked.samples}",
        ],
        "date": datetime.date.today().isoformat(),
        "seed": results.seed,
        "versions": versions(),
        "float_accuracy": results.float.accuracy,
        "updates": [row.get("updates") for row in results.course or [] if row.get("updates")],
        **found,
        "device": on_device(asked.run, chosen["thresholds"], asked.samples),
    }
    write_json(asked.result, content, rows=True)
    print(f"written: {asked.result}", file=sys.stderr)


if __name__ == "__main__":
    main()
