# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From real handwritten digits to compressed networks on disk, in a few minutes on two cores.

Trains LeNet as float, compresses it with LUT-Q to 4 bits (powers of two) and to 2 bits, exports
each, reads the exported files back, scores them, and prints what came out.

    python examples/digits_demo.py [-o FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import List

from nnabla_compress.cli.engine import console, progress
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.result_tables import distinct_table, result_table
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run, evaluate_file

CONFIGS = Path(__file__).resolve().parent.parent / "configs" / "digits"
RECIPES = ("lenet-lutq-4bit-pow2", "lenet-lutq-2bit")


def main() -> None:
    """Runs both recipes and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/demo"), help="folder")
    folder = parser.parse_args().output
    shutil.rmtree(folder, ignore_errors=True)
    runs: List[Results] = []
    for name in RECIPES:
        recipe_path = CONFIGS / f"{name}.yaml"
        with progress:
            run = Run(Recipe.read(recipe_path), folder / name, recipe_path.parent)
            runs.append(run.execute(progress.announce))
        read_back = evaluate_file(folder / name / "results.nnp", recipe_path)
        compressed = runs[-1].compressed
        trained = 0.0 if compressed is None else compressed.accuracy or 0.0
        console.print(
            f"{name}: {100 * trained:.2f} % as trained, {100 * read_back.accuracy:.2f} % read back "
            f"from {folder / name / 'results.nnp'}"
        )
        if read_back.accuracy != trained:
            raise SystemExit("the exported file does not classify as the trained network does")
    console.print(distinct_table(runs))
    console.print(result_table(runs))


if __name__ == "__main__":
    main()
