# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress device-test``: a network on an emulated board."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import KERNELS
from nnabla_compress.cli.data_options import data_of_run, data_options, taken
from nnabla_compress.cli.verb import PATH, Verb


@click.command("device-test", cls=Verb)
@click.argument("target", type=PATH)
@click.option(
    "--board",
    metavar="BOARD",
    default="mps2-an386",
    show_default=True,
    help="Board or processor, e.g. m4f, m7, m33, m55, aarch64.",
)
@click.option(
    "--kernels",
    type=click.Choice(KERNELS),
    help="Of layers with packed weights: exact or fast; stock are the runtime's own [what the file "
    "needs].",
)
@click.option(
    "--scratch", metavar="SIZE", help="The most scratch memory of the fast kernels, e.g. 32kB."
)
@click.option("--flash", metavar="SIZE", help="The most flash that it may take, e.g. 256kB.")
@click.option("--ram", metavar="SIZE", help="The most RAM, stack included.")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How many samples: spread over the data, or random ones without data.",
)
@data_options("As for 'compress', e.g. FILE.npz or digits [a run's own].")
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=600,
    show_default=True,
    help="How long the emulator may run.",
)
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    target: Path,
    board: str,
    samples: int,
    scratch: Optional[str],
    flash: Optional[str],
    ram: Optional[str],
    trust: bool,
    as_json: bool,
    kernels: Optional[str],
    seconds: float,
    **data: Any,
) -> None:
    """Runs TARGET, a run folder or an .nnb, on an emulated board, and says what it takes there.

    A program of the C runtime, the kernels and the network is compiled and run in QEMU. Its outputs
    are compared with the simulator's; flash, RAM and instructions are measured. The environment
    variable NNABLART_SOURCE names a checkout of nnabla-c-runtime.
    The exit status is 1 if outputs differ from what is promised, or a limit is broken.
    """
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.device import Limits, find_board
    from nnabla_compress.files import json_text
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.report.device import device_tables
    from nnabla_compress.runs.finished import stored_in
    from nnabla_compress.runs.on_device import device_test_file, device_test_run
    from nnabla_compress.sizes import parse_size

    sizes = {
        name: None if size is None else int(parse_size(size, f"--{name}"))
        for name, size in (("scratch", scratch), ("flash", flash), ("ram", ram))
    }
    chosen = find_board(board)
    options = {
        "kernels": kernels,
        "scratch_bytes": sizes["scratch"] or 0,
        "limits": Limits(sizes["flash"], sizes["ram"]),
        "seconds": seconds,
    }
    target = stored_in(target)
    if target.suffix == ".nnp" and target.with_suffix(".nnb").is_file():
        target = target.with_suffix(".nnb")
    if target.is_dir():
        other = data_of_run(target, "either", **data)
        found = device_test_run(target, chosen, samples, trust, other, **options)
    else:
        given = taken(DataOptions, data)
        recipe, folder = None, Path()
        if given != DataOptions():
            recipe, folder = network_recipe(target, given)
        found = device_test_file(target, chosen, samples, recipe, folder, **options)
    if as_json:
        click.echo(json_text(found.as_dict()))
    else:
        for part in device_tables(found):
            console.print(part)
        for note in found.notes:
            messages.print(f"NOTE: {note}.")
    found.check()
