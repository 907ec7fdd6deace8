# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channel-sparse networks come out dense, smaller and equal."""

from __future__ import annotations

import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.couplings import Couplings, as_network, couplings
from nnabla_compress.analysis.idle_channels import idle_channels
from nnabla_compress.analysis.zero_channels import zero_channels
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.transforms import Shrink, costs_after, remove_channels, shrink
from nnabla_compress.transforms.transform import Alone
from tests.analysis.test_constant_entries import some_zeros
from tests.graph.networks import build, randomize_statistics, recipes
from tests.properties import examples
from tests.transforms.removal import assert_close, computed, put_to_zero, shapes, some_of_all

DATA = os.environ.get("NNABLA_COMPRESS_DATA")


def value(name):
    return nn.get_parameters(grad_only=False)[name].d


def shrunk(y):
    """The smaller network, which computes the same."""
    network = as_network(y)
    before = computed(network)
    smaller = shrink(network)
    assert_close(before, computed(smaller))
    return smaller


@examples(20, derandomize=True)
@given(recipes())
def test_random_networks_with_zeros_compute_the_same(recipe):
    steps, _, seed = recipe
    nn.clear_parameters()
    x = nn.Variable((1, 4, 6, 6))
    h = build((steps, False, seed), F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first")))
    h = F.relu(PF.convolution(F.relu(h), 5, (1, 1), name="second"))
    y = PF.affine(h, 3, name="third")
    randomize_statistics(seed)
    some_zeros(np.random.RandomState(seed))
    before = {path: int(np.prod(shape)) for path, shape in shapes(as_network(y)).items()}
    found = idle_channels(Couplings(as_network(y)))
    after = {path: int(np.prod(shape)) for path, shape in shapes(shrunk(y)).items()}
    smaller = any(after[path] < size for path, size in before.items())
    assert smaller == bool(found.remove)


def constant_channel(with_bias, normalized):
    x = nn.Variable((2, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
    h = PF.convolution(h, 5, (3, 3), with_bias=with_bias, name="b")
    if normalized:
        h = PF.batch_normalization(h, batch_stat=False, name="n")
    y = PF.affine(F.relu(h), 3, name="c")
    randomize_statistics()
    value("a/conv/W")[2] = 0
    value("a/conv/b")[2] = 0.7
    return y


@pytest.mark.parametrize(
    "with_bias, normalized, moved",
    [(True, False, "b/conv/b"), (False, True, "n/bn/mean"), (False, False, "b/conv/b")],
)
def test_a_constant_moves_to_a_bias_or_to_a_mean_or_gets_a_bias(with_bias, normalized, moved):
    y = constant_channel(with_bias, normalized)
    before = {path: v.d.copy() for path, v in nn.get_parameters(grad_only=False).items()}
    smaller = shrunk(y)
    after = smaller.parameters
    assert after["a/conv/W"].shape == (3, 3, 3, 3) and after["b/conv/W"].shape == (5, 3, 3, 3)
    changed = {
        path
        for path, v in after.items()
        if path not in before or (v.shape == before[path].shape and (v.d != before[path]).any())
    }
    assert changed == {moved}


def test_a_masked_network_shrinks_to_the_one_that_removal_makes():
    x = nn.Variable((1, 3, 8, 8))

    def make():
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(3)
        h = F.relu(PF.convolution(x, 8, (3, 3), pad=(1, 1), name="a"))
        h = F.relu(h + PF.convolution(h, 8, (3, 3), pad=(1, 1), name="b"))
        return as_network(PF.affine(h, 5, name="c"))

    remove = {"a/conv": [0, 3, 4]}
    masked = make()
    put_to_zero(masked, remove)
    smaller = shrink(masked)
    values = {path: v.d.copy() for path, v in smaller.parameters.items()}
    removed = remove_channels(make(), remove)
    for path, v in removed.parameters.items():
        np.testing.assert_array_equal(values[path], v.d)
    assert not zero_channels(smaller.all_outputs)


def test_what_is_decided_says_all_and_is_told():
    network = as_network(constant_channel(True, False))
    lines = []

    class Told:
        seed = 0
        tell = lines.append

    decided = Shrink().decide(network, Told())
    assert decided["remove"] == {"a/conv": [2]} and list(decided["shifts"]) == ["b/conv"]
    assert lines == ["shrink: takes out channels that are computed for nothing: 1 of a/conv"]
    again = network.copy()
    with again.within():
        made = Shrink().replay(again, decided)
    assert_close(computed(network), computed(made))


def test_a_network_without_such_channels_stays_and_that_is_told():
    network = as_network(
        PF.affine(F.relu(PF.affine(nn.Variable((1, 4)), 3, name="a")), 2, name="b")
    )
    lines = []

    class Told:
        seed = 0
        tell = lines.append

    made, decided = Shrink().apply(network, Told())
    assert decided == {"remove": {}, "shifts": {}}
    assert lines == ["shrink: no channel is computed for nothing that could go"]
    assert_close(computed(network), computed(made))


def test_pruned_weights_count_as_they_are_quantized():
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 4, apply_w=Q.Prune(0.5), name="a", with_bias=False))
    y = PF.affine(h, 3, name="b")
    value("a/affine/W")[:, 1:3] *= 1e-3
    network = as_network(y)
    before = computed(network)
    smaller = shrink(network)
    assert shapes(smaller)["a/affine/prune/mask"] == (6, 2)
    assert_close(before, computed(smaller))


def test_channels_whose_quantizer_would_change_what_stays_stay_themselves():
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 4, name="a"))
    y = PF.affine(h, 3, apply_w=Q.BinaryWeight(axis=1), name="b")
    value("a/affine/W")[:, 1] = 0
    y.forward()
    _, decided = Shrink().apply(as_network(y))
    assert decided["remove"] == {}


@pytest.mark.skipif(not DATA, reason="NNABLA_COMPRESS_DATA is not set")
@pytest.mark.parametrize("name", ["resnet20_cifar10", "mlperf_tiny_kws_dscnn"])
def test_stored_networks_with_half_of_their_inner_channels_at_zero_shrink(name):
    network = NnpFile(Path(DATA) / "models" / f"{name}.nnp").build()
    remove = some_of_all(network, np.random.RandomState(0), inner=True)
    put_to_zero(network, remove)
    before = computed(network)
    expected = costs_after(network, remove)
    smaller = shrink(network)
    assert costs_after(smaller, {}) == expected
    assert_close(before, computed(smaller))
    sizes = {group.name: group.size for group in couplings(smaller)}
    assert all(2 * sizes[key] == sizes[key] + len(some) for key, some in remove.items())


def test_only_channels_whose_quantizer_looks_at_all_weights_stay():
    nn.clear_parameters()
    x = nn.Variable((2, 3, 6, 6))
    h = PF.convolution(x, 4, (3, 3), apply_w=Q.DoReFa(bits=3), with_bias=False, name="a")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="a"))
    h = F.relu(PF.convolution(h, 4, (3, 3), name="b"))
    network = Network({"x": x}, {"y": PF.affine(h, 2, name="fc")})
    network.parameters["a/bn/gamma"].d = np.float32([0, 1, 1, 1]).reshape(1, 4, 1, 1)
    network.parameters["a/conv/W"].d[0, 0, 0, 0] = 9  # the largest of all
    network.parameters["b/conv/W"].d[1:3] = 0
    network.output.forward()  # the quantizer starts
    expected = np.array(network.output.d)
    told = []
    context = Alone()
    context.tell = told.append
    made, decided = Shrink().apply(network, context)
    assert decided["remove"] == {"b/conv": [1, 2]}
    assert "shrink: 1 constant channels of a/conv stay: DoReFa takes values from all" in told[1]
    made.output.forward()
    np.testing.assert_allclose(made.output.d, expected, rtol=1e-4, atol=1e-6)
