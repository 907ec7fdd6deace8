# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-in of Neural Network Console: what a network consists of and takes."""

from __future__ import annotations

import argparse
import sys


def parser() -> argparse.ArgumentParser:
    """Returns the header of the plug-in."""
    made = argparse.ArgumentParser(
        description="Network Inspection\n\n"
        "Lists the layers of a network with their weights, operations and bytes,\n"
        "what it takes on a device, and what stands in the way of that.\n",
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
        "-o",
        "--output",
        help="path to output csv file (csv) default=network_inspection.csv",
        required=True,
        default="network_inspection.csv",
    )
    return made


def main() -> None:
    """Runs the plug-in on the arguments that Console gives."""
    args = parser().parse_args()
    try:
        from nnabla_compress.console.plugin import Plugin
    except ImportError as error:
        sys.exit(f"{error}. Install it: {sys.executable} -m pip install nnabla-compress")
    with Plugin("Network Inspection") as plugin:
        from nnabla_compress.inspection.summary import summary

        model = plugin.path(args.model)
        output = plugin.output(args.output, model)
        plugin.carry_out("inspect", model)
        rows = [
            {
                "network": network.name,
                "layer": layer.name,
                "type": layer.type,
                "weight shape": " x ".join(map(str, layer.shape)),
                "output shape": " x ".join(map(str, layer.output_shape)),
                "parameters": layer.parameters,
                "MACs": layer.macs,
                "float bytes": layer.bytes,
                "packed bytes": layer.packed_bytes,
                "weights": str(layer.weights),
            }
            for network in summary(model).networks
            for layer in network.layers
        ]
        plugin.write_table(plugin.table_at(output, model), rows)


if __name__ == "__main__":
    main()
