# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""pad_crop_flip against a plain loop, and the registry's refusals."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data import augmentation, pad_crop_flip
from nnabla_compress.errors import ConfigError


def _crops(image, pad, flip):
    """All images that one image can become."""
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)))
    height, width = image.shape[1:]
    for top in range(2 * pad + 1):
        for left in range(2 * pad + 1):
            crop = padded[:, top : top + height, left : left + width]
            yield crop.tobytes()
            if flip:
                yield np.ascontiguousarray(crop[:, :, ::-1]).tobytes()


@pytest.mark.parametrize("flip", [True, False])
def test_every_result_is_a_crop_and_every_crop_occurs(flip):
    image = np.arange(1, 2 * 3 * 4 + 1, dtype=np.uint8).reshape(2, 3, 4)
    x = np.repeat(image[np.newaxis], 2000, axis=0)
    out = pad_crop_flip(x, np.random.RandomState(1), pad=1, flip=flip)
    assert out.shape == x.shape and out.dtype == x.dtype
    assert {sample.tobytes() for sample in out} == set(_crops(image, 1, flip))


def test_images_stay_in_their_row_and_their_source_stays_as_it_is():
    x = np.random.RandomState(0).rand(8, 3, 6, 6).astype(np.float32)
    before = x.copy()
    out = pad_crop_flip(x, np.random.RandomState(1), pad=2)
    assert all(out[row].tobytes() in set(_crops(x[row], 2, True)) for row in range(8))
    assert (x == before).all()


def test_the_same_seed_gives_the_same_images():
    x = np.random.RandomState(0).rand(8, 3, 6, 6)
    one, two, other = (pad_crop_flip(x, np.random.RandomState(seed)) for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()


def test_vectors_and_negative_pads_are_refused():
    with pytest.raises(ConfigError, match="needs images"):
        pad_crop_flip(np.zeros((2, 3)), np.random.RandomState(0))
    with pytest.raises(ConfigError, match="pad=-1"):
        augmentation("pad_crop_flip", pad=-1)(np.zeros((2, 3, 4, 4)), np.random.RandomState(0))


def test_unknown_names_and_options_are_refused():
    with pytest.raises(ConfigError, match="unknown augmentation 'mixup'"):
        augmentation("mixup")
    with pytest.raises(ConfigError, match="no option 'padding'"):
        augmentation("pad_crop_flip", padding=4)
