# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks with one planted fault each: it is found, and found first; a sound one has none."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.diagnosis.diagnose import diagnose
from nnabla_compress.diagnosis.finding import checks
from nnabla_compress.diagnosis.named_samples import NamedSamples
from tests.diagnosis.planted import case, samples


def outlier(w):
    w[0, 0] = 40 * np.abs(w).max()
    return w


def spread(axis):
    factors = np.float32(np.logspace(0, 2.2, 16))
    return lambda w: w * factors if axis else w / factors[:, None]


def rare(arrays):
    arrays["x"][0] *= 200  # one sample of 256
    return arrays


KNOWN = [{"name": "x", "low": -4.0, "high": 4.0, "mean": 0.0, "std": 1.0}]
PLANTED = {
    "coarse": dict(bits={"b": 2}),
    "saturation": dict(map_range=(0.0, 0.4)),
    "map outliers": dict(arrays=rare(samples(256)), map_bits=4),
    "weight outliers": dict(weights={"b": outlier}, bits=dict.fromkeys("abc", 4), map_bits=16),
    "dead channels": dict(biases={"a": [-90.0] * 6 + [0.0] * 10}),
    "equalization": dict(
        weights={"a": spread(1), "b": spread(0)}, bits=dict.fromkeys("abc", 6), map_bits=16
    ),
    "preprocessing": dict(arrays=samples(scale=255.0), known=KNOWN),
}


def test_every_check_has_a_network_with_its_fault():
    assert set(PLANTED) == set(checks())


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_first_with_a_command(fault):
    found = diagnose(case(place="out", samples_named=NamedSamples("more.npz"), **PLANTED[fault]))
    assert found.findings and found.findings[0].check == fault, found.findings
    first = found.findings[0]
    assert first.command.startswith("nnabla-compress ") and first.text.endswith(".")
    assert len({finding.title for finding in found.findings}) == len(found.findings)


def test_a_sound_network_has_no_findings():
    found = diagnose(case(known=KNOWN))
    assert found.findings == [] and found.snr > 30 and found.samples == 64


def test_a_planted_fault_is_named_with_its_place():
    (first, *_) = diagnose(case(**PLANTED["coarse"])).findings
    assert "b/affine" in first.title and "-w b/affine=affine:bits=4 " in first.command
    (first, *_) = diagnose(case(**PLANTED["dead channels"])).findings
    assert "6 of 16" in first.text and "a/affine=0.375" in first.command


def test_inputs_that_batch_normalization_does_not_know_are_found_without_a_record_of_the_run():
    planted = case(normalized=True, arrays=samples(scale=255.0))
    scope = nn.get_parameters(grad_only=False)
    assert scope["bn/bn/mean"].shape == (1, 16)
    (first, *_) = diagnose(planted).findings
    assert first.check == "preprocessing" and "batch normalization" in first.text


def test_a_few_loud_samples_are_no_other_scale():
    arrays = samples(64)
    arrays["x"][:2] *= 300
    found = diagnose(case(normalized=True, arrays=arrays, known=KNOWN)).findings
    assert "preprocessing" not in [finding.check for finding in found]
