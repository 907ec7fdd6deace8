# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of whole numbers: NNabla and the C runtime compute the same values."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nnabla_compress import compress
from nnabla_compress.agreement import same_values
from nnabla_compress.data import Preprocessing
from nnabla_compress.data.images import read_image
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import LUT, Pow2, Uniform
from nnabla_compress.simulator import Machine
from nnabla_compress.targets.integer import EXACT_NOTE
from nnabla_compress.verification import Samples, verify_files
from nnabla_compress.verification.engines import NnpEngine
from tests.c_runtime import check_runtime
from tests.exporters.networks import random_network
from tests.properties import examples


def export(folder, y, x, **options):
    return export_nnp(folder / "net.nnp", y, x, target="integer", **options)


def both(folder, rows):
    """The exported network, what it computes in NNabla, and in the simulated runtime."""
    in_nnabla = NnpEngine(folder / "net.nnp", 1)
    machine = Machine(export_nnb(folder / "net.nnb", folder / "net.nnp"))
    check_runtime(folder / "net.nnb", [rows])
    return in_nnabla, in_nnabla.run([rows])[0], machine.run_many([rows])[0]


def assert_same_values(expected, got):
    assert same_values(expected, got).all()


def types_of(network):
    return Counter(f.info.type_name for f in functions(list(network.outputs.values())))


def rows_for(x, count=8, seed=1):
    return np.random.RandomState(seed).randn(count, *x.shape[1:]).astype(np.float32)


def quantized(x, name, **options):
    with nn.parameter_scope(name):
        return Uniform(**{"bits": 8, **options})(x)


@examples(12)
@given(seed=st.integers(0, 10**6))
@example(seed=56811)  # the last layer adds negative zeros only: -0 in NNabla, +0 on the runtime
@example(seed=20343)  # values on the border between two steps
@example(seed=29009)  # a kernel larger than its padded map
def test_random_networks_are_equal_value_for_value(tmp_path_factory, seed):
    nn.clear_parameters()
    x, y = random_network(seed)
    folder = tmp_path_factory.mktemp("net")
    report = export(folder, y, x)
    network, expected, got = both(folder, 2 * rows_for(x, seed=seed))
    # What is not exact is said: averages of cut windows, groups of inputs with several scales.
    assert network.exact == (EXACT_NOTE in report.notes)
    if network.exact:
        assert_same_values(expected, got)
    else:
        np.testing.assert_allclose(got, expected, rtol=0.05, atol=0.05 * np.abs(expected).max())


def test_a_layer_is_a_convolution_a_scale_and_a_bias(tmp_path):
    x = nn.Variable((1, 3, 6, 6))
    x.d = rows_for(x, 1)
    h = PF.convolution(quantized(x, "in"), 8, (3, 3), apply_w=Uniform(bits=8), name="c")
    y = quantized(F.relu(h), "a", signed=False)
    y.forward()
    export(tmp_path, y, x)
    network, _, _ = both(tmp_path, rows_for(x))
    types = types_of(network)
    assert types["Convolution"] == 1 and types["ReLU"] == 1
    assert "Affine" not in types


def test_with_steps_of_powers_of_two_it_is_the_trained_graph_value_for_value(tmp_path):
    x = nn.Variable((1, 2, 6, 6))
    x.d = rows_for(x, 1)
    weight = Uniform(bits=4, step="pow2")
    h = quantized(x, "in", step="pow2")
    h = PF.convolution(h, 8, (3, 3), apply_w=weight, name="c", with_bias=False)
    h = quantized(F.relu(h), "a", bits=4, signed=False, step="pow2")
    y = PF.affine(F.max_pooling(h, (2, 2)), 5, apply_w=LUT(bits=3, dictionary="pow2"), name="f")
    y.forward()
    export(tmp_path, y, x)
    rows = rows_for(x, 12)
    _, expected, got = both(tmp_path, rows)
    for row, value in zip(rows, got):
        x.d = row[np.newaxis]
        y.forward()
        assert_same_values(y.d[0], value)
    assert_same_values(expected, got)


def test_batch_normalization_goes_into_scale_and_bias(tmp_path):
    x = nn.Variable((1, 3, 6, 6))
    x.d = rows_for(x, 1)
    h = PF.convolution(quantized(x, "in"), 8, (3, 3), apply_w=Uniform(bits=4), name="c")
    h = PF.batch_normalization(h, batch_stat=False, name="bn")
    nn.get_parameters()["bn/bn/gamma"].d = np.linspace(-2, 2, 8).reshape(1, 8, 1, 1)
    nn.get_parameters()["bn/bn/beta"].d = np.linspace(1, -1, 8).reshape(1, 8, 1, 1)
    y = quantized(F.relu(h), "a", signed=False)
    y.forward()
    report = export(tmp_path, y, x)
    network, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert types_of(network)["Mul2"] == 1 and types_of(network)["Add2"] == 1
    assert_same_values(expected, got)


def test_sums_above_2_to_the_24_are_added_in_pieces_that_are_exact(tmp_path):
    x = nn.Variable((1, 128, 2, 2))
    x.d = np.abs(rows_for(x, 1))
    weight = Uniform(bits=12, max_bits=12)
    w_init = np.full((4, 128, 1, 1), 0.9, np.float32)
    w_init[:, ::3] = 1.0
    h = quantized(x, "in", bits=8, signed=False)
    y = PF.convolution(h, 4, (1, 1), apply_w=weight, name="c", w_init=w_init)
    y.forward()
    report = export(tmp_path, y, x)
    network, expected, got = both(tmp_path, np.abs(rows_for(x)) * 3)
    assert report.notes == (EXACT_NOTE,)
    assert types_of(network)["Convolution"] > 1
    assert_same_values(expected, got)


def test_a_layer_whose_sums_are_too_large_for_any_piece_stays_float(tmp_path):
    x = nn.Variable((1, 2, 6, 6))
    x.d = rows_for(x, 1)
    h = quantized(x, "in", bits=16, max_bits=16)
    w = nn.parameter.get_parameter_or_create("d/W", (2, 3, 3), initializer=np.ones((2, 3, 3)))
    with nn.parameter_scope("d"):
        y = F.depthwise_convolution(h, Uniform(bits=12, max_bits=12)(w))
    y.forward()
    report = export(tmp_path, y, x)
    assert report.notes == (
        "layer d adds floats: its sums may exceed 2^24, up to which they are exact",
    )


def test_inputs_of_several_scales_are_added_one_after_the_other(tmp_path):
    x = nn.Variable((1, 2, 6, 6))
    x.d = rows_for(x, 1)
    h = quantized(x, "in")
    parts = [
        quantized(PF.convolution(h, 4, (1, 1), apply_w=Uniform(4), name=name), f"a{name}", bits=4)
        for name in ("p", "q")
    ]
    joined = F.max_pooling(F.concatenate(*parts, axis=1), (2, 2))
    h = PF.convolution(joined, 4, (3, 3), apply_w=Uniform(4), name="c")
    y = PF.affine(joined, 3, apply_w=Uniform(4), name="f") + PF.affine(
        quantized(h, "ac"), 3, apply_w=Uniform(4), name="g"
    )
    y.forward()
    report = export(tmp_path, y, x)
    network, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert types_of(network)["Convolution"] == 7
    assert_same_values(expected, got)


@pytest.mark.parametrize("group", [2, 8])
def test_groups_of_channels_keep_the_scale_of_their_part(tmp_path, group):
    x = nn.Variable((1, 4, 6, 6))
    x.d = rows_for(x, 1)
    h = F.concatenate(quantized(x, "a"), quantized(3 * x, "b", bits=5), axis=1)
    options = {"apply_w": Uniform(4), "name": "g"}
    h = PF.convolution(h, 16, (3, 3), group=group, **options)
    w_init = np.linspace(-1, 1, 288).reshape(32, 3, 3)
    w = nn.parameter.get_parameter_or_create("d/W", (32, 3, 3), w_init)
    with nn.parameter_scope("d"):
        joined = F.concatenate(quantized(h, "c"), quantized(-2 * h, "e", bits=6), axis=1)
        y = F.depthwise_convolution(joined, Uniform(6)(w))
    y.forward()
    report = export(tmp_path, y, x)
    _, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert report.largest_difference < 1e-2
    assert_same_values(expected, got)


def test_a_group_over_several_scales_stays_float(tmp_path):
    x = nn.Variable((1, 3, 6, 6))
    x.d = rows_for(x, 1)
    h = F.concatenate(quantized(x, "a"), quantized(3 * x, "b", bits=5), axis=1)
    y = PF.convolution(h, 6, (3, 3), group=2, apply_w=Uniform(4), name="g")
    z = PF.convolution(h, 6, (3, 3), group=3, apply_w=Uniform(4), name="h")
    F.add2(y, z).forward()
    report = export(tmp_path, F.add2(y, z), x)
    assert report.notes == ("layer h/conv adds floats: a group of its channels has several scales",)


def test_averages_are_sums_so_that_the_next_layer_is_exact(tmp_path):
    x = nn.Variable((1, 4, 6, 6))
    x.d = rows_for(x, 1)
    h = F.global_average_pooling(quantized(x, "in"))
    y = PF.affine(h, 3, apply_w=Uniform(8), name="f")
    y.forward()
    export(tmp_path, y, x)
    network, expected, got = both(tmp_path, rows_for(x))
    assert network.exact and "SumPooling" in types_of(network)
    assert_same_values(expected, got)


def test_activations_of_powers_of_two_are_on_a_grid(tmp_path):
    x = nn.Variable((1, 2, 4, 4))
    x.d = rows_for(x, 1)
    with nn.parameter_scope("in"):
        h = Pow2(bits=4)(x)
    y = PF.convolution(h, 3, (3, 3), apply_w=Uniform(4), name="c")
    y.forward()
    report = export(tmp_path, y, x)
    _, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert_same_values(expected, got)


def test_an_input_without_quantizer_is_rounded_finely_if_there_are_samples(tmp_path):
    x = nn.Variable((1, 3, 8, 8))
    x.d = rows_for(x, 1)
    h = PF.convolution(x * 0.5 + 0.25, 4, (3, 3), apply_w=Uniform(8), name="c")
    y = PF.affine(quantized(F.relu(h), "a", signed=False), 3, apply_w=Uniform(8), name="f")
    y.forward()
    report = export(tmp_path, y, x, samples={"x": rows_for(x, 40)})
    _, expected, got = both(tmp_path, rows_for(x))
    assert "is rounded to multiples of" in report.notes[0]
    assert report.notes[1] == EXACT_NOTE
    assert report.largest_difference < 0.02
    assert_same_values(expected, got)


def test_a_layer_that_stays_float_is_named_with_the_reason(tmp_path):
    x = nn.Variable((1, 3, 8, 8))
    x.d = rows_for(x, 1)
    h = PF.convolution(x, 4, (3, 3), apply_w=Uniform(8), name="c1")
    h = PF.convolution(quantized(h, "a1"), 4, (3, 3), name="c2")
    h = PF.convolution(quantized(h, "a2"), 4, (3, 3), apply_w=LUT(bits=4), name="c3")
    y = F.softmax(F.reshape(quantized(h, "a3"), (1, -1)))
    y.forward()
    report = export(tmp_path, y, x)
    assert report.notes[:3] == (
        "layer c1/conv adds floats: its input is not quantized",
        "layer c2/conv adds floats: its weight is not quantized",
        "layer c3/conv adds floats: the values of its weight lie on no grid; "
        "snap its dictionary, or train it with grid_bits",
    )
    assert report.notes[3].startswith("Softmax behind layer c3/conv: ")
    assert not NnpEngine(tmp_path / "net.nnp").exact


def test_a_free_dictionary_is_exact_once_it_is_snapped(tmp_path):
    x = nn.Variable((1, 3, 8, 8))
    x.d = rows_for(x, 1)
    y = PF.convolution(quantized(x, "in"), 4, (3, 3), apply_w=LUT(bits=4), name="c")
    y.forward()
    report = export(tmp_path, y, x, snap_dictionary=True)
    _, expected, got = both(tmp_path, rows_for(x))
    assert EXACT_NOTE in report.notes and "integer grid" in report.notes[0]
    assert_same_values(expected, got)


@pytest.mark.parametrize("storage", ["int8", "packed", "dictionary_planes", "float"])
def test_every_storage_decodes_to_the_same_network(tmp_path, storage):
    x = nn.Variable((1, 4, 6, 6))
    x.d = rows_for(x, 1)
    h = PF.convolution(quantized(x, "in"), 8, (3, 3), apply_w=LUT(bits=4, grid_bits=8), name="c")
    y = PF.affine(quantized(h, "a"), 3, apply_w=Uniform(4), name="f")
    y.forward()
    report = export(tmp_path, y, x, storage=storage)
    _, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert report.largest_difference < 1e-6
    assert_same_values(expected, got)


def test_two_layers_may_share_a_weight(tmp_path):
    x = nn.Variable((1, 6))
    x.d = rows_for(x, 1)
    h = quantized(x, "in")
    for number in range(2):
        h = quantized(PF.affine(h, 6, apply_w=Uniform(4), name="shared"), f"a{number}")
    h.forward()
    report = export(tmp_path, h, x)
    _, expected, got = both(tmp_path, rows_for(x))
    assert report.notes == (EXACT_NOTE,)
    assert_same_values(expected, got)


def data(name):
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    return Path(os.environ["NNABLA_COMPRESS_DATA"]) / name


def cifar_images(count):
    pytest.importorskip("PIL.Image")
    pixels = read_image(data("cifar10") / "test-00.webp")[:, :32]
    images = pixels.reshape(3, 32, -1, 32).transpose(2, 0, 1, 3)[:count]
    return Preprocessing(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(images)


@pytest.mark.long
def test_a_trained_resnet_of_4_bit_weights_is_exact_as_a_whole(tmp_path):
    images = cifar_images(24)
    x = nn.Variable((16, 3, 32, 32))
    y = NnpFile(data("models") / "resnet20_cifar10.nnp")(x, True)
    y = compress(y, {"weights": ["uniform:bits=4"], "activations": ["uniform:bits=8"]})
    x.d = images[:16]
    y.forward()
    report = export(tmp_path, y, x, samples={"x": images[:16]})
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    found = verify_files(tmp_path / "net.nnp", nnb, Samples([images[16:]], "images"))
    comparison = found.comparisons[0]
    assert report.notes[-1] == EXACT_NOTE
    assert comparison.promise.equal and found.kept
    assert found.warnings == []
    assert nnb.stat().st_size < 160_000


def test_a_new_parameter_is_not_called_as_a_scope(tmp_path):
    """A layer called b, and a bias that lies beside no weight: NNabla holds one of the two."""
    x = nn.Variable((1, 3, 8, 8))
    h = F.relu(PF.convolution(x, 8, (3, 3), apply_w=Uniform(bits=5), name="a"))
    y = PF.affine(h, 4, apply_w=Uniform(bits=5), name="b")
    y.forward()
    report = export_nnp(
        tmp_path / "net.nnp",
        y,
        x,
        target="integer",
        samples={"x": np.random.RandomState(0).randn(16, 3, 8, 8).astype(np.float32)},
    )
    assert report.any_batch_size
