# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress inspect``: what an .nnp or .nnb file holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nnabla_compress.cli.verb import PATH, Verb, answer


@click.command("inspect", cls=Verb)
@click.argument("file", type=PATH)
def command(file: Path) -> None:
    """Prints the networks, layers, costs and limits of FILE, an .nnp file of any tool.

    Of an .nnb file it prints inputs, outputs, functions, and the flash and RAM that it takes.
    """
    from nnabla_compress.cli.engine import console
    from nnabla_compress.inspection.summary import summary
    from nnabla_compress.nnb.summary import nnb_summary
    from nnabla_compress.report.network import nnb_tables, summary_tables

    is_nnb = file.suffix == ".nnb"
    found: Any = nnb_summary(file) if is_nnb else summary(file)
    answer(asdict(found))
    for part in nnb_tables(found) if is_nnb else summary_tables(found):
        console.print(part)
