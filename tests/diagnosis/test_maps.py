# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.diagnosis.maps import kept_maps, noises, shown_maps, snr_by_channel
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Uniform


def network(bits):
    x = nn.Variable((1, 8))
    h = F.relu(PF.affine(x, 6, name="a"))
    if bits:
        with nn.parameter_scope(f"q{bits}"):
            h = Uniform(bits, signed=False, initial_step=4 / 2**bits)(h)
    return Network({"x": x}, {"y": PF.affine(h, 3, name="b")})


def test_fewer_bits_of_a_map_are_more_noise_in_it_and_behind_it():
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(0)
    before = network(0)
    samples = {"x": np.random.RandomState(0).randn(70, 8).astype(np.float32)}
    maps = kept_maps(before, samples)
    assert {name: found.shape for name, found in maps.items()} == {
        "a/affine/relu": (70, 6),
        "output": (70, 3),
    }
    found = {bits: noises(maps, kept_maps(network(bits), samples)) for bits in (3, 6)}
    assert [each.name for each in found[3]] == ["a/affine/relu", "output"]
    for few, many in zip(found[3], found[6]):
        assert 5 < few.snr < many.snr < 60


def test_of_a_quantized_map_it_is_what_the_quantizer_leaves():
    nn.clear_parameters()
    quantized = network(4)
    assert shown_maps(quantized)["a/affine/relu"].parent.info.type_name.endswith("Uniform")


def test_the_ratio_is_that_of_the_energies_where_channels_keep_their_scale():
    rng = np.random.RandomState(0)
    m = rng.randn(2000, 3, 4)
    q = m + 0.1 * rng.randn(*m.shape)
    assert snr_by_channel(m, q) == pytest.approx(20, abs=0.1)
    scaled = q * np.array([1.0, 7.0, 0.2])[:, None]
    assert snr_by_channel(m, scaled) == pytest.approx(20, abs=0.2)
    assert snr_by_channel(m, -m) < 0 < snr_by_channel(m, m) == 300


def test_maps_of_other_shapes_are_left_out():
    m = np.ones((2, 3))
    assert noises({"a": m, "b": m}, {"a": np.ones((2, 2)), "b": m, "c": m})[0].name == "b"
