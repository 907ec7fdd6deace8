# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether a network gives one row a sample, as scores, comparisons and calibration need it.

A recurrent network whose first axis is that of steps does not: samples put there would be one
sequence.
"""

from __future__ import annotations

from typing import Tuple

from nnabla_compress.errors import DataError

_WAY_OUT = "choose a network or an output with one row a sample, or leave the data out"


def refuse_other_axes(shape: Tuple[int, ...], rows: int) -> None:
    """Refuses an output whose first axis is not that of the samples.

    Args:
        shape: Its shape.
        rows: Of how many samples.

    Raises:
        DataError: If it has not as many rows.
    """
    if shape[:1] != (rows,):
        asked = "one sample" if rows == 1 else f"{rows} samples"
        raise DataError(
            f"of {asked} the network gives an output of shape {shape}: the first "
            "axis is not that of the samples.",
            help=_WAY_OUT,
        )


def refuse_mixed(mixed: bool) -> None:
    """Refuses a network in which one row of the inputs changes what comes out of another.

    Args:
        mixed: Whether it is one.

    Raises:
        DataError: If it is.
    """
    if mixed:
        raise DataError(
            "the network computes its rows from each other: the first axis is not that of the "
            "samples but, for instance, that of steps in time.",
            help=_WAY_OUT,
        )
