# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What two computations of one network owe each other, told from the network itself."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from nnabla_compress.exporters.tolerance import ANOTHER_ORDER, OTHER_LIBRARY
from nnabla_compress.nnb import NnbFile
from nnabla_compress.simulator import Machine
from nnabla_compress.transforms.faithful import FOLDED
from nnabla_compress.verification.engines import NnpEngine, ReferenceEngine
from nnabla_compress.verification.report import (
    EQUAL,
    HALF,
    NOTHING,
    SINGLE_STEPS,
    Promise,
    within,
)

OTHER_IN_NNABLA = ("BinaryConnect", "BinaryWeight")  # NNabla computes their weights again


def of_compression(same_function: bool) -> Promise:
    """Returns what a network owes the float network that it was made of.

    Args:
        same_function: Whether no step between them changes what is computed but for rounding, such
            as channels taken out that are computed for nothing.
    """
    return within(FOLDED) if same_function else NOTHING


def of_export(report: Mapping[str, Any], network: NnpEngine) -> Promise:
    """Returns what a graph and the file that was exported of it owe each other.

    Args:
        report: What the export noted in the file.
        network: NNabla on the file.
    """
    if not (isinstance(network, ReferenceEngine) or report.get("same_values", True)):
        return NOTHING  # rounded numbers, snapped dictionaries
    if report.get("exact"):
        return EQUAL
    if network.rounds:
        return SINGLE_STEPS
    return within(float(report.get("tolerance") or ANOTHER_ORDER))


def of_conversion(machine: Machine, network: NnpEngine, given: bool, own: bool = False) -> Promise:
    """Returns what an ``.nnp`` and the ``.nnb`` that was made of it owe each other.

    Equal values where all functions are exact; little of integer kernels, which round as they go.
    Their formats are for samples: of random numbers they promise nothing.

    Args:
        machine: The simulator with the ``.nnb``.
        network: NNabla on the ``.nnp``.
        given: Whether they are compared on samples of a user's own.
        own: Whether this package made the ``.nnb``: it writes binary weights as NNabla computes
            them now, the converter as a training left them.
    """
    if not own and network.holds(OTHER_IN_NNABLA):
        return NOTHING
    if uses_integer_kernels(machine.network):
        return HALF if given else NOTHING
    if network.exact and not isinstance(network, ReferenceEngine):
        return EQUAL
    return SINGLE_STEPS if network.rounds else within(ANOTHER_ORDER)


def of_simulation(machine: Machine, network: Optional[NnpEngine]) -> Promise:
    """Returns what the simulator and the real runtime owe each other.

    Args:
        machine: The simulator with the ``.nnb``.
        network: NNabla on the ``.nnp`` that it was made of, if there is one.
    """
    integers = all(port.type != "FLOAT32" for port in machine.outputs)
    if integers or (network is not None and network.exact):
        return EQUAL
    return within(OTHER_LIBRARY)


def uses_integer_kernels(network: NnbFile) -> bool:
    """Returns whether anything that depends on the input is held as integers.

    Args:
        network: The network.
    """
    dynamic = set(network.inputs)
    for function in network.functions:
        if dynamic.intersection(function.inputs):
            dynamic.update(function.outputs)
    return any(network.variables[number].type != "FLOAT32" for number in dynamic)
