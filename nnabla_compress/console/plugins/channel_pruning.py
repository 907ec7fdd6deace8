# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: a smaller network, channels removed."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Channel Pruning\n\n"
        "Removes the least important channels of a trained network,\n"
        "with all that belongs to them.\n"
        "The network that is left has fewer operations and fewer weights.\n"
        "\n"
        "A few epochs of fine-tuning bring most of the accuracy back.\n"
        "The folder beside the output holds report.html.\n",
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
        "-k",
        "--keep",
        help="part of the operations that is left (float) default=0.5",
        type=float,
        required=True,
        default=0.5,
    )
    made.add_argument(
        "-i",
        "--importance",
        help="what channels are ranked by (option:l1,l2,fpgm,bn_gamma) default=l1",
        required=True,
        default="l1",
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
        help="path to output model nnp file (model) default=channel_pruning.nnp",
        required=True,
        default="channel_pruning.nnp",
    )
    made.add_argument(
        "-r",
        "--table",
        help="path to output csv file with the layers (csv) default=channel_pruning.csv",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Channel Pruning") as plugin:
        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        amount = ("--macs", args.keep, "--importance", args.importance)
        training = plugin.training(model, args.epochs, args.training_data)
        plugin.carry_out("prune", model, *amount, *training, "-o", folder)
        plugin.give(folder, output)
        plugin.layers(folder, args.table)


if __name__ == "__main__":
    main()
