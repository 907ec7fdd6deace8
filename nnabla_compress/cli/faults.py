# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What users are told of what ended a verb, and its exit status."""

from __future__ import annotations

import io
import os
from typing import Tuple

import click

from nnabla_compress.errors import CompressError, UnknownKeyError, causes, unwrap


def fault(error: BaseException) -> Tuple[str, int]:
    """Returns what to say of an error, "" for nothing, and the exit status.

    Args:
        error: What ended the work.

    Raises:
        BaseException: The error itself, if it is a defect and its traceback is wanted.

    Example:
        >>> from nnabla_compress.errors import ConfigError
        >>> print(*fault(ConfigError("bits is 0.", help="choose 1 to 8")), sep="; ")
        ConfigError: bits is 0.
        help: choose 1 to 8; 1
    """
    if isinstance(error, click.exceptions.Exit):
        return "", error.exit_code
    if isinstance(error, SystemExit):
        return "", error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.ClickException):
        usage = io.StringIO()
        error.show(file=usage)
        return usage.getvalue().rstrip("\n"), error.exit_code
    if isinstance(error, click.Abort) and error.__cause__ is not None:
        error = error.__cause__  # an EOFError, which click takes for a wish of the user's
    known = unwrap(error)
    short = next((each for each in causes(error) if isinstance(each, MemoryError)), None)
    if isinstance(known, CompressError):
        # What a name holds can't pass for the line that says what to do.
        said, help = known.message.replace("\nhelp:", "\n  help:"), known.help
        if isinstance(known, UnknownKeyError):
            from nnabla_compress.recipes.elsewhere import elsewhere  # all that recipes can hold

            return f"ConfigError: {CompressError(said, f'{help}{elsewhere(known.key)}')}", 1
        return f"{type(known).__name__}: {CompressError(said, help)}", 1
    if os.environ.get("NNABLA_COMPRESS_TRACEBACK"):
        raise error
    if short is not None:
        help = "take fewer samples or a smaller batch size, or a machine with more memory"
        return f"out of memory: {short}\nhelp: {help}", 1
    if isinstance(error, OSError) and error.errno:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return (
            f"{type(error).__name__}: {place}{error.strerror}.\n"
            "help: check the path, its rights and the disk; where nothing is wrong with them, "
            "please report it with the output that NNABLA_COMPRESS_TRACEBACK=1 adds"
        ), 1
    return (
        f"internal error: {type(error).__name__}: {error}\n"
        "help: this is a defect of nnabla-compress; please report it with the output that "
        "NNABLA_COMPRESS_TRACEBACK=1 adds"
    ), 1
