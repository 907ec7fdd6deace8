# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: a network written for a device."""

from __future__ import annotations

import argparse
import sys

IN_DESKTOP = {"data": "output_result.csv"}
"""What NNC Desktop, whose forms have no field that may be left empty, has in its form."""


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Device Export\n\n"
        "Writes a network, float or compressed, as nnp and as nnb for the C runtime.\n"
        "portable: runs everywhere; callback: packed weights, read by small C kernels;\n"
        "int8, int16, integer: the integers of the C runtime, chosen from samples.\n"
        "\n"
        "Name a csv file with samples for int8, int16 and integer.\n",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    made.add_argument(
        "-d",
        "--data",
        help="path to csv file with samples (csv)",
    )
    made.add_argument(
        "-m",
        "--model",
        help="path to model nnp file (model) default=results.nnp",
        required=True,
        default="results.nnp",
    )
    made.add_argument(
        "-t",
        "--target",
        help="what it is exported for "
        "(option:portable,int8,int16,integer,callback) default=portable",
        required=True,
        default="portable",
    )
    made.add_argument(
        "-s",
        "--storage",
        help="how quantized weights are stored "
        "(option:smallest,float,int8,packed,bit_matrix,one_hot) default=smallest",
        required=True,
        default="smallest",
    )
    made.add_argument(
        "-c",
        "--c_source",
        help="also write it as C source (bool)",
        action="store_true",
    )
    made.add_argument(
        "-o",
        "--output",
        help="path to output model nnp file (model) default=device_export.nnp",
        required=True,
        default="device_export.nnp",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Device Export") as plugin:
        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        kind = ["--target", args.target, "--storage", args.storage, *["--c"] * args.c_source]
        data = plugin.data(model, args.data)
        plugin.carry_out("export", model, *kind, *data, "-o", folder)
        plugin.give(folder, output, model.stem)


if __name__ == "__main__":
    main()
