# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress sensitivity``: what each layer bears."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, List, Optional

import click

from nnabla_compress.cli.choices import FACTORIZATIONS, IMPORTANCES
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.cli.worker_options import worker_options
from nnabla_compress.errors import ConfigError


@click.command("sensitivity", cls=Verb)
@click.argument("file", type=PATH)
@data_options("As for 'compress', e.g. FILE.npz or digits.")
@loss_option()
@network_option
@click.option(
    "--bits",
    help="Bit widths [2,3,4,8; with --channels or --ranks: none, but for --activations].",
)
@click.option(
    "-q",
    "--quantizer",
    default="lut",
    show_default=True,
    help="Rule for weights, without bits; none to leave them alone.",
)
@click.option(
    "-a", "--activations", metavar="RULE", help="Also measure activations, e.g. with uniform."
)
@click.option(
    "--channels",
    metavar="SHARES",
    help="Also remove these shares of each group of channels, the least important, e.g. 0.25,0.5.",
)
@click.option(
    "--importance",
    default="l1",
    show_default=True,
    metavar="NAME[:OPTION=VALUE]",
    help=f"What channels are ranked by, e.g. taylor:samples=512; known are "
    f"{', '.join(IMPORTANCES)}.",
)
@click.option(
    "--ranks",
    metavar="SHARES",
    help="Also factorize each layer, with ranks that leave these shares of its operations.",
)
@click.option(
    "--method",
    default="spatial",
    show_default=True,
    help=f"How: {', '.join(FACTORIZATIONS)}; of several with commas the best for each layer.",
)
@click.option("-n", "--samples", type=click.IntRange(1), default=256, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@worker_options
@click.option("-o", "--output", type=PATH, help="Folder [.].")
def command(
    file: Path,
    bits: Optional[str],
    quantizer: str,
    activations: Optional[str],
    channels: Optional[str],
    importance: str,
    ranks: Optional[str],
    method: str,
    samples: int,
    jobs: Optional[int],
    ray: Optional[str],
    output: Optional[Path],
    **options: Any,
) -> None:
    """Measures how FILE suffers when one layer or activation is quantized, or made smaller."""
    from nnabla_compress.cli.engine import console
    from nnabla_compress.data.paths import resolve_path
    from nnabla_compress.files import new_files
    from nnabla_compress.locks import locked
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.search.heat_map import write_heat_map
    from nnabla_compress.search.measure import measure
    from nnabla_compress.search.scoring import rule_of
    from nnabla_compress.search.shares import Shares
    from nnabla_compress.search.tables import kept_lines, sensitivity_table, write_csv
    from nnabla_compress.workers import workers

    imports_stay()
    if bits is None and (activations is not None or not (channels or ranks)):
        bits = "2,3,4,8"
    try:
        widths = [int(word) for word in bits.split(",")] if bits else []
    except ValueError:
        raise ConfigError(f"--bits is {bits!r}.", help="write for instance 2,4,8") from None
    shares = Shares(
        _numbers("--channels", channels), _numbers("--ranks", ranks), importance, method
    )
    resolve_path(file, what="the .nnp file")
    data = taken(DataOptions, options)
    if not data.given:
        raise ConfigError("sensitivities need data.", help="add --data, or --recipe-data RECIPE")
    of_weights = None if quantizer == "none" else quantizer
    for rule in filter(None, (of_weights, activations)):
        for width in widths:
            rule_of(rule, width)
    recipe, folder = network_recipe(file, data)
    with workers(jobs, ray) as crew, locked(output or Path(".")) as target, new_files(target):
        found = measure(
            recipe, folder, widths, of_weights, samples, crew, None, activations, shares
        )
        found.write(target / "sensitivity.json")
        write_csv(found, target / "sensitivity.csv")
        write_heat_map(found, target / "sensitivity.png")
    answer(asdict(found))
    console.print(sensitivity_table(found))
    for line in kept_lines(found):
        console.print(line, soft_wrap=True)


def _numbers(option: str, text: Optional[str]) -> List[float]:
    try:
        return [float(word) for word in text.split(",")] if text is not None else []
    except ValueError:
        raise ConfigError(f"{option} is {text!r}.", help="write for instance 0.25,0.5") from None
