# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What every verb is: a command whose help needs nothing of the library, with options of all."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, List, Optional

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
_JSON = "nnabla_compress.json"
_DATA = "--data"


def _of_all() -> Any:
    return [
        click.Option(
            ["-c", "--context"],
            metavar="NAME[:DEVICE]",
            help="Where NNabla computes: cpu, cuda, cudnn, cudnn:1 [cpu].",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON instead of tables."),
        click.Option(["--quiet"], is_flag=True, help="Print nothing but JSON and errors."),
        click.Option(["-v", "--verbose"], is_flag=True, help="Print NNabla's logs, too."),
    ]


class Verb(click.Command):
    """A command that loads the engine when it is carried out, before all else of the library.

    The engine keeps NNabla from greeting on standard output. What a verb calls is imported inside
    the function that calls it, so that ``--help`` is there at once.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        own = {name for parameter in self.params for name in (parameter.name, *parameter.opts)}
        # An option of a verb's own is left to it.
        added = [o for o in _of_all() if not own.intersection((o.name, *o.opts))]
        self.params = [*self.params, *added]
        self._added = [option.name for option in added]

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Reads the words, and refuses an option that is given twice: one value would get lost."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        for option in order:
            takes_one = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
            if takes_one and order.count(option) > 1:
                name = max(option.opts, key=len)
                several = f": {name} a.csv,b.csv" if name == _DATA else ""
                ctx.fail(
                    f"Option '{name}' is given {order.count(option)} times, give it once{several}."
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Loads the engine and carries the verb out, showing how far the work has come."""
        try:
            os.getcwd()
        except OSError:
            raise ConfigError(
                "the working folder is gone: it was removed or replaced.",
                help="change to a folder that is there: cd FOLDER",
            ) from None
        from nnabla_compress.cli.engine import told
        from nnabla_compress.extension import computing_on

        given = {name: ctx.params.pop(name) for name in self._added}
        as_json, quiet = bool(given.get("as_json")), bool(given.get("quiet"))
        ctx.meta[_JSON] = as_json
        with ExitStack() as stack:
            logs = bool(given.get("verbose"))
            stack.enter_context(told(tables=not (as_json or quiet), notes=not quiet, logs=logs))
            if given.get("context") is not None:
                stack.enter_context(computing_on(given["context"]))
            return super().invoke(ctx)


def answer(content: Any) -> None:
    """Prints what a verb came to as JSON, if that was asked for instead of tables.

    Args:
        content: As of :func:`~nnabla_compress.files.json_text`.
    """
    ctx: Optional[click.Context] = click.get_current_context(silent=True)
    if ctx is not None and ctx.meta.get(_JSON):
        from nnabla_compress.files import json_text

        click.echo(json_text(content))
