# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which maps limit the outputs: the measured noise of each, and the rules that lift it."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.calibration import PostTrainingSettings, post_training_quantize


@pytest.fixture
def fragile(rng):
    """A network that multiplies small differences within its first map by 200."""
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 8, name="a"))
    y = PF.affine(F.relu(PF.affine(h, 8, name="b")), 3, name="c")
    own = nn.get_parameters()
    own["a/affine/b"].d = 50
    own["b/affine/W"].d = 200 * rng.randn(8, 8)
    own["b/affine/W"].d -= own["b/affine/W"].d.mean(axis=0)
    own["b/affine/b"].d = 500
    return x, y, rng.randn(128, 6).astype(np.float32)


def quantized(x, y, values, *activations):
    settings = PostTrainingSettings(activations=activations, seed=1)
    return post_training_quantize([y], [x], [values], settings)


def test_a_note_names_the_map_that_limits_the_outputs_and_its_rule_lifts_them(fragile):
    plain = "affine:bits=8,symmetric=false"
    before = quantized(*fragile, plain)
    (note,) = [note for note in before.notes if "limit the outputs" in note]
    assert "each by itself: a/affine/relu (" in note
    rule = note.split("-a '")[1].split("'")[0]
    assert rule == "a/affine/relu=affine:bits=16,symmetric=false"
    after = quantized(*fragile, plain, rule)
    best = [max(s.score.snr for s in result.steps if s.kept) for result in (before, after)]
    assert best[1] > best[0] + 6


def test_no_note_where_the_weights_make_the_noise(fragile):
    x, y, values = fragile
    settings = PostTrainingSettings(
        weights=("affine:bits=2",), activations=("affine:bits=16,symmetric=false",), rounding=False
    )
    result = post_training_quantize([y], [x], [values], settings)
    assert not any("limit the outputs" in note for note in result.notes)
