# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One forward pass of a graph on samples, with errors that say what is wrong."""

from __future__ import annotations

from typing import Any, Sequence

import nnabla as nn

from nnabla_compress.errors import CompressError, DataError, unwrapped

BATCH = 64


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
