# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a step of post-training quantization is judged by."""

from __future__ import annotations

import math

from nnabla_compress.agreement import Agreement
from nnabla_compress.calibration.steps import Step, step_rows

FOUND = Agreement(0.5, 0.5, 0.1, 0.1, snr=20.0, same_class=1.0, kl=0.25)


def test_it_is_the_ratio_of_the_outputs_the_divergence_or_the_ratio_of_the_weights():
    step = Step("quantized", FOUND, 40.0, True, 1.0)
    assert (step.merit("snr"), step.merit("kl")) == (20.0, -0.25)
    assert Step("quantized", None, 40.0, True, 1.0).merit("kl") == 40.0
    assert str(step) == "quantized: 20.00 dB, divergence 0.25"


def test_outputs_that_are_not_finite_where_the_others_are_have_no_merit():
    step = Step("quantized", Agreement(0.5, 0.5, math.inf, math.inf, snr=20.0), 40.0, True, 1.0)
    assert math.isnan(step.merit("snr")) and not step.merit("snr") > float("-inf")
    assert math.isnan(step_rows([step])[0]["output_snr"])
