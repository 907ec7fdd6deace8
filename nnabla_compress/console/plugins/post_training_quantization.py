# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: weights and feature maps in integers, without training."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Post-Training Quantization\n\n"
        "Quantizes weights and feature maps of a trained network in minutes, without training.\n"
        "The ranges of the feature maps come from samples; labels are not needed.\n"
        "\n"
        "The folder beside the output holds report.html.\n",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    made.add_argument(
        "-d",
        "--data",
        help="path to csv file with samples (csv) default=output_result.csv",
        required=True,
        default="output_result.csv",
    )
    made.add_argument(
        "-m",
        "--model",
        help="path to model nnp file (model) default=results.nnp",
        required=True,
        default="results.nnp",
    )
    made.add_argument(
        "-b",
        "--bits",
        help="bits of a weight (option:2,3,4,5,6,7,8) default=8",
        required=True,
        default="8",
    )
    made.add_argument(
        "-a",
        "--activation_bits",
        help="bits of a feature map (option:4,6,8,16) default=8",
        required=True,
        default="8",
    )
    made.add_argument(
        "-n",
        "--samples",
        help="number of samples to calibrate on (int) default=512",
        type=int,
        required=True,
        default=512,
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
        "-o",
        "--output",
        help="path to output model nnp file (model) default=post_training_quantization.nnp",
        required=True,
        default="post_training_quantization.nnp",
    )
    made.add_argument(
        "-r",
        "--table",
        help="path to output csv file with the layers (csv) default=post_training_quantization.csv",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Post-Training Quantization") as plugin:
        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        bits = ("--bits", args.bits, "--act-bits", args.activation_bits)
        data = [*plugin.data(model, args.data), "--samples", args.samples]
        plugin.carry_out("ptq", model, *bits, *data, "--target", args.target, "-o", folder)
        plugin.give(folder, output)
        plugin.layers(folder, args.table)


if __name__ == "__main__":
    main()
