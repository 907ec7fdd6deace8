# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress assign-bits``: bits for each layer under budgets, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple

import click
import yaml

from nnabla_compress.cli.engine import console
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import atomic_path
from nnabla_compress.regularizers.memory import parse_size
from nnabla_compress.search.assign_bits import MEASURES, assign_bits, choices_of, reachable
from nnabla_compress.search.sensitivity import Sensitivities


@click.command("assign-bits")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--weights", metavar="SIZE", help="Most that the packed weights take, e.g. 70kB.")
@click.option("--bops", type=click.IntRange(0), help="Most multiply-accumulates times bits.")
@click.option("--limit", multiple=True, metavar="LAYER=BITS", help="Most bits of a layer.")
@click.option("--by", type=click.Choice(MEASURES), default="loss", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the rules there.")
def command(
    file: Path,
    weights: Optional[str],
    bops: Optional[int],
    limit: Sequence[str],
    by: str,
    output: Optional[Path],
) -> None:
    """Chooses bits for the layers of FILE, a sensitivity.json."""
    found = Sensitivities.read(file)
    choices = choices_of(found, by, dict(_limit(text) for text in limit))
    budgets: Dict[str, Tuple[int, int]] = {}
    if weights is not None:
        budgets["weights"] = (0, int(8 * parse_size(weights, "--weights")))
    if bops is not None:
        budgets["bops"] = (1, bops)
    if not budgets:
        raise ConfigError("no budget is given.", help="add for instance --weights 70kB")
    least, largest = reachable(choices)
    console.print(f"reachable: weights {least / 8192:.2f} kB to {largest / 8192:.2f} kB")
    least, largest = reachable(choices, 1)
    console.print(f"reachable: bops {least:,} to {largest:,}")
    chosen = assign_bits(choices, budgets)
    rows = {(row.layer, row.bits): row for row in found.rows}
    size = sum(rows[pair].size_bits for pair in chosen.bits.items())
    text = yaml.safe_dump({"weights": chosen.rules(found.quantizer)}, sort_keys=False)
    console.print(f"chosen: weights {size / 8192:.2f} kB, total cost {chosen.cost:.6g} ({by})")
    if output is not None:
        with atomic_path(output) as temporary:
            temporary.write_text(text)
    console.print(text, end="", markup=False, soft_wrap=True)


def _limit(text: str) -> Tuple[str, int]:
    layer, equals, bits = text.rpartition("=")
    if not equals or not bits.isdigit():
        raise ConfigError(f"--limit is {text!r}.", help="write LAYER=BITS")
    return layer, int(bits)
