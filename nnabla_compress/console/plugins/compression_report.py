# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: what compressions brought, as one page."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Compression Report\n\n"
        "Writes report.html of what a plug-in of this menu made:\n"
        "accuracy, bytes and layers, before and after.\n"
        "With a second folder both are compared. Open it with any browser.\n",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    made.add_argument(
        "-f",
        "--folder",
        help="folder beside the output of a compression (dir) default=weight_compression",
        required=True,
        default="weight_compression",
    )
    made.add_argument(
        "-c",
        "--compare",
        help="folder of another one to compare with (dir)",
    )
    made.add_argument(
        "-o",
        "--output",
        help="path to output html file (file) default=report.html",
        required=True,
        default="report.html",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Compression Report") as plugin:
        folders = [plugin.path(each) for each in (args.folder, args.compare) if each]
        plugin.carry_out("report", *folders, "-o", plugin.output(args.output))


if __name__ == "__main__":
    main()
