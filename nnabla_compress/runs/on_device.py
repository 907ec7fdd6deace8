# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Testing the file of a run, or any ``.nnb``, on an emulated board."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from nnabla_compress.device import Board, DeviceTest, device_test
from nnabla_compress.device.device_test import SAMPLES
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.loading.inputs import OtherData
from nnabla_compress.loading.parameters import own_parameters
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.deployed import deployed
from nnabla_compress.runs.finished import open_run, trained_network
from nnabla_compress.runs.nnb_network import open_nnb
from nnabla_compress.runs.verified import samples_of
from nnabla_compress.runs.written import check_written
from nnabla_compress.turns import one_at_a_time

_EXPORTED = ("results.nnb", "float.nnb")


@one_at_a_time
def device_test_run(
    folder: Path,
    board: Board,
    count: int = SAMPLES,
    trust: bool = False,
    other: Optional[OtherData] = None,
    **options: Any,
) -> DeviceTest:
    """Tests the ``.nnb`` of a finished run on a board, on samples of its data.

    Args:
        folder: The run folder.
        board: The board.
        count: Number of samples: of the data, random ones if there are none.
        trust: Whether the Python code that the folder names may run.
        other: Data instead of the run's own.
        options: As of :func:`~nnabla_compress.device.device_test`.

    Raises:
        CompressError: If the folder holds no finished run, or as that function does.
    """
    run = open_run(folder, trust)
    nnb = next((folder / name for name in _EXPORTED if (folder / name).is_file()), None)
    if nnb is None:
        raise DataError(
            f"there is no file {folder / _EXPORTED[0]}.",
            help="export the run with 'nnabla-compress export', and give that .nnb",
        )
    check_written([nnb])
    with trained_network(run, other) as (inputs, build):
        samples = samples_of(deployed(inputs, build)[0], count)
    return device_test(nnb, board, samples=samples, count=count, **options)


@one_at_a_time
def device_test_file(
    nnb: Path,
    board: Board,
    count: int = SAMPLES,
    recipe: Optional[Recipe] = None,
    folder: Path = Path(),
    **options: Any,
) -> DeviceTest:
    """Tests an ``.nnb`` on a board.

    Args:
        nnb: The file.
        board: The board.
        count: Number of samples.
        recipe: Says data and preprocessing; None for random samples.
        folder: Where the recipe's relative paths start.
        options: As of :func:`~nnabla_compress.device.device_test`.

    Raises:
        ConfigError: If it is no ``.nnb``.
        CompressError: As :func:`~nnabla_compress.device.device_test` does.
    """
    if not nnb.exists():
        raise ConfigError(f"there is no {nnb}.", help="give a run folder or an .nnb")
    if nnb.suffix != ".nnb":
        other = other_format(nnb)
        what = "no .nnb" if other is None else f"{other[0]}, no .nnb"
        raise ConfigError(
            f"{nnb} is {what}.", help="'nnabla-compress export' writes the .nnb of a network"
        )
    samples = None
    if recipe is not None:
        with own_parameters():
            samples = samples_of(open_nnb(nnb, recipe, folder, targets="either").inputs, count)
    return device_test(nnb, board, samples=samples, count=count, **options)
