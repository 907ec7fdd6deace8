# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far a device is from the network, measured in the simulator of the C runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Union

import numpy as np

from nnabla_compress.errors import VerifyError
from nnabla_compress.exporters.tolerance import Tolerance
from nnabla_compress.graph.compare import difference, response, run, same_class
from nnabla_compress.graph.inputs import random_inputs
from nnabla_compress.graph.network import Network
from nnabla_compress.lowering.fixed_point.evaluate import feeds
from nnabla_compress.lowering.inference import Variables, inference_network
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS
from nnabla_compress.turns import one_at_a_time

_RANDOM = 16  # samples where none are given


@dataclass(frozen=True)
class Agreement:
    """A network and its ``.nnb`` on the same samples.

    Args:
        samples: Number of samples.
        error: Root of the mean squared difference over that of the network's output; of several
            outputs the largest.
        same_class: Part of the samples for which the largest value of the first output stands at
            the same place; None where that output is no list of classes.

    Example:
        >>> print(Agreement(100, 0.125, None))
        on 100 samples the .nnb differs by 12.50% (root mean square)
    """

    samples: int
    error: float
    same_class: Optional[float]

    def __str__(self) -> str:
        text = f"on {self.samples} samples the .nnb differs by {self.error:.2%} (root mean square)"
        if self.same_class is not None:
            text += f", the largest output is the same for {self.same_class:.1%}"
        return text


@one_at_a_time
def nnb_agreement(
    path: Union[str, Path],
    outputs: Variables,
    inputs: Variables,
    samples: Mapping[str, np.ndarray],
    most: int = 256,
    tolerance: Optional[float] = None,
) -> Agreement:
    """Runs an ``.nnb`` in the simulator and the network in NNabla, and compares the outputs.

    Integer inputs of the ``.nnb`` get the sample as :func:`~nnabla_compress.nnb.stored_input` says.

    Args:
        path: The ``.nnb`` file.
        outputs: The network's outputs, as given to :func:`export_nnp`.
        inputs: Its inputs, likewise.
        samples: Arrays (rows, ...) by name of the input; if there are none, random numbers.
        most: Number of rows to use, evenly spread if there are more.
        tolerance: Largest ``error`` allowed; None: any.

    Raises:
        ConfigError: If the samples don't fit the inputs.
        DataError: If the file can't be read.
        UnsupportedFunctionError: If the runtime can't compute a function of it.
        VerifyError: If the error is larger than ``tolerance``.

    Example:
        >>> import tempfile, nnabla as nn, nnabla.parametric_functions as PF
        >>> from nnabla_compress.exporters import export_nnb, export_nnp
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = PF.affine(x, 3, name="fc")
        >>> samples = {"x": np.random.RandomState(0).randn(50, 4)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nnp, nnb = f"{folder}/net.nnp", f"{folder}/net.nnb"
        ...     _ = export_nnp(nnp, y, x, target="int16", samples=samples)
        ...     _ = export_nnb(nnb, nnp)
        ...     nnb_agreement(nnb, y, x, samples).error < 0.001
        True
    """
    machine = Machine(path, callbacks=PACKED_CALLBACKS)
    network = inference_network(inputs, outputs, machine.inputs[0].shape[0])
    found = simulated(machine, network, samples, most)
    if tolerance is not None and not found.error <= tolerance:
        raise VerifyError(
            f"on the C runtime the network differs by {found.error:.3g} (root mean square) in the "
            f"simulator, allowed is {tolerance:.3g}.",
            help="allow more, or look with 'nnabla-compress verify' where they differ",
        )
    return found


def simulated(
    machine: Machine,
    network: Network,
    samples: Mapping[str, np.ndarray],
    most: int,
    tolerance: Optional[Tolerance] = None,
    notes: Sequence[str] = (),
    way_out: str = "please report this network",
) -> Agreement:
    """Does what :func:`nnb_agreement` says for a network that is built for inference.

    Args:
        machine: The simulator with the ``.nnb`` file in it.
        network: The network, of the same batch size; its inputs get other values.
        samples: As of :func:`nnb_agreement`.
        most: Likewise.
        tolerance: How far they may be apart; None: any distance.
        notes: What is known of the file and may be the reason if they are farther apart.
        way_out: What to do then.

    Raises:
        VerifyError: If they are farther apart.
    """
    variables, outputs = list(network.inputs.values()), list(network.outputs.values())
    batch = variables[0].shape[0]
    calls = [
        array.reshape(-1, batch, *array.shape[1:])
        for array in _rows(network, samples, max(most // batch, 1) * batch)
    ]
    got = machine.run_many(calls)
    computed = [run(variables, outputs, values) for values in zip(*calls)]
    expected = [np.stack(column) for column in zip(*computed)]
    count = len(calls[0]) * batch
    found = difference(expected, got)
    if tolerance is not None:

        def responses() -> float:
            pairs = zip(zip(*calls), computed)
            found = [response(variables, outputs, values, given) for values, given in pairs]
            return float(np.sqrt(np.mean(np.square(found))))

        wrong, limit = tolerance.judge(expected, got, responses)
        if not wrong <= limit:
            said = (
                f"on the C runtime the network differs by {wrong:.3g} of the output, as the "
                f"simulator says on {count} samples; allowed is {limit:.3g}"
            )
            raise VerifyError("; ".join([said, *notes]) + ".", help=way_out)
    same = same_class(np.concatenate(expected[0]), np.concatenate(got[0]))
    return Agreement(count, found.root_mean_square, same)


def _rows(network: Network, samples: Mapping[str, np.ndarray], most: int) -> List[np.ndarray]:
    """Returns whole batches of the samples, or of random numbers, for each input."""
    batch = next(iter(network.inputs.values())).shape[0]
    if not samples:
        count = -(-_RANDOM // batch) * batch
        variables, outputs = list(network.inputs.values()), list(network.outputs.values())
        samples = dict(zip(network.inputs, random_inputs(variables, outputs, count)))
    feed = next(feeds(network.inputs, samples, most, most, "simulator"))
    rows = len(next(iter(feed.values())))
    if rows < batch:  # repeated until they fill one
        return [np.resize(array, (batch, *array.shape[1:])) for array in feed.values()]
    return [array[: rows - rows % batch] for array in feed.values()]
