# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.recipes.docstrings import Meaning, meanings, summary


class Base:
    """A base.

    Args:
        kept: Said by the base.
        renewed: Not this.
    """


class Documented(Base):
    """First line, ``code`` and :class:`~package.module.Name`.

    Second
    paragraph.

    Args:
        renewed: Over
            two lines: with a colon.
        typed (integer): A number | a bar; ``"word"``, None or False.

    Raises:
        ValueError: No option.

    Example:
        >>> 1
        1
    """


class Silent(Documented):
    pass


def test_the_summary_ends_where_the_sections_begin():
    assert summary(Documented) == "First line, `code` and `Name`.\n\nSecond paragraph."


def test_options_are_those_of_args_and_of_no_other_section():
    assert meanings(Documented) == {
        "kept": Meaning("Said by the base."),
        "renewed": Meaning("Over two lines: with a colon."),
        "typed": Meaning("A number | a bar; `word`, `null` or `false`.", "integer"),
    }


def test_a_class_without_a_docstring_has_the_options_of_its_base_and_no_summary():
    assert summary(Silent) == ""
    assert meanings(Silent) == meanings(Documented)
