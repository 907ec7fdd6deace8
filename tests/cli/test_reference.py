# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import click

from nnabla_compress.cli import VERBS
from nnabla_compress.cli.reference import command_reference, sections


def section(command, shared=()):
    return "\n\n".join(sections(command, set(shared)))


def test_every_verb_has_a_section_and_common_options_have_none():
    text = command_reference()
    for verb in VERBS:
        assert f"\n## {verb}\n" in f"\n{text}"
    assert "`--json`" not in text and "`--context`" not in text
    assert "| `-w`, `--weights` | `[PATTERN=]RULE` |" in text


def test_values_of_options_are_told():
    options = [
        click.Option(["--way"], type=click.Choice(["left", "right"]), default="left"),
        click.Option(["--bits"], type=click.IntRange(2, 8)),
        click.Option(["--part"], type=click.FloatRange(0, 1, min_open=True, max_open=True)),
        click.Option(["--count"], type=click.IntRange(1), default=3, show_default=True),
        click.Option(["--fold/--no-fold"], default=True, show_default=True, help="Fold."),
        click.Option(["-l", "--layer"], metavar="NAME", multiple=True, help="Which."),
        click.Option(["--secret"], hidden=True),
    ]
    rows = section(click.Command("c", params=options)).split("|---|---|---|\n")[1].splitlines()
    assert rows == [
        "| `--way` | `left`, `right` |  |",
        "| `--bits` | from 2 to 8 |  |",
        "| `--part` | above 0, below 1 |  |",
        "| `--count` | from 1 | [3]. |",
        "| `--fold`, `--no-fold` |  | Fold [`--fold`]. |",
        "| `-l`, `--layer` | `NAME` | Which. May be given several times. |",
    ]


def test_lines_of_commands_are_code_and_what_is_said_about_them_is_not():
    help_ = (
        "Does it.\n\n\b\nFor one:\n    nnabla-compress c one\nFor two:\n    nnabla-compress c two"
    )
    text = section(click.Command("c", help=help_))
    assert text.endswith(
        "Does it.\n\nFor one:\n\n    nnabla-compress c one\n\nFor two:\n\n    nnabla-compress c two"
    )


def test_what_markdown_would_take_for_its_own_is_escaped():
    option = click.Option(["--out"], help="a*b [runs/<FILE>], with --all.")
    assert r"a\*b [runs/\<FILE>], with `--all`." in section(click.Command("c", params=[option]))


def test_arguments_stand_in_the_usage():
    arguments = [click.Argument(["recipe"], required=False), click.Argument(["files"], nargs=-1)]
    command = click.Command("c", params=[*arguments])
    assert "nnabla-compress c [OPTIONS] [RECIPE] [FILES...]" in section(command)


def test_a_verb_of_several_commands_has_a_section_for_each():
    option = click.Option(["--json"])
    group = click.Group("console", commands=[click.Command("install", params=[option])])
    text = section(group, ["`--json`"])
    assert "## console\n\n    nnabla-compress console COMMAND" in text
    assert text.endswith("### console install\n\n    nnabla-compress console install [OPTIONS]")
