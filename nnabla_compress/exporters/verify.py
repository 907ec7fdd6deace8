# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Proving that a lowered network computes what the network does, on random and given inputs."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.agreement import agreement
from nnabla_compress.errors import ConfigError, ExportError, VerifyError
from nnabla_compress.exporters.tolerance import Tolerance
from nnabla_compress.graph.choosing import ChoosingInputs
from nnabla_compress.graph.compare import Fill, run
from nnabla_compress.graph.ends import with_ends
from nnabla_compress.graph.inputs import SEED, forms
from nnabla_compress.graph.response import response
from nnabla_compress.graph.same import same_functions
from nnabla_compress.lowering.nnabla_errors import told_as
from nnabla_compress.memory import give_back

Rounds = List[List[np.ndarray]]

_RANDOM_ROUNDS, _SAMPLE_ROUNDS = 3, 16
_MOST_KEPT = 1 << 22  # numbers of outputs; who needs those of more rounds computes them again


def input_rounds(
    inputs: Mapping[str, nn.Variable],
    samples: Mapping[str, np.ndarray],
    batch_size: int,
    outputs: Sequence[nn.Variable] = (),
) -> Rounds:
    """Returns batches to run networks on: three random ones, and up to sixteen of the samples.

    The random ones are of the standard normal distribution, or of the samples' mean and spread;
    row numbers, where the graph takes an input as these.

    Args:
        inputs: Inputs by name.
        samples: Arrays (rows, ...) for each input, or nothing.
        batch_size: Rows of a batch; samples that don't fill one are left out.
        outputs: Variables of the graph, if it is to say what numbers it takes.

    Returns:
        For each round an array for each input, float32.

    Raises:
        ConfigError: If the samples don't fit the inputs.
        DataError: If they choose rows that the graph has not.

    Example:
        >>> rounds = input_rounds({"x": nn.Variable((2, 3))}, {"x": np.ones((5, 3))}, 2)
        >>> len(rounds), rounds[-1][0].tolist()
        (5, [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    """
    arrays = _arrays(inputs, samples) if samples else {}
    if arrays:
        ChoosingInputs(inputs, outputs).check([arrays[name] for name in inputs])
    rng = np.random.RandomState(SEED)
    taken = dict(zip(inputs, forms(list(inputs.values()), outputs)))
    rounds = [
        [
            taken[name].random(rng, variable.shape)
            if taken[name].below
            else _random(rng, variable.shape, arrays.get(name)).astype(np.float32)
            for name, variable in inputs.items()
        ]
        for _ in range(_RANDOM_ROUNDS)
    ]
    if arrays:
        starts = range(0, min(map(len, arrays.values())) - batch_size + 1, batch_size)
        for start in starts[:_SAMPLE_ROUNDS]:
            rounds.append([array[start : start + batch_size] for array in arrays.values()])
    return rounds


def _arrays(
    inputs: Mapping[str, nn.Variable], samples: Mapping[str, np.ndarray]
) -> Dict[str, np.ndarray]:
    arrays = {}
    for name, variable in inputs.items():
        array = np.asarray(samples.get(name, ()), np.float32)
        if array.shape[1:] != tuple(variable.shape[1:]) or array.ndim == 0:
            raise ConfigError(
                f"samples for input {name} have the shape {array.shape}, expected "
                f"(rows, {', '.join(map(str, variable.shape[1:]))}).",
                help="give rows for each input",
            )
        arrays[name] = array
    return arrays


def _random(
    rng: np.random.RandomState, shape: Sequence[int], samples: Optional[np.ndarray]
) -> np.ndarray:
    """Normal numbers, of the samples' mean and spread if there are any."""
    numbers = rng.randn(*shape)
    if samples is None or not samples.size or not np.isfinite(samples).all():
        return numbers
    return numbers * (float(samples.std()) or 1.0) + float(samples.mean())


class Verified(NamedTuple):
    """A lowered form that computes what the network does.

    Args:
        largest: The largest difference.
        computed: For the first rounds of inputs, as far as they are small, the outputs of the
            lowered form.
        expected: Likewise those of the network.
    """

    largest: float
    computed: Rounds
    expected: Rounds


def verify_lowered(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    lowered: Sequence[nn.Variable],
    rounds: Rounds,
    tolerance: float,
    quantized_activations: bool,
    fill: Fill = MappingProxyType({}),
) -> Verified:
    """Compares a network with its lowered form.

    Where that is the same functions of the same arrays, one round shows that it can be run.

    Args:
        inputs: Inputs of both.
        outputs: Outputs of the network.
        lowered: Outputs of its lowered form.
        rounds: What to run them on.
        tolerance: Largest difference allowed, as a part of the output's largest magnitude.
        quantized_activations: Allow single values to fall to the next step, as
            :class:`~nnabla_compress.exporters.tolerance.Tolerance` says.
        fill: Values of parameters of the lowered form that have none in memory.

    Returns:
        The largest difference, and what the lowered form gave.

    Raises:
        ExportError: If the network can't be run.
        VerifyError: If they differ more.
    """
    # A saturated Softmax would hide what differs before it.
    count = len(lowered)
    outputs, lowered = with_ends(outputs, lowered)
    same = same_functions(inputs, outputs, inputs, lowered)
    largest, kept = 0.0, 0
    computed: Rounds = []
    known: Rounds = []
    allowed = Tolerance(tolerance, steps=quantized_activations)
    for values in rounds[:1] if same else rounds:
        what = "the network can't be run on random inputs"
        with told_as(ExportError, what, "run it once yourself: output.forward()"):
            expected = run(inputs, outputs, values)
            got = expected if same else run(inputs, lowered, values, fill)
        found = agreement(expected, got)
        largest = max(largest, found.largest)
        kept += sum(y.size for y in (*got[:count], *expected[:count]))
        if kept <= _MOST_KEPT:
            computed.append(got[:count])
            known.append(expected[:count])
        give_back()
        wrong, limit = allowed.judge(found, partial(response, inputs, outputs, values, expected))
        if wrong > limit:
            raise VerifyError(
                f"the lowered network differs from the network by {wrong:.3g} of the output, "
                f"allowed is {limit:.3g}.",
                help="give a larger tolerance= if the network amplifies rounding errors",
            )
    return Verified(largest, computed, known)
