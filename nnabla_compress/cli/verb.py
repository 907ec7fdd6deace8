# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every verb is: a command whose help needs nothing of the library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from nnabla_compress.errors import ConfigError


class _NamedPath(click.Path):
    """A path that is written: an empty one, of a variable that is not set, is no folder."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Returns the path."""
        if not os.fspath(value):
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _NamedPath(path_type=Path)


class Verb(click.Command):
    """A command that loads the engine when it is carried out, before all else of the library.

    The engine keeps NNabla from greeting on standard output. What a verb calls is imported inside
    the function that calls it, so that ``--help`` is there at once.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Loads the engine and carries the verb out, showing how far the work has come."""
        try:
            os.getcwd()
        except OSError:
            raise ConfigError(
                "the working folder is gone: it was removed or replaced.",
                help="change to a folder that is there: cd FOLDER",
            ) from None
        from nnabla_compress.cli.engine import progress

        with progress:
            return super().invoke(ctx)
