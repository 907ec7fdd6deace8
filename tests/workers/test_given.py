# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tasks on their way."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers.given import Given
from nnabla_compress.workers.interface import LATER
from nnabla_compress.workers.parcel import opened, packed, perform
from tests.workers.chores import square


def test_a_task_that_was_not_begun_goes_first():
    given = Given(iter([2, 3, 4]).__next__)
    assert given.take() == 0
    given.back.append(0)
    assert [given.take(), given.take()] == [0, 1]


def test_there_may_be_none_now_and_one_later():
    given = Given(iter([LATER, 3]).__next__)
    assert given.take() is None and given.take() == 0
    assert opened(perform(packed(square, "it"), given.parcels[0]), 3) == 9


def test_a_task_that_can_not_be_sent_is_named_by_its_number():
    given = Given(iter([1, lambda: 2]).__next__)
    given.take()
    with pytest.raises(ConfigError, match="task 1 can't be sent"):
        given.take()
