# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: a network made to fit a device."""

from __future__ import annotations

import argparse
import sys

IN_DESKTOP = {"training_data": "output_result.csv", "minutes": "3"}
"""What NNC Desktop, which waits five minutes and knows no project, has in its form."""


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Fit to Device\n\n"
        "Makes a trained network fit the flash and the RAM of a device,\n"
        "by the cheapest measures that keep its accuracy.\n"
        "It needs samples with labels; the project's training data if left empty.\n",
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
        "-t",
        "--training_data",
        help="path to csv file with inputs and labels (csv)",
    )
    made.add_argument(
        "-f",
        "--flash",
        help="room for the network in flash (text) default=256kB",
        required=True,
        default="256kB",
    )
    made.add_argument(
        "-a",
        "--ram",
        help="room for its buffers in RAM (text) default=64kB",
        required=True,
        default="64kB",
    )
    made.add_argument(
        "-l",
        "--accuracy_drop",
        help="most points of accuracy that may be lost (float) default=1.0",
        type=float,
        required=True,
        default=1.0,
    )
    made.add_argument(
        "-n",
        "--minutes",
        help="how long it may take (int) default=30",
        type=int,
        required=True,
        default=30,
    )
    made.add_argument(
        "-o",
        "--output",
        help="path to output model nnp file (model) default=fit_to_device.nnp",
        required=True,
        default="fit_to_device.nnp",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Fit to Device") as plugin:
        from nnabla_compress.fitting.record import FitRecord

        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        room = ("--flash", args.flash, "--ram", args.ram, "--accuracy-drop", args.accuracy_drop)
        data = plugin.learned_from(model, args.training_data)
        time = f"{args.minutes}min"
        plugin.carry_out("fit", model, *data, *room, "--time", time, "-o", folder)
        plugin.give(folder / str(FitRecord.read(folder).answer), output)


if __name__ == "__main__":
    main()
