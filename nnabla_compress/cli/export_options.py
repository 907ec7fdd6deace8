# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The options of every verb that exports."""

from __future__ import annotations

from typing import Any, Callable

import click

from nnabla_compress.cli.choices import (
    EXITS,
    FLOAT,
    PREFERENCES,
    PROJECTS,
    SCHEMES,
    SMALLEST,
    TARGETS,
)

_OPTIONS = (
    click.option(
        "-t",
        "--target",
        type=click.Choice(TARGETS),
        default="portable",
        show_default=True,
        help="What it is exported for.",
    ),
    click.option(
        "--storage",
        type=click.Choice([SMALLEST, FLOAT, *SCHEMES]),
        default=SMALLEST,
        show_default=True,
        help="How quantized weights are stored.",
    ),
    click.option(
        "--prefer",
        type=click.Choice(PREFERENCES),
        default=PREFERENCES[0],
        show_default=True,
        help="Where decoding a weight takes memory of the device: the smallest file; buffers that "
        "take no more than the float network's; or the least of both together.",
    ),
    click.option(
        "--snap-dictionary", is_flag=True, help="Put free dictionaries on an integer grid (INT8)."
    ),
    click.option(
        "--nnb/--no-nnb", default=True, show_default=True, help="Also write the .nnb file."
    ),
    click.option(
        "--c",
        is_flag=True,
        help="Also write it as C source with an example; with --no-nnb, C source instead.",
    ),
    click.option(
        "--exits",
        type=click.Choice(EXITS),
        help="Of a network with exits, also write a file for each exit that needs no other, or "
        "stages that hand maps on; with --c a program that stops at the first confident exit.",
    ),
    click.option(
        "--console",
        is_flag=False,
        flag_value=PROJECTS[0],
        type=click.Choice(PROJECTS),
        help="Also write a project that the editor of Neural Network Console opens, its weights as "
        "[float] or int8.",
    ),
    click.option(
        "--api",
        type=click.IntRange(1, 45),
        default=44,
        show_default=True,
        help="API level of the .nnb file; 3 for Spresense.",
    ),
)

score_option = click.option(
    "--score",
    is_flag=True,
    help="Where networks are scored, score the .nnb itself, too, in the C runtime's simulator.",
)


def export_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator that gives a verb the options of an export.

    Args:
        command: The function of the verb.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
