# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The form that Neural Network Console makes of what a script prints for -h."""

from __future__ import annotations

import argparse

import pytest

from nnabla_compress.console.header import Argument, read_header
from nnabla_compress.errors import DataError


def help_of(*arguments, description="Title\n\nWhat it does.\nMore of it.\n"):
    parser = argparse.ArgumentParser(
        "x.py", description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    for flags, options in arguments:
        parser.add_argument(*flags, **options)
    return parser.format_help()


def test_a_title_a_text_and_arguments_are_read():
    found = read_header(
        help_of(
            (("-m", "--model"), {"help": "the net (model) default=a b.nnp", "required": True}),
            (("-k", "--kind"), {"help": "how(option:a,b),default=b", "required": True}),
            (("-long", "--very_long_name"), {"help": "it is\nlong (text)"}),
            (("-c", "--check"), {"help": "whether (bool)", "action": "store_true"}),
        )
    )
    assert (found.title, found.text) == ("Title", "What it does.\nMore of it.")
    assert found.arguments == (
        Argument("model", "model", "the net", True, "a b.nnp"),
        Argument("kind", "option", "how", True, "b", ("a", "b")),
        Argument("very_long_name", "text", "it is long", False),
        Argument("check", "bool", "whether", False),
    )


def test_the_name_of_a_script_is_no_flag():
    text = help_of((("-c", "--check"), {"help": "whether (bool)", "action": "store_true"}))
    (check,) = read_header(text.replace("x.py", "-c")).arguments
    assert not check.required


def test_the_words_of_older_pythons_are_read():
    text = help_of((("-i", "--input"), {"help": "data (csv) default=x.csv"}))
    older = text.replace("options:", "optional arguments:")
    assert read_header(older) == read_header(text)


@pytest.mark.parametrize(
    "arguments, description, message",
    [
        ([(("-m", "--model"), {"help": "no type"})], "Title\n", "argument 'model'.*tells no type"),
        ([(("-m", "--model"), {"help": "a (thing)"})], "Title\n", "tells no type"),
        ([], "", "no title"),
    ],
)
def test_what_is_no_header_is_refused(arguments, description, message):
    with pytest.raises(DataError, match=message):
        read_header(help_of(*arguments, description=description))
