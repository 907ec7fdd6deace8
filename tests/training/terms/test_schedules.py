# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.terms.schedules import (
    SCHEDULES,
    bump,
    require_schedule,
    require_share,
    strength_at,
)


# Worked numbers of 1000 updates and a width of 20 of them.
@pytest.mark.parametrize(
    "done, rise, penalty",
    [
        (180, 0.1192, 0.00238),
        (200, 0.5, 0.01),
        (220, 0.8808, 0.017616),
        (500, 1, 0.02),
        (800, 1, 0.01),
        (999, 1, 0),
    ],
)
def test_rise_and_bump_are_those_worked_out(done, rise, penalty):
    assert strength_at("tanh", done / 1000) == pytest.approx(rise, abs=5e-5)
    assert 0.02 * bump(done / 1000, 0.2, 0.8, 0.02) == pytest.approx(penalty, abs=1e-5)


def test_the_others_are_even_or_exponential():
    assert [strength_at("constant", t) for t in (0, 0.5)] == [1, 1]
    assert [strength_at("linear", t) for t in (0, 0.5, 1)] == [0, 0.5, 1]
    assert strength_at("exponential", 1.0) == pytest.approx(math.e**2 / 2)


def test_unknown_schedules_and_shares_out_of_range_are_refused():
    for schedule in SCHEDULES:
        require_schedule("sinreq", schedule, 0.0, 1.0)
    with pytest.raises(ConfigError, match="sinreq: schedule is 'cosine'"):
        require_schedule("sinreq", "cosine", 0.2, 0.02)
    with pytest.raises(ConfigError, match="rise_at is 1.2"):
        require_schedule("sinreq", "tanh", 1.2, 0.02)
    with pytest.raises(ConfigError, match="width is 0"):
        require_schedule("sinreq", "tanh", 0.2, 0)
    with pytest.raises(ConfigError, match="waveq: learn_from is -0.1"):
        require_share("waveq", "learn_from", -0.1)


# Rows of the logs that the authors published: updates of 20,000, width in updates, lambda_beta and
# where it falls, and both strengths that they logged.
@pytest.mark.parametrize(
    "done, width, most, fall, rise, penalty",
    [
        (3750, 10, 0.04, 0.6, 0, 0),
        (4000, 10, 0.04, 0.6, 0.5, 0.02),
        (4250, 10, 0.04, 0.6, 1, 0.04),
        (12000, 15, 0.06, 0.6, 1, 0.03),
        (12250, 15, 0.06, 0.6, 1, 1.9984e-16),
        (16000, 20, 0.02, 0.8, 1, 0.01),
        (16250, 20, 0.02, 0.8, 1, 2.7776e-13),
    ],
)
def test_strengths_are_those_of_the_published_logs(done, width, most, fall, rise, penalty):
    share, wide = done / 20000, width / 20000
    assert strength_at("tanh", share, 0.2, wide) == pytest.approx(rise, abs=1e-10)
    assert most * bump(share, 0.2, fall, wide) == pytest.approx(penalty, abs=2e-16, rel=1e-3)


@pytest.mark.parametrize("done, logged", [(3750, 0.7275), (4000, 0.74591), (16250, 2.5392)])
def test_the_exponential_schedule_is_that_of_the_published_log(done, logged):
    assert strength_at("exponential", done / 20000) == pytest.approx(logged, rel=1e-4)
