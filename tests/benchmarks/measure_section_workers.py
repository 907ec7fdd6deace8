# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much sooner two processes have trained the sections of a network than one.

    python tests/benchmarks/measure_section_workers.py --json docs/results/sections/workers.json

Measured on the clock, from the start of the first section, or of the processes, to the end of the
last, in turn: on a machine of two cores that does nothing else. The load says whether it does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.runs.results import begun
from nnabla_compress.workers import workers

RECIPE = Path(__file__).parents[2] / "configs" / "digits" / "lenet-sections-2bit.yaml"


def seconds(recipe_file: Path, count: int, epochs: float) -> float:
    """Returns how long the sections of a recipe take with so many workers."""
    content = Recipe.read(recipe_file).model_dump(mode="json")
    place = next(at for at, step in enumerate(content["steps"]) if "sections" in step)
    for step in content["steps"][:place]:
        if "train" in step:
            step["train"]["epochs"] = 1
    content["steps"][place]["sections"]["epochs"] = epochs
    recipe = Recipe.checked({**content, "evaluate": False})
    times: List[float] = []
    prefix = f"{place + 1:02}-"

    def announce(name: str, total: int) -> Any:
        if name.startswith(prefix):
            times.append(time.monotonic())
        return lambda *now: times.append(time.monotonic()) if name.startswith(prefix) else None

    with tempfile.TemporaryDirectory() as folder, workers(count) as crew:
        Run(recipe, Path(folder) / "run", recipe_file.parent).execute(announce, crew=crew)
    return times[-1] - times[0]


def main() -> None:
    """Measures one and two workers in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--epochs", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    rows: List[Dict[str, float]] = []
    for _ in range(chosen.rounds):
        load = os.getloadavg()[0]
        one, two = (seconds(chosen.recipe, count, chosen.epochs) for count in (1, 2))
        rows.append({"one": one, "two": two, "ratio": one / two, "load_before": load})
        print(json.dumps(rows[-1]), flush=True)
    median = statistics.median(row["ratio"] for row in rows)
    print(f"two workers are {median:.2f} times as quick as one")
    about = begun("section_workers", 0)
    found = {"date": about.date, "versions": about.versions, "cores": os.cpu_count(), "rows": rows}
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
