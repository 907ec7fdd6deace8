# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A forward pass of a graph on samples, with errors that say what is wrong."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.errors import CompressError, DataError, unwrapped

BATCH = 64


def fitting_rows(
    inputs: Mapping[str, nn.Variable], samples: Mapping[str, np.ndarray]
) -> List[np.ndarray]:
    """Returns samples in the order of a network's inputs, float32.

    Args:
        inputs: The inputs by name.
        samples: Samples (N, ...) by name; those of an only input may have any.

    Raises:
        DataError: If samples have another shape than an input.

    Example:
        >>> x = nn.Variable((1, 2))
        >>> fitting_rows({"x": x}, {"x": np.eye(2)})[0].shape
        (2, 2)
    """
    alone = len(inputs) == 1
    found: List[np.ndarray] = []
    for name, variable in inputs.items():
        array = next(iter(samples.values())) if alone else samples[name]
        found.append(np.asarray(array, np.float32))
        given, taken = found[-1].shape[1:], tuple(variable.shape[1:])
        if given != taken:
            raise DataError(
                f"samples of {name} are {_shown(given)}, the network takes {_shown(taken)}.",
                help="give samples as the network takes them",
            )
    return found


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "single numbers"


def run(outputs: Sequence[nn.Variable], after: Any = None, failure: Sequence[Any] = ()) -> None:
    """Computes the outputs of a graph in one pass.

    Args:
        outputs: Variables of one graph.
        after: Called with each function after it.
        failure: Where ``after`` leaves errors of its own.

    Raises:
        DataError: If a function fails.
    """
    try:
        with unwrapped():
            nn.forward_all(list(outputs), clear_buffer=True, function_post_hook=after)
    except CompressError:
        raise
    except Exception as error:
        if failure:
            raise failure[0] from None
        raise DataError(
            f"the network can't be run on the samples: {error}.",
            help="run it once yourself: output.forward()",
        ) from error
