# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress console``: plug-ins for Neural Network Console."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError


@click.command("console", cls=Verb)
@click.argument("action", type=click.Choice(["list", "install"]))
@click.option(
    "--plugins",
    type=PATH,
    metavar="DIR",
    help="Console for Windows: its folder of plug-ins, neural_network_console/libs/plugins.",
)
@click.option("--nncd", is_flag=True, help="NNC Desktop of this user, in ~/nncd_bucket.")
def command(action: str, plugins: Optional[Path], nncd: bool) -> None:
    """Lists the plug-ins for Neural Network Console, or installs them.

    \b
        nnabla-compress console list
        nnabla-compress console install --plugins neural_network_console/libs/plugins
        nnabla-compress console install --nncd

    Console runs them with its own Python, which needs this package, too; start Console anew.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import console
    from nnabla_compress.console.desktop import install_desktop
    from nnabla_compress.console.listed import plugins as known
    from nnabla_compress.console.windows import install_windows
    from nnabla_compress.report.plugins import plugin_table

    if action == "list":
        if plugins is not None or nncd:
            raise ConfigError("--plugins and --nncd are for 'install'.", help="leave them out")
        answer({"plugins": [each.as_dict() for each in known()]})
        console.print(plugin_table([each.as_dict() for each in known()]))
        return
    if plugins is None and not nncd:
        raise ConfigError(
            "there are two Consoles, and none is named.",
            help="--plugins DIR is for the one for Windows, --nncd for NNC Desktop",
        )
    written = [] if plugins is None else install_windows(plugins)
    written += install_desktop(Path.home() / "nncd_bucket") if nncd else []
    answer({"files": written})
    for path in written:
        console.print(f"{path}", soft_wrap=True)
    console.print("written; start Console anew.")
