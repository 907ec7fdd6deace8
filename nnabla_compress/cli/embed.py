# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress embed``: embeddings of the items of a graph, trained and stored small."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.verb import PATH, Verb, answer


@click.command("embed", cls=Verb)
@click.argument("file", type=PATH)
@click.option("-o", "--output", type=PATH, help="Folder [runs/<name>].")
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
@click.option(
    "--ray",
    is_flag=False,
    flag_value="auto",
    metavar="[ADDRESS]",
    help="Compute embeddings on a Ray cluster: HOST:PORT, 'local' to start one here, none for the "
    "one that runs. Its machines must see the folder.",
)
def command(file: Path, output: Optional[Path], resume: bool, ray: Optional[str]) -> None:
    """Trains embeddings of the items of a graph, computes all, and stores them small.

    FILE (YAML) names the graph, the network (PinSage), and the tables. Each table is an .npz of
    codes and codebooks that a host reads with NumPy alone; results.json says what each keeps.
    """
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.embeddings.description import EmbeddingRecipe
    from nnabla_compress.embeddings.run import COUNT, run_embeddings
    from nnabla_compress.safe_names import file_name

    recipe = EmbeddingRecipe.read(file)
    folder = output or Path("runs") / file_name(recipe.name)
    results = run_embeddings(recipe, folder, file.parent, resume, ray, messages.print)
    answer(results)
    for name in ("content", "embeddings"):
        row = results[name]
        classes = f"precision@{COUNT} {row['precision']:.1f}, " if "precision" in row else ""
        console.print(f"{name}: {classes}hit rate@{COUNT} {row['hit_rate']:.1f}")
    console.print(f"written to {folder}")
