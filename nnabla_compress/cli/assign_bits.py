# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress assign-bits``: bits for each layer under budgets, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence, Tuple

import click

from nnabla_compress.cli.choices import MEASURES
from nnabla_compress.cli.verb import PATH, Verb
from nnabla_compress.errors import ConfigError

if TYPE_CHECKING:
    from nnabla_compress.search.sensitivity import Sensitivities


@click.command("assign-bits", cls=Verb)
@click.argument("file", type=PATH)
@click.option("--weights", metavar="SIZE", help="Most that the packed weights take, e.g. 70kB.")
@click.option("--activations", metavar="SIZE", help="Most that all activations of a sample take.")
@click.option("--activations-max", metavar="SIZE", help="Most that any activation takes.")
@click.option("--bops", type=click.IntRange(0), help="Most multiply-accumulates times weight bits.")
@click.option("--limit", multiple=True, metavar="LAYER=BITS", help="Most bits of a layer.")
@click.option("--by", type=click.Choice(MEASURES), default="snr", show_default=True)
@click.option("--score/--no-score", default=True, show_default=True, help="Score all bits at once.")
@click.option("-o", "--output", type=PATH, help="Write the rules there.")
def command(
    file: Path,
    weights: Optional[str],
    activations: Optional[str],
    activations_max: Optional[str],
    bops: Optional[int],
    limit: Sequence[str],
    by: str,
    score: bool,
    output: Optional[Path],
) -> None:
    """Chooses bits for the layers of FILE, a sensitivity.json, and scores them together."""
    import yaml
    from rich.text import Text

    from nnabla_compress.cli.engine import console
    from nnabla_compress.files import atomic_path
    from nnabla_compress.search.assign_bits import assign_bits, budget_text, reachable
    from nnabla_compress.search.choices import RESOURCES, budgets_of, choices_of, recipe_rules
    from nnabla_compress.search.measure import measure_together
    from nnabla_compress.search.sensitivity import Sensitivities
    from nnabla_compress.search.tables import assignment_table, summary_lines
    from nnabla_compress.sizes import parse_size

    found = Sensitivities.read(file)
    largest = None
    if activations_max is not None:
        largest = int(8 * parse_size(activations_max, "--activations-max"))
    choices = choices_of(found, by, dict(_limit(text) for text in limit), largest)
    budgets = budgets_of({"weights": weights, "bops": bops, "activations": activations})
    if not budgets and largest is None:
        raise ConfigError("no budget is given.", help="add for instance --weights 70kB")
    for name in _measured(found, budgets):
        least, most = reachable(choices, RESOURCES[name])
        console.print(f"reachable: {name} {budget_text(name, least)} to {budget_text(name, most)}")
    chosen = assign_bits(choices, budgets)
    bits: Dict[str, Dict[str, int]] = {}
    for (kind, name), width in chosen.bits.items():
        bits.setdefault(kind, {})[name] = width
    scores = measure_together(found, bits) if score else None
    lines = summary_lines(found, chosen, by, scores)
    rules = yaml.safe_dump(recipe_rules(found.quantizers, chosen.bits), sort_keys=False)
    text = "".join(f"# {line}\n" for line in lines) + rules
    if output is not None:
        with atomic_path(output) as temporary:
            temporary.write_text(text, "utf-8")
    console.print(assignment_table(found, chosen))
    console.print(Text(text), end="", soft_wrap=True)


def _measured(found: Sensitivities, budgets: Dict[str, Tuple[int, int]]) -> List[str]:
    """Returns the budgets of what was measured; one of what was not is refused."""
    kinds = {"weights": "weights", "bops": "weights", "activations": "activations"}
    for name in budgets:
        if kinds[name] not in found.quantizers:
            raise ConfigError(
                f"--{name} is given, but the sensitivities of {kinds[name]} were not measured.",
                help="measure them: 'nnabla-compress sensitivity' with --activations uniform, "
                "or without --quantizer none",
            )
    return [name for name, kind in kinds.items() if kind in found.quantizers]


def _limit(text: str) -> Tuple[str, int]:
    layer, equals, bits = text.rpartition("=")
    if not equals or not bits.isdigit():
        raise ConfigError(f"--limit is {text!r}.", help="write LAYER=BITS")
    return layer, int(bits)
