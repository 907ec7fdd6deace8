# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnabla_compress.simulator.geometry import convolution_taps, deconvolution_taps, output_shape


@pytest.mark.parametrize("seed", range(20))
def test_taps_of_a_convolution_are_those_inside_the_image(seed):
    rng = np.random.RandomState(seed)
    kernel, pad, stride, dilation = (rng.randint(low, 4, 2).tolist() for low in (1, 0, 1, 1))
    image = [(k - 1) * d + rng.randint(1, 4) for k, d in zip(kernel, dilation)]
    shape = output_shape(image, kernel, pad, stride, dilation)
    apart = convolution_taps(shape, image, kernel, pad, stride, dilation)
    assert apart.rows.dtype == apart.columns.dtype == np.int32
    taps = apart.flat()
    assert taps.shape == (np.prod(shape), np.prod(kernel)) and apart.positions == len(taps)
    for p, (i, j) in enumerate(itertools.product(*map(range, shape))):
        for t, (a, b) in enumerate(itertools.product(*map(range, kernel))):
            y, x = (
                o * s + k * d - e for o, s, k, d, e in zip((i, j), stride, (a, b), dilation, pad)
            )
            inside = 0 <= y < image[0] and 0 <= x < image[1]
            assert taps[p, t] == (y * image[1] + x if inside else -1)


@pytest.mark.parametrize("seed", range(20))
def test_taps_of_a_deconvolution_undo_those_of_a_convolution(seed):
    rng = np.random.RandomState(seed)
    kernel, stride, dilation = (rng.randint(1, 4, 2).tolist() for _ in range(3))
    pad = [int(rng.randint(0, d * (k - 1) // 2 + 1)) for k, d in zip(kernel, dilation)]
    spatial = rng.randint(1, 4, 2).tolist()
    output = [
        s * (n - 1) + d * (k - 1) + 1 - 2 * p
        for n, k, s, d, p in zip(spatial, kernel, stride, dilation, pad)
    ]
    if min(output) < 1:
        output = [max(n, 1) for n in output]
    taps = deconvolution_taps(output, spatial, kernel, pad, stride, dilation).flat()
    # A convolution of the output reads position q with tap t exactly where q writes with tap t;
    # taps of the deconvolution run backwards.
    forward = convolution_taps(spatial, output, kernel, pad, stride, dilation).flat()
    pairs = {(q, t, p) for q, row in enumerate(forward) for t, p in enumerate(row) if p >= 0}
    last = int(np.prod(kernel)) - 1
    found = {(q, last - t, p) for p, row in enumerate(taps) for t, q in enumerate(row) if q >= 0}
    assert found == pairs
