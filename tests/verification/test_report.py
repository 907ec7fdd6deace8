# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Promises: what counts as kept, and what is said of broken ones."""

from __future__ import annotations

import json

import pytest

from nnabla_compress.agreement import Agreement
from nnabla_compress.errors import VerifyError
from nnabla_compress.verification import Comparison, Verification
from nnabla_compress.verification.report import EQUAL, NOTHING, SINGLE_STEPS, within

CLOSE = Agreement(0.9, 0.9, largest=1e-6, root_mean_square=1e-7, snr=140.0, same_class=1.0)
FAR = Agreement(0.0, 0.0, largest=0.5, root_mean_square=0.2, same_class=0.5)
SAME = Agreement(1.0, 0.5, largest=0.0, root_mean_square=0.0, snr=300.0, kl=0.0)


@pytest.mark.parametrize(
    "promise, kept",
    [
        (EQUAL, [False, False, True]),
        (within(1e-5), [True, False, True]),
        (SINGLE_STEPS, [True, False, True]),
        (NOTHING, [True, True, True]),
    ],
)
def test_a_promise_knows_what_keeps_it(promise, kept):
    assert [promise.kept(found) for found in (CLOSE, FAR, SAME)] == kept


def verification(promise):
    comparison = Comparison("graph", "simulator", promise, {"w": SAME, "y": CLOSE, "z": FAR})
    return Verification({".nnp": "net.nnp"}, "somewhere", 3, (comparison,), {"graph": 0.5}, ("w",))


def test_a_broken_promise_is_named_with_its_output():
    with pytest.raises(VerifyError, match="graph and simulator differ in output z by 0.5") as error:
        verification(within(1e-5)).check()
    assert "output y" not in str(error.value)
    verification(NOTHING).check()


def test_it_can_be_written_as_json():
    found = json.loads(json.dumps(verification(EQUAL).as_dict()))
    assert found["kept"] is False
    assert found["samples"] == {"from": "somewhere", "count": 3}
    assert [output["output"] for output in found["comparisons"][0]["outputs"]] == ["w", "y", "z"]
    keys = ["output", "equal", "largest", "root_mean_square", "same_class", "snr", "bit_equal"]
    assert list(found["comparisons"][0]["outputs"][0]) == keys
    assert [output["snr"] for output in found["comparisons"][0]["outputs"]] == [300, 140, None]
