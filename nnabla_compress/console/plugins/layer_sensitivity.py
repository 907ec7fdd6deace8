# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: what each layer loses with fewer bits."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Layer Sensitivity\n\n"
        "Quantizes one layer at a time and measures what the network loses by it.\n"
        "The table and the picture show which layers need more bits.\n",
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
        "-d",
        "--data",
        help="path to csv file with samples (csv) default=output_result.csv",
        required=True,
        default="output_result.csv",
    )
    made.add_argument(
        "-b",
        "--bits",
        help="bit widths to try, with commas between (text) default=2,4,8",
        required=True,
        default="2,4,8",
    )
    made.add_argument(
        "-w",
        "--method",
        help="how weights are quantized (option:lut,uniform,affine) default=lut",
        required=True,
        default="lut",
    )
    made.add_argument(
        "-n",
        "--samples",
        help="number of samples (int) default=256",
        type=int,
        required=True,
        default=256,
    )
    made.add_argument(
        "-o",
        "--output",
        help="path to output csv file (csv) default=layer_sensitivity.csv",
        required=True,
        default="layer_sensitivity.csv",
    )
    made.add_argument(
        "-p",
        "--picture",
        help="path to output image file (image) default=layer_sensitivity.png",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Layer Sensitivity") as plugin:
        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        folder = plugin.run_folder(output)
        widths = ("--bits", args.bits, "--quantizer", args.method, "--samples", args.samples)
        data = plugin.data(model, args.data)
        plugin.carry_out("sensitivity", model, *widths, *data, "-o", folder)
        table = plugin.table_at(output, model)
        plugin.copy(folder / "sensitivity.csv", table)
        picture = plugin.output(args.picture) if args.picture else table.with_suffix(".png")
        plugin.copy(folder / "sensitivity.png", picture)


if __name__ == "__main__":
    main()
