# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Results and failures."""

from __future__ import annotations

import errno

import pytest

from nnabla_compress.errors import CompressError, DiskFullError
from nnabla_compress.files import write_error
from nnabla_compress.workers import Failed, done
from nnabla_compress.workers.interface import refuse_full_disk


def test_results_are_handed_on_if_all_are_good():
    assert done([1, None, "a"]) == [1, None, "a"]


def test_the_first_failure_is_raised_with_its_way_out():
    with pytest.raises(CompressError) as caught:
        done([1, Failed("b", "b is empty.", "fill it"), Failed("c", "c is empty.")])
    assert (caught.value.message, caught.value.help) == ("b is empty.", "fill it")


def test_a_full_disk_is_known_behind_a_failure():
    full = Failed.by(3, write_error("out.nnp", OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(DiskFullError, match="can't write out.nnp"):
        refuse_full_disk(full)
    for other in (3, Failed(3, "odd"), Failed.by(3, write_error("a", OSError(errno.EACCES, "")))):
        refuse_full_disk(other)


def test_an_error_that_nobody_foresaw_says_where_it_arose():
    try:
        {}["key"]
    except KeyError as error:
        failed = Failed.by("task", error)
    assert failed.message == "KeyError: 'key'"
    with pytest.raises(RuntimeError, match="test_interface.py"):
        done([failed])
