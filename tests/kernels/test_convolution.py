# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnabla_compress.kernels import convolution as kernels
from nnabla_compress.kernels.convolution import Geometry

IMAGE = (7, 9)
CASES = [
    (Geometry(IMAGE, kernel, pad, stride, dilation, group), channels, outputs)
    for kernel, pad, stride, dilation, (group, channels, outputs) in itertools.product(
        [(1, 1), (3, 3), (2, 5)],
        [(0, 0), (1, 1), (2, 0)],
        [(1, 1), (2, 2), (1, 3)],
        [(1, 1), (2, 1)],
        [(1, 3, 5), (2, 4, 6), (4, 4, 4)],
    )
]


def taps(geometry):
    """Each tap with the pixels of the padded image that it meets."""
    height, width = geometry.output
    for y, x in np.ndindex(*geometry.kernel):
        top, left = y * geometry.dilation[0], x * geometry.dilation[1]
        down, right = geometry.stride
        rows = slice(top, top + (height - 1) * down + 1, down)
        yield y, x, rows, slice(left, left + (width - 1) * right + 1, right)


def plain(x, w, dy, geometry):
    """Output and gradients of input and weight, summed tap by tap in float64."""
    (up, side), group = geometry.pad, geometry.group
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (up, up), (side, side)))
    out, d_padded, dw = np.zeros(dy.shape), np.zeros(padded.shape), np.zeros(w.shape)
    inputs, outputs = x.shape[1] // group, w.shape[0] // group
    for g in range(group):
        c, o = slice(g * inputs, (g + 1) * inputs), slice(g * outputs, (g + 1) * outputs)
        for ky, kx, rows, columns in taps(geometry):
            seen, weight = padded[:, c, rows, columns], w[o, :, ky, kx].astype(np.float64)
            out[:, o] += np.einsum("ncyx,oc->noyx", seen, weight)
            d_padded[:, c, rows, columns] += np.einsum("noyx,oc->ncyx", dy[:, o], weight)
            dw[o, :, ky, kx] = np.einsum("ncyx,noyx->oc", seen, dy[:, o])
    height, width = x.shape[2:]
    return out, d_padded[:, :, up : up + height, side : side + width], dw


def arrays(geometry, channels, outputs, samples=3):
    rng = np.random.RandomState(0)
    x = rng.randn(samples, channels, *geometry.image).astype(np.float32)
    w = rng.randn(outputs, channels // geometry.group, *geometry.kernel).astype(np.float32)
    return x, w, rng.randn(samples, outputs, *geometry.output).astype(np.float32)


def computed(x, w, dy, geometry):
    out, dx = np.full(dy.shape, np.nan, np.float32), np.full(x.shape, np.nan, np.float32)
    kernels.convolve(x, w, geometry, out)
    kernels.input_gradient(dy, w, geometry, dx, False)
    return out, dx, kernels.weight_gradient(x, dy, geometry, w.shape)


@pytest.mark.parametrize(("geometry", "channels", "outputs"), CASES)
def test_output_and_gradients_are_the_sums_over_all_taps(geometry, channels, outputs):
    given = arrays(geometry, channels, outputs)
    for got, want in zip(computed(*given, geometry), plain(*given, geometry)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_images_are_walked_in_chunks_whose_last_may_be_smaller():
    geometry = Geometry((20, 20), (3, 3), (1, 1), (1, 1), (1, 1), 1)
    given = arrays(geometry, 2, 4, samples=11)
    assert kernels._images(kernels._forward_rows(geometry, 2)[0], 11) == 4
    for got, want in zip(computed(*given, geometry), plain(*given, geometry)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_an_image_larger_than_a_stretch_of_rows_is_walked_in_stretches():
    geometry = Geometry((50, 60), (3, 3), (1, 1), (1, 1), (1, 1), 1)
    given = arrays(geometry, 2, 4, samples=2)
    for got, want in zip(computed(*given, geometry), plain(*given, geometry)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
def test_the_gradient_of_the_input_is_added_where_asked(kernel, stride):
    geometry = Geometry(IMAGE, kernel, (0, 0), stride, (1, 1), 1)
    x, w, dy = arrays(geometry, 2, 3)
    fresh, added = np.empty_like(x), np.ones_like(x)
    kernels.input_gradient(dy, w, geometry, fresh, False)
    kernels.input_gradient(dy, w, geometry, added, True)
    np.testing.assert_array_equal(added, 1 + fresh)


def test_both_ways_to_run_them_give_the_same_bits(monkeypatch):
    geometry = Geometry((12, 12), (3, 3), (1, 1), (1, 1), (1, 1), 1)
    given = arrays(geometry, 5, 7, samples=32)
    alone = computed(*given, geometry)
    for kernel in (kernels._sums_of_rows, kernels._row_products):
        monkeypatch.setattr(kernel, "alone", kernel.together)
    for one, other in zip(alone, computed(*given, geometry)):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(value):
    geometry = Geometry((4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1)
    x, w, dy = arrays(geometry, 1, 1)
    x[0, 0, 1, 1] = value
    out = np.empty_like(dy)
    kernels.convolve(x, w, geometry, out)
    assert not np.isfinite(out[0, 0, :3, :3]).any()
    assert np.isfinite(out[1:]).all()
