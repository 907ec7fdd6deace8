# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: weights that take one to eight bits."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Weight Compression\n\n"
        "Stores the weights of a trained network with few bits.\n"
        "lut: a dictionary of free values; pow2: powers of two; uniform, affine: integers.\n"
        "\n"
        "Without epochs it needs no data. The folder beside the output holds report.html.\n",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    made.add_argument(
        "-m",
        "--model",
        help="path to model nnp file (model) default=results.nnp",
        required=True,
        default="results.nnp",
    )
    made.add_argument(
        "-w",
        "--method",
        help="how weights are stored (option:lut,uniform,affine,pow2) default=lut",
        required=True,
        default="lut",
    )
    made.add_argument(
        "-b",
        "--bits",
        help="bits of a weight (option:1,2,3,4,5,6,7,8) default=4",
        required=True,
        default="4",
    )
    made.add_argument(
        "-e",
        "--epochs",
        help="epochs of fine-tuning, 0 for none (int) default=0",
        type=int,
        default=0,
    )
    made.add_argument(
        "-t",
        "--training_data",
        help="path to csv file to fine-tune on, the project's own if left empty (csv)",
    )
    made.add_argument(
        "-o",
        "--output",
        help="path to output model nnp file (model) default=weight_compression.nnp",
        required=True,
        default="weight_compression.nnp",
    )
    made.add_argument(
        "-r",
        "--table",
        help="path to output csv file with the layers (csv) default=weight_compression.csv",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Weight Compression") as plugin:
        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        rule = f"{args.method}:bits={args.bits}"
        training = plugin.training(model, args.epochs, args.training_data)
        plugin.carry_out("compress", model, "--weights", rule, *training, "-o", folder)
        plugin.give(folder, output)
        plugin.layers(folder, args.table)


if __name__ == "__main__":
    main()
