# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress export``: a finished run, or an ``.nnp`` file, as files for a target."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.data_options import data_of_run, data_options, network_option, taken
from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError

_DATA = ("data", "recipe_data", "scale", "mean", "std", "network", "seed")


@click.command("export", cls=Verb)
@click.argument("run", type=PATH)
@click.option("-o", "--output", type=PATH, help="Folder [RUN/export].")
@export_options
@click.option("-b", "--batch-size", type=click.IntRange(1), default=1, show_default=True)
@data_options(
    "Samples that int8, int16 and integer choose number formats from [a run's own]; no labels "
    "needed; as for 'compress', e.g. FILE.npz or digits."
)
@network_option
@click.option("--seed", type=click.IntRange(0), help="Of the choice of samples [0].")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    help="How many samples of the data, drawn at random; at most 256 are used.",
)
@click.option(
    "--firmware",
    type=PATH,
    metavar="DIR",
    help="Also write a folder with network, kernels, program and Makefile, to be built as it is.",
)
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
def command(
    run: Path, output: Optional[Path], firmware: Optional[Path], trust: bool, **options: Any
) -> None:
    """Writes the compressed network of RUN as .nnp and .nnb.

    RUN is a folder of 'run', 'compress' or 'ptq', which brings its own data and preprocessing
    unless others are named; or an .nnp, an .nntxt with its parameters beside it, or a folder of
    results of Neural Network Console, whose network is written as it is.

    \b
        nnabla-compress export out -t int8
        nnabla-compress export net.nnp -t int8 --data data.npz --scale 1/255 -o int8
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import console
    from nnabla_compress.cli.results import print_export
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.models import holds_network
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.report.results import NetworkResults
    from nnabla_compress.report.tables import layer_table, stays_table
    from nnabla_compress.runs import export_file, export_run
    from nnabla_compress.runs.finished import stored_in

    imports_stay()
    if firmware is not None and not options["nnb"]:
        raise ConfigError("--firmware is made of the .nnb.", help="leave --no-nnb out")
    run = stored_in(run)
    data = {key: options.pop(key) for key in _DATA}
    folder = output or (run if run.is_dir() else run.parent) / "export"
    if holds_network(run) or run.suffix == ".nnb":
        recipe, start = network_recipe(run, taken(DataOptions, data))
        exported = export_file(run, folder, recipe=recipe, folder=start, **options)
    else:
        other = data_of_run(run, "none", **data)
        exported = export_run(run, folder, trust=trust, other=other, **options)
    files = {str(path): path.stat().st_size for path in exported.paths}
    answer({"files": files, **exported.as_dict(), "report": exported.report.as_dict()})
    console.print(layer_table(exported.report.rows_as_dicts()))
    if exported.report.what_stays():
        console.print(stays_table(exported.report.what_stays()))
    paths = exported.paths
    if firmware is not None:
        from nnabla_compress.device import write_firmware

        nnb = next(path for path in paths if path.suffix == ".nnb")
        paths = [*paths, *write_firmware(firmware, nnb)]
    for path in paths:
        console.print(f"{path}: {path.stat().st_size:,} bytes")
    print_export(NetworkResults.from_dict(exported.as_dict()))
