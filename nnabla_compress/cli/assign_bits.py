# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress assign-bits``: what each layer gets under budgets, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Mapping, Optional, Sequence, Tuple

import click

from nnabla_compress.cli.choices import MEASURES
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError

if TYPE_CHECKING:
    from nnabla_compress.search.sensitivity import Sensitivities


@click.command("assign-bits", cls=Verb)
@click.argument("file", type=PATH)
@click.option("--weights", metavar="SIZE", help="Most that the packed weights take, e.g. 70kB.")
@click.option("--activations", metavar="SIZE", help="Most that all activations of a sample take.")
@click.option("--activations-max", metavar="SIZE", help="Most that any activation takes.")
@click.option("--bops", type=click.IntRange(0), help="Most multiply-accumulates times weight bits.")
@click.option(
    "--macs",
    type=click.FloatRange(0, min_open=True),
    help="Most multiply-accumulates: a part of what there are, up to 1, or a number.",
)
@click.option("--limit", multiple=True, metavar="LAYER=BITS", help="Most bits of a layer.")
@click.option("--by", type=click.Choice(MEASURES), default="snr", show_default=True)
@click.option("--score/--no-score", default=True, show_default=True, help="Score all at once.")
@click.option(
    "--epochs",
    type=click.FloatRange(0, min_open=True),
    help="Write a recipe that trains the network so long in the end.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Write the rules there; where channels or ranks are chosen, a recipe for 'run'.",
)
def command(
    file: Path,
    weights: Optional[str],
    activations: Optional[str],
    activations_max: Optional[str],
    bops: Optional[int],
    macs: Optional[float],
    limit: Sequence[str],
    by: str,
    score: bool,
    epochs: Optional[float],
    output: Optional[Path],
) -> None:
    """Chooses what the layers of FILE, a sensitivity.json, get, and scores all of it together.

    That is bits for each layer and activation; where channels and ranks were measured, for each
    group the channels that go, and for each layer its ranks, too.
    """
    import yaml
    from rich.text import Text

    from nnabla_compress.cli.engine import console
    from nnabla_compress.files import atomic_path
    from nnabla_compress.safe_names import file_name
    from nnabla_compress.search.assign_bits import budget_text
    from nnabla_compress.search.carry_out import carry_out, only_bits
    from nnabla_compress.search.choices import budgets_of, recipe_rules
    from nnabla_compress.search.recipe_of import recipe_of
    from nnabla_compress.search.sensitivity import Sensitivities
    from nnabla_compress.search.tables import assignment_table, summary_lines
    from nnabla_compress.sizes import parse_size

    found = Sensitivities.read(file)
    largest = None
    if activations_max is not None:
        largest = int(8 * parse_size(activations_max, "--activations-max"))
    operations = None if macs is None else int(macs * found.macs if macs <= 1 else macs)
    given = {"weights": weights, "bops": bops, "activations": activations, "macs": operations}
    budgets = budgets_of(given)
    if not budgets and largest is None:
        raise ConfigError("no budget is given.", help="add for instance --weights 70kB")
    _refuse_unmeasured(found, budgets)
    limits = dict(_limit(text) for text in limit)
    choose = only_bits if found.only_bits else carry_out
    outcome = choose(found, budgets, by, limits, largest, score, epochs is not None)
    for name, (least, most) in outcome.reachable.items():
        console.print(f"reachable: {name} {budget_text(name, least)} to {budget_text(name, most)}")
    content = dict(recipe_rules(found.quantizers, outcome.made.bits))
    lines = summary_lines(found, outcome, by)
    if epochs is not None or outcome.chosen.smaller.steps():
        name = file_name((output or file).stem)
        content = recipe_of(found, outcome.chosen, outcome.made, name, epochs)
        lines.append("a whole recipe, for 'nnabla-compress run'")
    flow = None if "steps" in content else False
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=flow, width=100)
    text = "".join(f"# {line}\n" for line in lines) + text
    if output is not None:
        with atomic_path(output) as temporary:
            temporary.write_text(text, "utf-8")
    answer(content)
    console.print(assignment_table(found, outcome))
    console.print(Text(text), end="", soft_wrap=True)


def _refuse_unmeasured(found: Sensitivities, budgets: Mapping[str, Tuple[int, int]]) -> None:
    """Refuses budgets of what was not measured."""
    kinds = {"weights": "weights", "bops": "weights", "activations": "activations"}
    for name in budgets:
        if name == "macs" and found.only_bits:
            raise ConfigError(
                "--macs is given, but bits alone leave the multiply-accumulates as they are.",
                help="measure 'nnabla-compress sensitivity' with --channels or --ranks, too",
            )
        kind = kinds.get(name)
        smaller = kind == "weights" and not found.only_bits
        if kind is not None and kind not in found.quantizers and not smaller:
            raise ConfigError(
                f"--{name} is given, but the sensitivities of {kind} were not measured.",
                help="measure them: 'nnabla-compress sensitivity' with --activations uniform, "
                "or without --quantizer none",
            )


def _limit(text: str) -> Tuple[str, int]:
    layer, equals, bits = text.rpartition("=")
    if not equals or not bits.isdigit():
        raise ConfigError(f"--limit is {text!r}.", help="write LAYER=BITS")
    return layer, int(bits)
