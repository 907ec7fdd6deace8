# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress explain``: which classes and which samples lost what by a compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Tuple

import click

from nnabla_compress.cli.data_options import (
    data_of_run,
    data_options,
    loss_option,
    network_option,
    taken,
)
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError


@click.command("explain", cls=Verb)
@click.argument("target", type=PATH)
@click.argument("compressed", type=PATH, required=False)
@data_options("As for 'compress', e.g. FILE.npz or digits [a run's own].")
@loss_option()
@network_option
@click.option(
    "-s",
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which samples.",
)
@click.option(
    "--pictures",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Most samples that are shown as pictures; 0: no pictures.",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help="Map that shows where networks look, e.g. conv2/conv/relu; several are multiplied [the "
    "last ones of the two smallest sizes].",
)
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Samples that tell which channels speak for a class.",
)
@click.option(
    "--perturbations",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="How often channels are switched off for each of them.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--output", type=PATH, help="Folder [runs/<TARGET>-explain].")
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
def command(
    target: Path,
    compressed: Optional[Path],
    split: str,
    pictures: int,
    layers: Tuple[str, ...],
    samples: int,
    perturbations: int,
    seed: int,
    output: Optional[Path],
    trust: bool,
    **options: Any,
) -> None:
    """Tells which classes and which samples lost what from TARGET to COMPRESSED.

    TARGET is a run folder, which has both networks; or an .nnp file, with the file of the
    compressed network behind it. Written are explain.json and pictures: confusions, classes,
    samples that changed their class, and where both networks look.

    \b
        nnabla-compress explain out
        nnabla-compress explain net.nnp out/results.nnp --data data.npz --scale 1/255 -o lost
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.explanation import Asked
    from nnabla_compress.explanation.tables import changed_table, class_table, summary_lines
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.models import holds_network
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.runs.explained import explain_files, explain_run
    from nnabla_compress.safe_names import file_name

    imports_stay()
    for path in filter(None, (target, compressed)):
        if not path.exists():
            raise ConfigError(f"there is no {path}.", help="give a run folder, or two .nnp files")
        if path.suffix == ".nnb":
            raise ConfigError(
                f"{path} is an .nnb: what its maps hold is not known.",
                help="give the .nnp beside it; 'evaluate' scores an .nnb",
            )
    asked = Asked(split, samples, perturbations, pictures, layers, seed)
    folder = output or Path("runs") / f"{file_name(target.resolve().stem)}-explain"
    if target.is_dir() and not holds_network(target):
        if compressed is not None:
            raise ConfigError(
                f"{target} is a run folder: it has both networks.", help=f"leave {compressed} out"
            )
        other = data_of_run(target, None, training=split == "train", **options)
        found = explain_run(target, folder, asked, trust, other)
    else:
        if compressed is None:
            raise ConfigError(
                f"{target} is one network; what was made of it is missing.",
                help=f"name it: explain {target} COMPRESSED.nnp --data DATA",
            )
        data = taken(DataOptions, {**options, "seed": seed})
        if not data.given:
            raise ConfigError("networks are explained on data.", help="add --data DATA")
        recipe, start = network_recipe(target, data, training=split == "train")
        found = explain_files(target, compressed, recipe, start, folder, asked)
    answer(found.as_dict())
    console.print(class_table(found.changes.by_class(), found.changes.labelled))
    if len(found.changes.changed()):
        console.print(changed_table(found.changes))
    for line in summary_lines(found.changes):
        console.print(line)
    for note in found.notes:
        messages.print(f"NOTE: {note}.")
    messages.print(f"written to {folder}")
