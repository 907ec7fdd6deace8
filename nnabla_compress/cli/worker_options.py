# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The options of every verb whose work can be shared."""

from __future__ import annotations

from typing import Any, Callable

import click

_OPTIONS = (
    click.option(
        "-j",
        "--jobs",
        "--workers",
        "jobs",
        type=click.IntRange(1),
        help="Processes that share the work; results don't depend on it [1].",
    ),
    click.option(
        "--ray",
        is_flag=False,
        flag_value="auto",
        metavar="[ADDRESS]",
        help="Share it on a Ray cluster: HOST:PORT, 'local' to start one here, none for the one "
        "that runs. --jobs says how many tasks at once [one for each CPU].",
    ),
)


def worker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator that gives a verb the options of its workers, ``jobs`` and ``ray``.

    Args:
        command: The function of the verb.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
