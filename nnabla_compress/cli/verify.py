# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress verify``: whether the device computes what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from nnabla_compress.cli.data_options import data_of_run, data_options, taken
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError

if TYPE_CHECKING:
    from nnabla_compress.verification import Verification


@click.command("verify", cls=Verb)
@click.argument("target", type=PATH)
@data_options("As for 'compress', e.g. FILE.npz or digits [a run's own].")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many samples: spread over the data, or random ones without data.",
)
@click.option(
    "--nnp",
    type=PATH,
    help="With a run: another file that was exported of it.",
)
@click.option(
    "--float",
    "original",
    type=PATH,
    help="With a file: the .nnp that it was made of [float.nnp beside results.nnp].",
)
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
def command(
    target: Path,
    samples: int,
    nnp: Optional[Path],
    original: Optional[Path],
    trust: bool,
    **options: Any,
) -> None:
    """Compares float network, graph, .nnp, .nnb in the simulator, and the C runtime.

    TARGET is a run folder, a stored network or an .nnb; files of one name in one folder belong
    together. The real runtime takes part where the environment variable NNABLART is the path of
    nnablart.
    The exit status is 1 if a promise of equality is broken. In a run folder verification.json
    and report.html tell what was found.
    """
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.files import temporary_folder
    from nnabla_compress.models import as_archive, holds_network
    from nnabla_compress.report.verification import accuracy_lines, verification_table

    with temporary_folder() as temporary:
        if holds_network(target) and target.exists():
            target = as_archive(target, temporary)
        found = _verified(target, samples, nnp, original, trust, options)
        if target.is_dir() and nnp is None:
            _keep(target, found)
    for warning in found.warnings:
        messages.print(warning)
    answer(found.as_dict())
    if found.comparisons:
        console.print(verification_table(found))
    else:
        console.print(
            f"the simulator ran {found.count} samples; there is no .nnp beside the file to "
            "compare with"
        )
    for line in accuracy_lines(found):
        console.print(line)
    for note in found.notes:
        console.print(f"note: {note}")
    found.check()


def _keep(run: Path, found: Verification) -> None:
    """Leaves what was found in the run folder, for its report, where it may be written to."""
    from nnabla_compress.cli.engine import messages
    from nnabla_compress.files import write_json
    from nnabla_compress.runs.reported import VERIFICATION, renew_report

    if not (run / "results.json").is_file():
        return
    try:
        write_json(run / VERIFICATION, found.as_dict())
        renew_report(run)
    except ConfigError as error:
        messages.print(f"NOTE: the report in {run} stays as it was: {error.message}")


def _verified(
    target: Path,
    samples: int,
    nnp: Optional[Path],
    original: Optional[Path],
    trust: bool,
    options: Any,
) -> Verification:
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.models.other_formats import other_format
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.runs.finished import stored_in
    from nnabla_compress.runs.verified import files_beside, verify_on_data, verify_run
    from nnabla_compress.verification import verify_files

    imports_stay()
    target = stored_in(target)
    if target.is_dir():
        if original is not None:
            raise ConfigError("a run knows its float network.", help="leave --float out")
        given_data = data_of_run(target, "either", **options)
        return verify_run(target, nnp, samples, trust, given_data)
    if not target.exists():
        raise ConfigError(
            f"there is no file {target}.", help="give a run folder, an .nnp or an .nnb"
        )
    if nnp is not None:
        raise ConfigError("--nnp goes with a run folder.", help="give the .nnp itself")
    other = other_format(target)
    if target.suffix not in (".nnp", ".nnb") and other is not None:
        raise ConfigError(f"{target} is {other[0]}, not an .nnp or .nnb.", help=other[1])
    if target.suffix not in (".nnp", ".nnb"):
        raise ConfigError(
            f"{target} is no run folder, no .nnp and no .nnb.", help="give one of these"
        )
    beside = files_beside(target)
    data = taken(DataOptions, options)
    if data == DataOptions():
        return verify_files(*beside, count=samples, original=original)
    recipe, folder = network_recipe(beside[0] or target, data)
    return verify_on_data(target, recipe, folder, samples, original)
