# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far a device is from the network, measured in the simulator of the C runtime."""

from __future__ import annotations

from typing import Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import Agreement, agreement
from nnabla_compress.errors import VerifyError
from nnabla_compress.exporters.tolerance import Tolerance
from nnabla_compress.graph.batches import few_rows, follows_batch
from nnabla_compress.graph.compare import run
from nnabla_compress.graph.inputs import random_inputs
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.response import TRIES, response
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.graph.rows_apart import rows_apart
from nnabla_compress.lowering.fixed_point.evaluate import feeds
from nnabla_compress.simulator import Machine

Arrays = Sequence[np.ndarray]

_RANDOM = 16  # samples where none are given
_ROWS_AT_ONCE = 32


class Simulated(NamedTuple):
    """How an ``.nnb`` does in the simulator, beside its network.

    Args:
        samples: Number of samples.
        found: How far its outputs agree with the network's.

    Example:
        >>> print(Simulated(100, Agreement(0.5, 0.5, 0.25, 0.125)))
        on 100 samples the .nnb differs by 12.50% (root mean square)
    """

    samples: int
    found: Agreement

    def __str__(self) -> str:
        apart, same = self.found.root_mean_square, self.found.same_class
        text = f"on {self.samples} samples the .nnb differs by {apart:.2%} (root mean square)"
        if same is not None:
            text += f", the largest output is the same for {same:.1%}"
        return text


def simulated(
    machine: Machine,
    network: Network,
    samples: Mapping[str, np.ndarray],
    most: int,
    tolerance: Optional[Tolerance] = None,
    notes: Sequence[str] = (),
    way_out: str = "please report this network",
    known: Iterable[Tuple[Arrays, Arrays]] = (),
) -> Simulated:
    """Runs an ``.nnb`` in the simulator and its network in NNabla, and compares the outputs.

    Integer inputs of the ``.nnb`` get the sample as :func:`~nnabla_compress.nnb.stored_input` says.

    Args:
        machine: The simulator with the ``.nnb`` file in it.
        network: The network for inference, of the same batch size; its inputs get other values.
        samples: Arrays (rows, ...) by name of the input; if there are none, random numbers.
        most: Number of rows to use, evenly spread if there are more.
        tolerance: How far they may be apart; None: any distance.
        notes: What is known of the file and may be the reason if they are farther apart.
        way_out: What to do then.
        known: What the network is known to give, inputs and outputs of a batch each.

    Raises:
        ConfigError: If the samples don't fit the inputs.
        UnsupportedFunctionError: If the runtime can't compute a function of the file.
        VerifyError: If they are farther apart.
    """
    variables, outputs = network.all_inputs, network.all_outputs
    batch = variables[0].shape[0]
    calls = [
        array.reshape(-1, batch, *array.shape[1:])
        for array in _rows(network, samples, max(most // batch, 1) * batch)
    ]
    # In this order: what NNabla takes is given back, the simulator keeps its buffers.
    computed = _computed(network, list(zip(*calls)), known)
    got = machine.run_many(calls)
    expected = [np.stack(column) for column in zip(*computed)]
    count = len(calls[0]) * batch
    found = agreement([_joined(array) for array in expected], [_joined(array) for array in got])
    if tolerance is not None:

        def responses() -> float:
            tries = -(-TRIES // len(computed))
            moved = [
                response(variables, outputs, values, given, tries)
                for values, given in zip(zip(*calls), computed)
            ]
            return float(np.sqrt(np.mean(np.square(moved))))

        wrong, limit = tolerance.judge(found, responses)
        if not wrong <= limit:
            said = (
                f"on the C runtime the network differs by {wrong:.3g} of the output, as the "
                f"simulator says on {count} samples; allowed is {limit:.3g}"
            )
            raise VerifyError("; ".join([said, *notes]) + ".", help=way_out)
    return Simulated(count, found)


def _computed(
    network: Network,
    calls: Sequence[Arrays],
    known: Iterable[Tuple[Arrays, Arrays]],
) -> List[Arrays]:
    """What the network gives for each of some calls; many at once where rows don't meet."""
    before = {_bytes(values): given for values, given in known}
    found = [before.get(_bytes(values)) for values in calls]
    missing = [number for number, given in enumerate(found) if given is None]
    variables, outputs = network.all_inputs, network.all_outputs
    rows = variables[0].shape[0]
    wanted = min(few_rows(outputs, variables, _ROWS_AT_ONCE), rows * len(missing))
    together = max(1, wanted // rows)
    if not (rows_apart(variables, outputs) and follows_batch(outputs, variables)):
        together = 1
    if together > 1:
        variables = [nn.Variable((together * rows, *x.shape[1:])) for x in variables]
        with nn.auto_forward(False):
            outputs = rebuild(outputs, inputs=dict(zip(network.all_inputs, variables)))
    for start in range(0, len(missing), together):
        part = missing[start : start + together]
        columns = zip(*(calls[number] for number in part))
        # The last ones are repeated until they are as many as the graph takes.
        values = [np.resize(np.concatenate(c), v.shape) for c, v in zip(columns, variables)]
        given = [y.reshape(together, rows, *y.shape[1:]) for y in run(variables, outputs, values)]
        for place, number in enumerate(part):
            found[number] = [y[place] for y in given]
    return [given for given in found if given is not None]


def _bytes(arrays: Arrays) -> Tuple[bytes, ...]:
    return tuple(np.asarray(array, np.float32).tobytes() for array in arrays)


def _joined(calls: np.ndarray) -> np.ndarray:
    """The batches of all calls behind one another."""
    return calls.reshape(-1, *calls.shape[2:])


def _rows(network: Network, samples: Mapping[str, np.ndarray], most: int) -> List[np.ndarray]:
    """Returns whole batches of the samples, or of random numbers, for each input."""
    batch = next(iter(network.inputs.values())).shape[0]
    if not samples:
        count = -(-_RANDOM // batch) * batch
        variables, outputs = network.all_inputs, network.all_outputs
        samples = dict(zip(network.inputs, random_inputs(variables, outputs, count)))
    feed = next(feeds(network.inputs, samples, most, most, "simulator"))
    rows = len(next(iter(feed.values())))
    if rows < batch:  # repeated until they fill one
        return [np.resize(array, (batch, *array.shape[1:])) for array in feed.values()]
    return [array[: rows - rows % batch] for array in feed.values()]
