# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress ptq``: post-training quantization of an .nnp file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Sequence, Tuple

import click

from nnabla_compress.cli.choices import AUTO, CALIBRATIONS, JUDGES
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.export_options import export_options, score_option
from nnabla_compress.cli.verb import PATH, Verb
from nnabla_compress.errors import ConfigError
from nnabla_compress.safe_names import file_name

_BITS = 8


@click.command("ptq", cls=Verb)
@click.argument("file", type=PATH)
@data_options(
    "Samples to calibrate on, labels are not needed; as for 'compress', e.g. FILE.npz or "
    "cifar10:PATH. Without it only weights are quantized."
)
@click.option("-n", "--samples", type=click.IntRange(1), default=512, show_default=True)
@click.option("-b", "--bits", type=click.IntRange(2, 8), help="Bits of the weights [8].")
@click.option(
    "--act-bits", type=click.IntRange(2, 16), help="Bits of the feature maps [8 if there is data]."
)
@click.option("--weights-only", is_flag=True, help="Leave the feature maps as floats.")
@click.option(
    "-w",
    "--weights",
    multiple=True,
    metavar="[PATTERN=]RULE",
    help="Instead of --bits: affine:bits=4, lut:bits=4, 'fc*=affine:bits=8'; the last rule that "
    "matches a layer holds.",
)
@click.option(
    "-a",
    "--activations",
    multiple=True,
    metavar="[PATTERN=]RULE",
    help="Instead of --act-bits: affine:bits=8,symmetric=true, 'input=none'.",
)
@click.option(
    "--rules",
    type=PATH,
    metavar="FILE",
    help="Instead of --bits: the rules for weights that 'assign-bits' wrote; --weights come after "
    "them.",
)
@click.option("--per-tensor", is_flag=True, help="One scale for a weight, not one a channel.")
@click.option("--power-of-two", is_flag=True, help="All scales are powers of two.")
@click.option(
    "--calibration",
    type=click.Choice([AUTO, *CALIBRATIONS]),
    default=AUTO,
    show_default=True,
    help="How ranges of feature maps are found; auto tries all.",
)
@click.option(
    "--judge",
    type=click.Choice(JUDGES),
    default=JUDGES[0],
    show_default=True,
    help="What decides whether a step helped; kl: the divergence of a classifier's outputs.",
)
@click.option("--equalization/--no-equalization", default=True, help="Try it, or don't.")
@click.option("--bias-correction/--no-bias-correction", default=True, help="Try it, or don't.")
@click.option(
    "--rounding/--no-rounding",
    default=None,
    help="Try to learn roundings, or don't [they are].",
)
@click.option(
    "--evaluate",
    is_flag=False,
    flag_value="",
    metavar="[DATA]",
    help="Score both networks, on test samples of --data or of other data with labels.",
)
@loss_option("With --evaluate. ")
@network_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--output", type=PATH, help="Folder [runs/<FILE>-ptq].")
@export_options
@score_option
def command(
    file: Path,
    samples: int,
    bits: Optional[int],
    act_bits: Optional[int],
    weights_only: bool,
    weights: Sequence[str],
    activations: Sequence[str],
    rules: Optional[Path],
    per_tensor: bool,
    power_of_two: bool,
    calibration: str,
    judge: str,
    equalization: bool,
    bias_correction: bool,
    rounding: Optional[bool],
    evaluate: Optional[str],
    seed: int,
    output: Optional[Path],
    **options: Any,
) -> None:
    """Quantizes FILE, a trained .nnp, in minutes: no training, no labels.

    \b
    Weights and feature maps with 8 bits, calibrated on training samples, scored on test samples:
        nnabla-compress ptq net.nnp --data data.npz --scale 1/255 --evaluate -o out
    Weights with 4 bits, their roundings learned:
        nnabla-compress ptq net.nnp --bits 4 --data data.npz --scale 1/255 -o out
    Weights only, without any data:
        nnabla-compress ptq net.nnp --bits 8 -o out
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.calibration.settings import PostTrainingSettings
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.cli.results import print_results
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.report.ptq import step_table
    from nnabla_compress.rule_files import read_rules
    from nnabla_compress.runs.ptq import run_ptq

    imports_stay()
    data = replace(taken(DataOptions, options), seed=seed)
    if rules is not None:
        found = read_rules(rules)
        weights = [*found["weights"], *weights]
        if found["activations"]:
            messages.print(
                f"NOTE: of {rules} the rules for weights are taken. Those for activations are for "
                "'compress', whose maps lie elsewhere; --act-bits and --activations choose here.",
            )
    chosen, maps = _rules(bits, act_bits, weights_only, weights, activations, data.given)
    settings = PostTrainingSettings(
        weights=chosen,
        activations=maps,
        per_channel=not per_tensor,
        power_of_two=power_of_two,
        calibration=calibration,
        judge=judge,
        equalization=equalization,
        bias_correction=bias_correction,
        rounding=rounding,
        seed=seed,
    )
    recipe, folder = network_recipe(file, data, export=options)
    scored = None
    if evaluate is not None:
        if not evaluate and not data.given:
            raise ConfigError("--evaluate needs data.", help="add --data, or --evaluate DATA")
        scored = recipe
        if evaluate:
            if data.recipe_data is not None:
                raise ConfigError(
                    "--evaluate DATA goes with --data, not with --recipe-data.",
                    help="leave DATA out, or describe the data with --data, --scale, ...",
                )
            scored, _ = network_recipe(file, replace(data, data=evaluate), export=options)
    if not data.given:
        messages.print("no data: only weights are quantized")
    target = output or Path("runs") / f"{file_name(file.stem)}-ptq"
    results = run_ptq(recipe, folder, target, settings, samples, scored, messages.print)
    console.print(step_table(results.steps or [], judge))
    print_results(results, target)


def _rules(
    bits: Optional[int],
    act_bits: Optional[int],
    weights_only: bool,
    weights: Sequence[str],
    activations: Sequence[str],
    has_data: bool,
) -> Tuple[Tuple[str, ...], Optional[Tuple[str, ...]]]:
    """The rules that the options stand for: of the weights, and of the feature maps if any."""
    for option, other, clash in (
        ("--bits", "--weights and --rules", bits is not None and weights),
        ("--act-bits", "--activations", act_bits is not None and activations),
        ("--weights-only", "--activations", weights_only and activations),
        ("--weights-only", "--act-bits", weights_only and act_bits is not None),
    ):
        if clash:
            raise ConfigError(f"{option} and {other} exclude each other.", help="give one of them")
    if not has_data and (activations or act_bits is not None):
        raise ConfigError(
            "the ranges of the feature maps come from data, and there is none.",
            help="add --data with a few hundred samples, or leave --act-bits out: weights only",
        )
    rules = tuple(weights) or (f"affine:bits={bits or _BITS}",)
    if weights_only or not has_data:
        return rules, None
    return rules, tuple(activations) or (f"affine:bits={act_bits or _BITS},symmetric=false",)
