# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""LUT-Q's quantizer: options, initialisation, k-means step, constraints, encoding, gradients."""

from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError, TrainingError, unwrap
from nnabla_compress.quantizers.dictionaries import (
    nearest_on_grid,
    nearest_power_of_two,
    prune_threshold,
)
from nnabla_compress.quantizers.dictionary_start import initial_dictionary
from nnabla_compress.quantizers.lut import k_means_step, project
from tests.properties import examples

KINDS = {
    "free": dict(bits=3),
    "free with zero": dict(bits=3, zero=True),
    "free and pruned": dict(bits=3, prune=0.4),
    "8 bits pruned": dict(bits=8, prune=0.4),
    "pow2": dict(bits=3, dictionary="pow2"),
    "pow2 with zero": dict(bits=3, dictionary="pow2", zero=True),
    "pow2 and pruned": dict(bits=3, dictionary="pow2", prune=0.4),
    "binary": dict(dictionary="binary"),
    "fixed binary": dict(dictionary="binary", scaled=False),
    "ternary": dict(dictionary="ternary"),
    "fixed ternary": dict(dictionary="ternary", scaled=False),
    "ternary and pruned": dict(dictionary="ternary", prune=0.4),
    "grid": dict(bits=3, grid_bits=8),
    "grid with zero": dict(bits=3, grid_bits=8, zero=True),
    "grid and pruned": dict(bits=3, grid_bits=4, prune=0.4),
    "grid of ternary": dict(dictionary="ternary", grid_bits=8),
}
every_kind = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())


def quantize(weights, options, scope="layer"):
    """Returns W and Q of a weight of these values in a scope of its own."""
    weights = np.asarray(weights, np.float32)
    with nn.parameter_scope(scope):
        weight = get_parameter_or_create("W", weights.shape, weights)
        return weight, Q.LUT(**options)(weight)


def state(q):
    """Returns the dictionary and the assignments as arrays."""
    return q.parent.inputs[1].d.copy(), q.parent.inputs[2].d.copy()


def update(q, steps=1):
    """What the solver does after it changed the weight."""
    Q.LUT.after_update(q.parent.info.args, q.parent.inputs, steps)


def assert_same_bits(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def powers_of_two(values):
    return np.abs(np.frexp(np.asarray(values, np.float64))[0]) == 0.5


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [0, 9, -1, 2.0, "4", True])
def test_bits_outside_1_to_8_are_refused_with_their_value(bits):
    with pytest.raises(ConfigError, match=f"bits is {bits!r}".replace(".", r"\.")) as caught:
        Q.LUT(bits=bits)
    assert "1 to 8" in str(caught.value)


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(dictionary="pow3"), "pow3"),
        (dict(dictionary="binary", bits=2), "takes 1 bit"),
        (dict(dictionary="ternary", bits=3), "takes 2 bit"),
        (dict(dictionary="binary", prune=0.5), "no zero"),
        (dict(dictionary="binary", zero=True), "no zero"),
        (dict(bits=4, grid_bits=3), "can't hold 16"),
        (dict(bits=2, grid_bits=1), "grid_bits is 1"),
        (dict(bits=2, grid_bits=17), "grid_bits is 17"),
        (dict(bits=2, grid_bits=8.5), "grid_bits is 8.5"),
        (dict(bits=2, grid_bits="8"), "grid_bits is '8'"),
        (dict(prune=-0.1), "prune is -0.1"),
        (dict(prune=1.01), "prune is 1.01"),
        (dict(prune=float("nan")), "prune is nan"),
        (dict(prune="half"), "prune is 'half'"),
    ],
)
def test_contradictory_options_are_refused_with_a_way_out(options, words):
    with pytest.raises(ConfigError) as caught:
        Q.LUT(**options)
    assert words in caught.value.message
    assert caught.value.help


def test_bits_default_to_what_the_dictionary_needs():
    assert Q.LUT().bits == 4
    assert Q.LUT(dictionary="pow2").bits == 4
    assert Q.LUT(dictionary="binary").bits == 1
    assert Q.LUT(dictionary="ternary").bits == 2
    assert [Q.LUT(bits=b).entries for b in range(1, 9)] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert Q.LUT(dictionary="ternary").entries == 3


def test_the_node_describes_itself_with_plain_numbers():
    with nn.parameter_scope("block"):
        _, q = quantize(np.ones((2, 2)), dict(bits=np.int64(2), grid_bits=np.int32(8)), "conv")
    assert q.parent.info.type_name == "nnabla_compress.LUT"
    assert json.loads(json.dumps(q.parent.info.args)) == {
        "bits": 2,
        "dictionary": "free",
        "prune": 0.0,
        "zero": False,
        "scaled": True,
        "grid_bits": 8,
        "name": "block/conv",
    }
    names = sorted(nn.get_parameters(grad_only=False))
    assert names == ["block/conv/W", "block/conv/lut/assignments", "block/conv/lut/dictionary"]
    assert list(nn.get_parameters()) == ["block/conv/W"]


# -- initialisation ------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_dictionary_starts_as_the_sorted_means_of_its_clusters(bits, rng):
    weight, q = quantize(rng.randn(30, 40), dict(bits=bits))
    q.forward()
    dictionary, codes = state(q)
    assert dictionary.shape == (2**bits,) and dictionary.dtype == np.float32
    assert codes.shape == (30, 40) and codes.dtype == np.uint8
    assert (np.diff(dictionary) >= 0).all()
    for k in np.unique(codes):
        assert dictionary[k] == pytest.approx(weight.d[codes == k].astype(float).mean(), rel=1e-5)
    assert_same_bits(q.d, dictionary[codes])


@pytest.mark.parametrize("bits, least", [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)])
def test_the_dictionary_starts_near_the_least_error_that_a_normal_distribution_has(
    bits, least, rng
):
    # The least errors are Max's (1960) for the normal distribution.
    weight, q = quantize(rng.randn(50000), dict(bits=bits))
    q.forward()
    assert np.mean((q.d - weight.d) ** 2) < 1.03 * least


@pytest.mark.parametrize("bits", range(1, 9))
def test_weights_of_as_many_values_as_entries_are_kept_exactly(bits, rng):
    values = np.sort(rng.randn(2**bits).astype(np.float32))
    often = rng.geometric(0.002, 2**bits)  # some values are a thousand times as frequent
    weights = rng.permutation(np.repeat(values, often))
    _, q = quantize(weights, dict(bits=bits))
    q.forward()
    assert_same_bits(state(q)[0], values)
    assert_same_bits(q.d, weights)
    update(q, steps=3)
    q.forward()
    assert_same_bits(q.d, weights)


@examples(60)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 8), elements=st.floats(-1e3, 1e3, width=32)),
    picks=st.lists(st.integers(0, 7), min_size=1, max_size=30),
)
def test_weights_of_fewer_values_than_entries_are_kept_exactly(values, picks):
    nn.clear_parameters()
    weights = values[np.array(picks) % len(values)] + np.float32(0)
    _, q = quantize(weights, dict(bits=3))
    q.forward()
    assert_same_bits(q.d, weights)


@every_kind
def test_the_assignments_of_the_start_are_those_of_its_dictionary(options, rng):
    values = np.append(rng.standard_cauchy(300), [0.0, 1e-3, -1e-3]).astype(np.float32)
    for importance in (None, rng.uniform(0.01, 1, 303)):
        nn.clear_parameters()
        _, q = quantize(values, options)
        Q.LUT.start(q.parent.info.args, q.parent.inputs, importance)
        dictionary, codes = state(q)
        taken = dictionary[codes]
        kept = taken != 0 if options.get("prune") else np.ones(303, bool)
        entries = dictionary[dictionary != 0] if options.get("prune") else dictionary
        nearest = np.abs(values[:, None].astype(np.float64) - entries).min(axis=1)
        distance = np.abs(values.astype(np.float64) - taken)
        # The last step of free dictionaries moves them to the means of their assignments.
        np.testing.assert_allclose(distance[kept], nearest[kept], rtol=1e-3, atol=1e-3)


def test_a_zero_entry_takes_the_zeros_and_leaves_the_other_entries_to_the_other_values():
    weights = np.float32([-3, 0, 0, 0.25, 7, 0])
    _, q = quantize(weights, dict(bits=2, zero=True))
    q.forward()
    assert state(q)[0].tolist() == [-3, 0, 0.25, 7]
    assert_same_bits(q.d, weights)


def test_weights_that_are_powers_of_two_are_kept_exactly():
    weights = np.float32([-2, -0.5, 0.125, 4] * 3 + [4] * 100)
    _, q = quantize(weights, dict(bits=2, dictionary="pow2"))
    q.forward()
    assert_same_bits(q.d, weights)


def test_rare_values_past_the_first_65536_weights_are_seen():
    weights = np.float32([1] * 70000 + [2, 3, 4])
    _, q = quantize(weights, dict(bits=2))
    q.forward()
    assert_same_bits(q.d, weights)
    nn.clear_parameters()
    weights = np.float32([1] * 70000 + [2, 3, 4, 5, 6])
    _, q = quantize(weights, dict(bits=2))
    q.forward()
    assert np.isfinite(q.d).all()
    assert q.d[0] == 1


@every_kind
@pytest.mark.parametrize(
    "weights",
    [
        np.zeros((4, 5)),
        np.full((4, 5), 0.7),
        np.full((4, 5), -1e-20),
        np.array([3.0]),
        np.array([0.0]),
        np.array([1.0, -2.0]),
    ],
    ids=["zeros", "constant", "tiny constant", "one weight", "one zero", "two weights"],
)
def test_degenerate_weights_quantize_to_finite_values(weights, options):
    _, q = quantize(weights, options)
    q.forward()
    for _ in range(3):
        dictionary, codes = state(q)
        assert np.isfinite(dictionary).all()
        assert (np.diff(dictionary) >= 0).all()
        assert codes.max() < len(dictionary)
        assert_same_bits(q.d, dictionary[codes])
        if not weights.any() and options.get("scaled", True):
            assert not np.any(np.abs(q.d) > 1e-30)
        update(q)
        q.forward()


@every_kind
def test_weights_that_leave_zero_take_their_dictionary_along(options, rng):
    weight, q = quantize(np.zeros(2000), options)
    q.forward()
    weight.d = values = rng.randn(2000)
    update(q, steps=20)
    q.forward()
    # The variance is 1: entries on one side of zero only would leave an error of 0.5.
    nn.clear_parameters()
    _, fresh = quantize(values, options)
    fresh.forward()
    error, least = (np.mean((out.d - values) ** 2) for out in (q, fresh))
    assert error < max(1.5 * least, 0.2)


def test_the_first_forward_initialises_from_parameters_loaded_after_the_network_was_built(
    tmp_path, rng
):
    x = nn.Variable((1, 6))
    PF.affine(x, 7, name="fc", w_init=rng.randn(6, 7).astype(np.float32))
    trained = nn.get_parameters()["fc/affine/W"].d.copy()
    nn.save_parameters(str(tmp_path / "float.h5"))
    nn.clear_parameters()
    y = PF.affine(x, 7, name="fc", apply_w=Q.LUT(bits=2))
    assert not np.array_equal(nn.get_parameters()["fc/affine/W"].d, trained)
    nn.load_parameters(str(tmp_path / "float.h5"))
    y.forward()
    q = y.parent.inputs[1]
    dictionary, codes = state(q)
    for k in range(4):
        assert dictionary[k] == pytest.approx(trained[codes == k].mean(), rel=1e-5)


def test_a_state_that_holds_values_is_not_initialised_again(rng):
    weight, q = quantize(rng.randn(50), dict(bits=2))
    q.forward()
    before = state(q)
    weight.d = rng.randn(50)
    q.forward()
    Q.prepare([q])
    for a, b in zip(before, state(q)):
        assert_same_bits(a, b)


# -- the k-means step ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 9))
def test_a_step_is_the_reference_step(bits, rng, reference_step):
    values = rng.randn(70001).astype(np.float32) if bits <= 4 else rng.randn(9001).astype("f4")
    dictionary = np.sort(rng.randn(2**bits).astype(np.float32))
    codes = np.empty(values.shape, np.uint8)
    new = k_means_step(Q.LUT(bits=bits), values, dictionary, codes)
    expected_codes, means = reference_step(values, dictionary)
    np.testing.assert_array_equal(codes, expected_codes)
    np.testing.assert_allclose(new, means, rtol=1e-6, atol=1e-7)
    assert new.dtype == np.float32


def test_empty_clusters_keep_their_entry_and_the_old_dictionary_is_left_alone():
    codes = np.empty(3, np.uint8)
    old = np.float32([-9, -5, 1, 50])
    new = k_means_step(Q.LUT(bits=2), np.float32([0.5, 2, 3]), old, codes)
    assert new.tolist() == [-9, -5, np.float32(5.5 / 3), 50]
    assert old.tolist() == [-9, -5, 1, 50]
    assert codes.tolist() == [2, 2, 2]


def test_repeated_steps_never_raise_the_error(rng):
    values = rng.standard_t(3, 5000).astype(np.float32)
    dictionary = np.linspace(-1, 1, 16).astype(np.float32)
    codes, errors = np.empty(5000, np.uint8), []
    for _ in range(30):
        dictionary = k_means_step(Q.LUT(bits=4), values, dictionary, codes)
        errors.append(np.mean((dictionary[codes].astype(float) - values) ** 2))
    assert (np.diff(errors) <= 1e-9).all()
    assert errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9, 0.999])
def test_a_pruned_step_is_the_reference_step_on_the_weights_that_are_left(
    fraction, rng, reference_step
):
    values = rng.randn(4000).astype(np.float32)
    dictionary = np.float32([-1.5, -0.5, 0, 0.75])
    codes = np.empty(4000, np.uint8)
    new = k_means_step(Q.LUT(bits=2, prune=fraction), values, dictionary, codes)
    left = np.sort(np.argsort(np.abs(values))[round(fraction * 4000) :])
    others = dictionary[dictionary != 0]
    expected_codes, means = reference_step(values[left], others)
    expected = np.sort(np.append(means, 0)).astype(np.float32)
    np.testing.assert_allclose(new, expected, rtol=1e-6)
    looked_up = np.zeros(4000)
    looked_up[left] = means[expected_codes]
    np.testing.assert_allclose(new[codes], looked_up, rtol=1e-6)


def test_a_cluster_that_moves_past_zero_leaves_the_dictionary_sorted():
    # Pruned are 0.1 and -0.2. The entry 0.5 then takes -1 (nearer to it than to -9) and 1.2 ... .
    values = np.float32([0.1, -0.2, -1, -1.5, 0.3])
    dictionary, codes = np.float32([-9, 0, 0.5, 8]), np.empty(5, np.uint8)
    new = k_means_step(Q.LUT(bits=2, prune=0.4), values, dictionary, codes)
    mean = np.float32((-1 - 1.5 + np.float64(np.float32(0.3))) / 3)
    assert new.tolist() == [-9, mean, 0, 8]
    assert codes.tolist() == [2, 2, 1, 1, 1]


# -- constraints ---------------------------------------------------------------------------------


@every_kind
def test_the_dictionary_stays_within_its_constraint_while_the_weight_moves(options, rng):
    weight, q = quantize(rng.randn(40, 25) * 0.2, options)
    quantizer = Q.LUT(**options)
    q.forward()
    for _ in range(12):
        dictionary, codes = state(q)
        looked_up = dictionary[codes]
        assert_same_bits(q.d, looked_up)
        assert len(dictionary) == quantizer.entries
        assert (np.diff(dictionary) >= 0).all()
        if quantizer.dictionary == "pow2":
            assert powers_of_two(dictionary[dictionary != 0]).all()
            assert np.sum(dictionary == 0) == int(quantizer.has_zero)
        if quantizer.has_zero:
            assert np.any(dictionary == 0)
        if quantizer.prune:
            assert np.sum(looked_up == 0) == 400
            smallest = np.sort(np.abs(weight.d), axis=None)[399]
            np.testing.assert_array_equal(looked_up == 0, np.abs(weight.d) <= smallest)
        if quantizer.dictionary in ("binary", "ternary"):
            assert dictionary[0] == -dictionary[-1] != 0
            if not quantizer.scaled:
                assert dictionary[-1] == 1
        weight.d = weight.d * 1.03 + 0.02 * rng.randn(40, 25)
        update(q)
        q.forward()


@pytest.mark.parametrize("dictionary", ["free", "pow2", "ternary"])
@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.1, 1 / 3, 0.5, 0.9, 0.999, 1.0])
def test_exactly_the_fraction_asked_for_is_zero(dictionary, fraction, rng):
    weight, q = quantize(rng.randn(997), dict(dictionary=dictionary, prune=fraction))
    for _ in range(3):
        q.forward()
        zeros = int(np.sum(q.d == 0))
        if fraction or dictionary != "ternary":
            assert zeros == round(fraction * 997)
        else:
            assert 0 < zeros < 997  # a ternary dictionary has its own zero
        weight.d = weight.d + 0.1 * rng.randn(997)
        update(q)


def test_equal_magnitudes_at_the_limit_are_all_pruned():
    weights = np.float32([1, -1, 1, -1, 2, 3])
    assert prune_threshold(weights, 0.5) == 1
    _, q = quantize(weights, dict(bits=2, prune=0.5))
    q.forward()
    assert q.d.tolist() == [0, 0, 0, 0, 2, 3]


def test_the_scale_of_binary_is_the_mean_magnitude():
    weights = np.float32([-3, -1, 0.5, 2])
    _, q = quantize(weights, dict(dictionary="binary"))
    q.forward()
    assert q.d.tolist() == [-1.625, -1.625, 1.625, 1.625]


def test_the_scale_of_ternary_is_the_mean_magnitude_of_the_weights_that_take_it(rng):
    weight, q = quantize(rng.randn(500), dict(dictionary="ternary"))
    q.forward()
    for _ in range(4):
        update(q)
        dictionary, codes = state(q)
        taken = np.abs(weight.d[codes != 1]).astype(np.float64)
        assert dictionary.tolist() == pytest.approx([-taken.mean(), 0, taken.mean()], rel=1e-6)
    # The boundaries lie half way between zero and the scale, once it no longer moves.
    update(q, steps=30)
    dictionary, codes = state(q)
    np.testing.assert_array_equal(codes != 1, np.abs(weight.d) > dictionary[2] / 2)


def test_fixed_binary_and_ternary_never_move(rng):
    values = (10 * rng.randn(300)).astype(np.float32)
    for kind, entries in (("binary", [-1, 1]), ("ternary", [-1, 0, 1])):
        nn.clear_parameters()
        _, q = quantize(values, dict(dictionary=kind, scaled=False))
        q.forward()
        update(q, steps=3)
        q.forward()
        assert state(q)[0].tolist() == entries
        nearest = np.array(entries)[np.abs(values[:, None] - np.array(entries)).argmin(axis=1)]
        np.testing.assert_array_equal(q.d, nearest)


@examples(150)
@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e30, 1e30)))
def test_powers_of_two_round_the_logarithm_and_keep_the_sign(values):
    values = values[np.abs(values) > 1e-36]
    rounded = nearest_power_of_two(values).astype(np.float64)
    assert powers_of_two(rounded).all()
    np.testing.assert_array_equal(np.sign(rounded), np.sign(values))
    distance = np.abs(np.log2(np.abs(rounded)) - np.log2(np.abs(values)))
    assert (distance <= 0.5 + 1e-9).all()


def test_powers_of_two_at_the_ends_of_float32():
    values = np.array([0.0, -0.0, 1e-45, -1e-40, 3e38, -3.4e38])
    assert nearest_power_of_two(values).tolist() == [
        0, 0, 2.0**-126, -(2.0**-126), 2.0**127, -(2.0**127)
    ]  # fmt: skip
    assert nearest_power_of_two(np.array([2**0.5 * 0.9999, 2**0.5 * 1.0001])).tolist() == [1, 2]


def grid_of(values, bits):
    """Returns the integers and the scale that make up ``values``, if there are any."""
    largest = 2 ** (bits - 1) - 1
    peak = float(np.abs(values).max())
    for integer in range(largest, 0, -1):
        scale = peak / integer
        codes = values.astype(np.float64) / scale
        if float(np.float32(scale)) == scale and (codes == np.round(codes)).all():
            return codes, scale
    raise AssertionError(f"{values} lie on no grid of {bits} bits")


@examples(150)
@given(
    values=hnp.arrays(np.float64, st.integers(1, 16), elements=st.floats(-50, 50, width=32)),
    bits=st.integers(2, 16),
    exponent=st.integers(-60, 60),
)
def test_a_grid_is_integers_times_one_scale_whose_products_are_exact(values, bits, exponent):
    values = np.ldexp(np.where(np.abs(values) < 1e-3, 0, values), exponent)
    rounded = nearest_on_grid(values, bits)
    if not values.any():
        assert not rounded.any()
        return
    codes, scale = grid_of(rounded, bits)
    assert np.abs(codes).max() <= 2 ** (bits - 1) - 1
    if bits <= 11:
        assert np.abs(codes).max() == 2 ** (bits - 1) - 1
    product = codes.astype(np.float32) * np.float32(scale)
    assert (product.astype(np.float64) == codes * scale).all()
    np.testing.assert_array_equal(product, rounded)
    assert (np.abs(rounded - values) <= 0.5 * scale * (1 + 1e-6)).all()


@pytest.mark.parametrize("grid_bits", [4, 8, 12, 16])
def test_a_dictionary_on_a_grid_decodes_from_integers_exactly(grid_bits, rng):
    weight, q = quantize(rng.randn(900), dict(bits=4, grid_bits=grid_bits))
    q.forward()
    for _ in range(3):
        codes, scale = grid_of(state(q)[0], grid_bits)
        decoded = codes.astype(np.int16).astype(np.float32) * np.float32(scale)
        assert_same_bits(q.d, (decoded + np.float32(0))[state(q)[1]])
        weight.d = weight.d + 0.05 * rng.randn(900)
        update(q)
        q.forward()


def test_projection_of_a_free_dictionary_only_changes_the_type():
    values = np.array([-1.1, 0.3])
    assert_same_bits(project(Q.LUT(bits=1), values), values.astype(np.float32))


@every_kind
def test_no_dictionary_holds_a_negative_zero(options, rng):
    # Adding zero, which the lowered graph does, would turn it into a positive one.
    for weights in (np.zeros(50), 1e-3 * rng.randn(50) + np.linspace(-1, 1, 50) ** 9):
        nn.clear_parameters()
        _, q = quantize(weights, options)
        q.forward()
        dictionary = state(q)[0]
        assert not np.signbit(dictionary[dictionary == 0]).any()


# -- bad weights ---------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_with_the_layer_and_their_number(options, bad):
    with nn.parameter_scope("block1"):
        _, q = quantize([[0.5, bad], [1.5, bad]], options, "conv")
    with pytest.raises(TrainingError, match="2 of 4 weights of layer block1/conv") as caught:
        Q.prepare([q])
    assert caught.value.help
    assert np.isnan(nn.get_parameters(grad_only=False)["block1/conv/lut/dictionary"].d).all()


def test_inside_the_engine_the_error_is_the_cause_and_unwrap_finds_it():
    _, q = quantize([np.nan, 1], dict(bits=1))
    with pytest.raises(SystemError) as caught:
        q.forward()
    error = unwrap(caught.value)
    assert isinstance(error, TrainingError)
    assert "1 of 2 weights of layer layer" in str(error)


@every_kind
def test_weights_that_turn_nan_while_training_are_refused_and_the_dictionary_survives(options):
    weight, q = quantize(np.linspace(-1, 1, 50), options)
    q.forward()
    before = state(q)[0]
    weight.d = np.where(np.arange(50) == 7, np.nan, weight.d)
    with pytest.raises(TrainingError, match="1 of 50 weights of layer layer"):
        update(q)
    assert_same_bits(state(q)[0], before)


# -- encoding, lowering, gradients ---------------------------------------------------------------


@examples(80)
@given(
    kind=st.sampled_from(list(KINDS.values())),
    weights=hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=4, max_side=6),
        elements=st.one_of(
            st.floats(-100, 100, width=32), st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0])
        ),
    ),
)
def test_what_is_stored_decodes_to_the_forward_pass_and_so_does_the_lowered_graph(kind, weights):
    nn.clear_parameters()
    _, q = quantize(weights, kind)
    q.forward()
    encoding = Q.quantizer_of(q.parent).encode(q.parent)
    assert_same_bits(encoding.decode(), q.d)
    assert encoding.bits == Q.LUT(**kind).bits
    lowered = Q.LUT.lower(q.parent, q.parent.inputs)
    lowered.forward()
    assert_same_bits(lowered.d, q.d)


@pytest.mark.parametrize("bits", range(1, 9))
def test_an_encoding_takes_bits_bits_a_weight_and_its_dictionary(bits, rng):
    _, q = quantize(rng.randn(13, 17), dict(bits=bits))
    encoding = Q.LUT.encode(q.parent)  # initialises: nothing ran yet
    q.forward()
    assert_same_bits(encoding.decode(), q.d)
    assert encoding.nbytes == -(-bits * 13 * 17 // 8) + 4 * 2**bits == len(encoding.pack())


def test_an_encoding_is_a_copy_of_the_moment(rng):
    weight, q = quantize(rng.randn(100), dict(bits=2))
    encoding = Q.LUT.encode(q.parent)
    before = encoding.decode()
    weight.d = rng.randn(100) + 5
    update(q)
    assert_same_bits(encoding.decode(), before)


def test_the_lowered_graph_holds_native_functions_only_and_passes_the_gradient(rng):
    weight, q = quantize(rng.randn(6, 5), dict(bits=2))
    upstream = rng.randn(6, 5).astype(np.float32)
    lowered = Q.LUT.lower(q.parent, q.parent.inputs)
    names = []
    lowered.visit(lambda function: names.append(function.info.type_name))
    assert "nnabla_compress.LUT" not in names and "Embed" in names
    lowered.forward()
    weight.grad.zero()
    lowered.backward(upstream)
    assert_same_bits(weight.g, upstream)


def test_lowering_initialises_like_the_first_forward_pass(rng):
    _, q = quantize(rng.randn(6, 5), dict(bits=2))
    lowered = Q.LUT.lower(q.parent, q.parent.inputs)
    lowered.forward()
    q.forward()
    assert np.isfinite(lowered.d).all()
    assert_same_bits(lowered.d, q.d)


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 4, 5)])
def test_the_composite_path_looks_up_the_same_bits(shape, rng):
    _, q = quantize(rng.randn(*shape), dict(bits=2))
    q.forward()
    function = Q.living_functions(nn.get_parameters().values())[0]
    out = nn.Variable(shape)
    function.forward_composite(q.parent.inputs, [out])
    assert_same_bits(out.d.copy(), q.d)


@pytest.mark.parametrize("on_cpu", [True, False])
def test_the_gradient_is_handed_on_unchanged(on_cpu, rng, monkeypatch):
    monkeypatch.setattr(
        "nnabla_compress.quantizers.base.QuantizerFunction.on_cpu", property(lambda self: on_cpu)
    )
    weight, q = quantize(rng.randn(5, 6), dict(bits=2))
    upstream = rng.randn(5, 6).astype(np.float32)
    weight.g = 77
    q.forward()
    weight.grad.zero()
    q.backward(upstream)
    assert_same_bits(weight.g.copy(), upstream)
    q.backward(upstream)  # NNabla adds to the gradients of the leaves
    assert_same_bits(weight.g.copy(), upstream + upstream)


@pytest.mark.parametrize("on_cpu", [True, False])
def test_gradients_of_all_uses_of_a_weight_add_up(on_cpu, rng, monkeypatch):
    monkeypatch.setattr(
        "nnabla_compress.quantizers.base.QuantizerFunction.on_cpu", property(lambda self: on_cpu)
    )
    a, b, c = rng.randn(3, 4, 4).astype(np.float32)
    weight, first = quantize(rng.randn(4, 4), dict(bits=2))
    _, second = quantize(weight.d, dict(bits=2))  # the same scope: the same parameters
    constants = [nn.Variable.from_numpy_array(array) for array in (a, b, c)]
    loss = F.sum(first * constants[0] + first * constants[1] + second * constants[2])
    loss.forward()
    for variable in nn.get_parameters().values():
        variable.grad.zero()
    loss.backward()
    np.testing.assert_allclose(nn.get_parameters()["layer/W"].g, a + b + c, rtol=1e-6)


def test_a_weight_that_needs_no_gradient_gets_none(rng):
    weight, q = quantize(rng.randn(4), dict(bits=1))
    frozen = weight.get_unlinked_variable(need_grad=False)
    with nn.parameter_scope("layer"):
        x = nn.Variable((4,), need_grad=True)
        loss = F.sum(Q.LUT(bits=1)(frozen) * x)
    frozen.g = 5
    x.d = 1
    loss.forward()
    x.grad.zero()
    loss.backward()
    assert (frozen.g == 5).all()
    assert np.isfinite(x.g).all() and x.g.any()


# -- state ---------------------------------------------------------------------------------------


def test_two_graphs_of_one_network_share_their_state(rng):
    x = nn.Variable((2, 6))
    x.d = rng.randn(2, 6)
    train = PF.affine(x, 5, apply_w=Q.LUT(bits=2), name="fc")
    test = PF.affine(x, 5, apply_w=Q.LUT(bits=2), name="fc")
    assert len(nn.get_parameters(grad_only=False)) == 4
    train.forward()
    nn.get_parameters()["fc/affine/W"].d = rng.randn(6, 5)
    functions = Q.living_functions(nn.get_parameters().values())
    assert len(functions) == 1
    Q.LUT.after_update(functions[0].args, functions[0].tensors, 1)
    train.forward()
    test.forward()
    assert_same_bits(train.d, test.d)
    assert_same_bits(train.parent.inputs[1].d, test.parent.inputs[1].d)


@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_saved_state_comes_back_and_goes_on_the_same(ending, tmp_path, rng):
    values, moved = rng.randn(2, 60)
    weight, q = quantize(values, dict(bits=3))
    q.forward()
    before = q.d.copy()
    file = str(tmp_path / f"state.{ending}")
    nn.save_parameters(file)

    def go_on(weight, q):
        weight.d = moved
        update(q)
        q.forward()
        return q.d.copy()

    expected = go_on(weight, q)
    nn.clear_parameters()
    nn.load_parameters(file)
    loaded, q = quantize(np.zeros(60), dict(bits=3))
    np.testing.assert_array_equal(loaded.d, values.astype(np.float32))
    q.forward()
    assert_same_bits(q.d, before)
    assert_same_bits(go_on(loaded, q), expected)
    assert [v.data.dtype for v in q.parent.inputs] == [np.float32, np.float32, np.uint8]


@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_a_state_saved_before_it_was_initialised_is_initialised_after_loading(
    ending, tmp_path, rng
):
    quantize(rng.randn(60), dict(bits=3))
    file = str(tmp_path / f"state.{ending}")
    nn.save_parameters(file)
    nn.clear_parameters()
    nn.load_parameters(file)
    _, q = quantize(np.zeros(60), dict(bits=3))
    q.forward()
    assert np.isfinite(q.d).all() and q.d.any()


@every_kind
def test_a_dictionary_starts_sorted_with_the_right_number_of_entries(options, rng):
    quantizer = Q.LUT(**options)
    for values in (rng.randn(1000), rng.rand(5), np.zeros(3)):
        start = initial_dictionary(quantizer, values.astype(np.float32))
        assert start.dtype == np.float32 and start.shape == (quantizer.entries,)
        assert (np.diff(start) >= 0).all() and np.isfinite(start).all()


def test_a_weight_takes_the_bits_of_its_assignment():
    _, q = quantize(np.ones(3), dict(bits=3))
    assert Q.LUT.bits_of(q.parent.info.args, q.parent.inputs) == 3
