# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The reference of the verbs as Markdown: what each takes and does, from the commands."""

from __future__ import annotations

import inspect
import re
from typing import Any, Iterator, List, Set, Tuple

import click

from nnabla_compress.cli import VERBS, group

_LIST, _LINES = "\b", "    "


def command_reference() -> str:
    """Returns a section on each verb: usage, what its help says, and a table of its options.

    Example:
        >>> "nnabla-compress ptq [OPTIONS] FILE" in command_reference()
        True
    """
    found = [group.get_command(click.Context(group), verb) for verb in VERBS]
    shared = set.intersection(*({_names(p) for p in _options(c)} for c in found if c is not None))
    return "\n\n".join(
        section for command in found if command for section in sections(command, shared)
    )


def sections(
    command: click.Command, shared: Set[str], above: Tuple[str, ...] = ()
) -> Iterator[str]:
    r"""Yields the section on a command, and those on the commands within it.

    Args:
        command: The command, or a group of some.
        shared: Options that are described elsewhere, by their names: ``--json``.
        above: The words between the program and the name of the command.

    Example:
        >>> command = click.Command("weigh", help="Weighs FILE.", params=[
        ...     click.Argument(["file"]), click.Option(["--unit"], help="kB or MB.")])
        >>> print(next(sections(command, set())))
        ## weigh
        <BLANKLINE>
            nnabla-compress weigh [OPTIONS] FILE
        <BLANKLINE>
        Weighs FILE.
        <BLANKLINE>
        | option | value | |
        |---|---|---|
        | `--unit` | `TEXT` | kB or MB. |
    """
    words = (*above, command.name or "")
    parts = [
        f"{'#' * (1 + len(words))} {' '.join(words)}",
        f"{_LINES}{' '.join(['nnabla-compress', *words, *_usage(command)])}",
        *(_paragraphs(command.help) if command.help else ()),
    ]
    rows = [_row(option) for option in _options(command) if _names(option) not in shared]
    if rows:
        parts.append("\n".join(["| option | value | |", "|---|---|---|", *rows]))
    yield "\n\n".join(parts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from sections(inner, shared, words)


def _options(command: click.Command) -> List[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option) and not each.hidden]


def _names(option: click.Option) -> str:
    both = sorted(option.opts, key=lambda name: name.startswith("--"))
    return ", ".join(f"`{name}`" for name in (*both, *option.secondary_opts))


def _usage(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        yield "COMMAND"
        return
    yield "[OPTIONS]"
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = (parameter.metavar or parameter.name or "").upper()
            name += "..." if parameter.nargs == -1 else ""
            yield name if parameter.required else f"[{name}]"


def _row(option: click.Option) -> str:
    text = option.help or ""
    default = option.default
    if option.show_default and isinstance(default, (str, int, float)):
        if option.is_flag:
            default = (option.opts if default else option.secondary_opts)[0]
        text = f"{text.rstrip('.')} [{default}].".strip()
    if option.multiple:
        text = f"{text} May be given several times.".strip()
    return f"| {_names(option)} | {_value(option)} | {_markdown(text)} |"


def _value(option: click.Option) -> str:
    kind: Any = option.type
    if option.is_flag:
        return ""
    if option.metavar:
        return f"`{option.metavar}`"
    if isinstance(kind, click.Choice):
        return ", ".join(f"`{word}`" for word in kind.choices)
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        least, most = (None if end is None else f"{end:,}" for end in (kind.min, kind.max))
        low = "" if least is None else f"{'above' if kind.min_open else 'from'} {least}"
        high = "" if most is None else f"{', below' if kind.max_open else ' to'} {most}"
        return f"{low}{high}".strip(", ")
    return f"`{kind.name.upper()}`"


def _paragraphs(text: str) -> Iterator[str]:
    """What a help says, its commands as lines of code."""
    for paragraph in re.split(r"\n{2,}", inspect.cleandoc(text)):
        lines = paragraph.split("\n")
        if lines[0].strip() != _LIST:
            yield _markdown(" ".join(line.strip() for line in lines))
            continue
        # Runs of lines that are indented, and of such that are not.
        runs: List[Tuple[bool, List[str]]] = []
        for line in lines[1:]:
            code = line.startswith(" ")
            if not runs or runs[-1][0] != code:
                runs.append((code, []))
            runs[-1][1].append(line)
        for code, run in runs:
            yield "\n".join(run) if code else _markdown(" ".join(run))


def _markdown(text: str) -> str:
    """Text of a help with options as code, and what Markdown would take for its own escaped."""
    text = re.sub(r"([*|<])", r"\\\1", text)
    text = re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"`\1`", text)
    return text
