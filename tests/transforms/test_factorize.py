# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Factorized networks: exact at full ranks, within budgets, of ordinary layers, and honest."""

from __future__ import annotations

import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import costs, layers
from nnabla_compress.errors import ConfigError, DataError, InfeasibleBudgetError, VerifyError
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.models.lenet import lenet
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.parametric_functions import lutq_convolution
from nnabla_compress.transforms import Factorize
from tests.graph.networks import randomize_statistics

DATA = Path(os.environ.get("NNABLA_COMPRESS_DATA", "nowhere"))


class Data:
    seed = 0

    def __init__(self, **arrays):
        self.arrays, self.told = arrays, []

    def samples(self, most):
        return {name: array[:most] for name, array in self.arrays.items()} or None

    def tell(self, line):
        self.told.append(line)


def small(x):
    h = PF.convolution(x, 8, (3, 3), pad=(1, 1), with_bias=False, name="c1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="b1"))
    h = F.relu(PF.convolution(h, 12, (3, 3), stride=(2, 2), name="c2"))
    return PF.affine(PF.convolution(h, 16, (1, 1), name="c3"), 5, name="fc")


def network(build=small, shape=(1, 4, 9, 9)):
    x = nn.Variable(shape)
    y = build(x)
    randomize_statistics()
    return Network({"x": x}, {"y": y})


def run(net, samples):
    made = net.on({"x": nn.Variable(samples.shape)})
    made.inputs["x"].d = samples
    made.output.forward()
    return made.output.d.copy()


def factorized(net, data=None, **options):
    data = data or Data()
    made, decided = Factorize(**options).apply(net, data)
    return made, decided, data


def least_snr(net, made, samples):
    want, got = run(net, samples), run(made, samples)
    return np.square(want - got).sum() / np.square(want).sum()


@pytest.mark.parametrize("method", ["tucker", "spatial", "channel", "svd_convolution"])
def test_full_ranks_compute_what_the_network_did(method, rng):
    net = network()
    samples = rng.randn(3, 4, 9, 9).astype(np.float32)
    want = run(net, samples)
    full = {
        "tucker": {"c1*": [4, 8], "c2*": [8, 12]},
        "spatial": {"c1*": 12, "c2*": 24},
        "channel": {"c1*": 8, "c2*": 12},
        "svd_convolution": {"c1*": 8, "c2*": 9},
    }[method]
    made, _, _ = factorized(net, method=method, ranks={**full, "c3*": 12, "fc*": 5})
    np.testing.assert_allclose(run(made, samples), want, atol=1e-5 * np.abs(want).max())


def test_new_layers_are_ordinary_ones_below_the_name_of_the_old_one():
    made, decided, _ = factorized(network(), method="tucker", ranks={"c2*": [3, 4], "fc*": 2})
    assert {layer.name: layer.type for layer in layers(made.all_outputs)} == {
        "c1/conv": "Convolution",
        "c2/conv/first": "Convolution",
        "c2/conv/core": "Convolution",
        "c2/conv/last": "Convolution",
        "c3/conv": "Convolution",
        "fc/affine/first": "Affine",
        "fc/affine/last": "Affine",
    }
    parameters = nn.get_parameters(grad_only=False)
    assert not {"c2/conv/W", "c2/conv/b", "fc/affine/W"} & set(parameters)
    assert parameters["c2/conv/core/W"].shape == (4, 3, 3, 3)
    assert parameters["c2/conv/last/b"].shape == (12,)
    assert decided["layers"]["c2/conv"] == {"method": "tucker", "ranks": [3, 4]}
    assert decided["kept"]["c1/conv"] == "no ranks are given for it"


@pytest.mark.parametrize("method", ["tucker", "spatial", ["channel", "spatial", "tucker"]])
@pytest.mark.parametrize("with_data", [False, True])
def test_a_budget_of_operations_is_kept_and_nearly_used(method, with_data, rng):
    net = network(lambda x: resnet_cifar(x, 10, depth=8, test=True), (1, 3, 16, 16))
    whole = costs(net.all_outputs).macs
    data = Data(x=rng.randn(4, 3, 16, 16)) if with_data else Data()
    made, decided, data = factorized(net, data, method=method, macs=0.6, samples=4)
    found = costs(made.all_outputs)
    assert 0.55 * whole < found.macs <= 0.6 * whole
    assert decided["macs"] == [whole, found.macs]
    assert decided["parameters"][1] == found.parameters
    told = Factorize(macs=0.6).told(decided)
    assert f"operations {whole:,} -> {found.macs:,} ({100 * found.macs / whole:.1f} %)" in told


def test_budgets_of_parameters_and_bytes_are_kept_too():
    build = lambda x: lenet(x, 10, test=True)  # noqa: E731
    made, _, _ = factorized(network(build, (1, 1, 28, 28)), method="spatial", parameters=0.5)
    by_part = costs(made.all_outputs).parameters
    nn.clear_parameters()
    net = network(build, (1, 1, 28, 28))
    whole = costs(net.all_outputs).parameters
    made, _, _ = factorized(net, method="spatial", bytes=f"{2 * whole} B")
    assert by_part <= whole / 2
    assert costs(made.all_outputs).parameters == by_part


def test_two_budgets_are_kept_together():
    net = network(lambda x: lenet(x, 10, test=True), (1, 1, 28, 28))
    before = costs(net.all_outputs)
    made, _, _ = factorized(net, method=["spatial", "channel"], macs=0.5, parameters=0.4)
    after = costs(made.all_outputs)
    assert after.macs <= 0.5 * before.macs
    assert after.parameters <= 0.4 * before.parameters


def test_a_budget_that_no_ranks_reach_says_the_least():
    net = network()
    with pytest.raises(InfeasibleBudgetError, match="operations of at most") as caught:
        factorized(net, method="spatial", macs=0.01)
    least = int(caught.value.message.split("least reachable is ")[1].split(" ")[0].replace(",", ""))
    made, _, _ = factorized(net, method="spatial", macs=least)
    assert costs(made.all_outputs).macs == least


def test_samples_choose_ranks_whose_outputs_are_nearer(rng):
    # The first channel of the input is silent: what reads it may lose all of it.
    samples = rng.randn(32, 4, 9, 9).astype(np.float32)
    samples[:, 1:] *= np.float32(0.01)
    found = {}
    for name, data in (("weights", Data()), ("samples", Data(x=samples))):
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(7)
        net = network()
        made, _, _ = factorized(net, data, method=["channel"], macs=0.6, samples=32)
        found[name] = least_snr(net, made, samples)
    assert found["samples"] < 0.7 * found["weights"]


def test_responses_fit_weights_to_samples(rng):
    samples = rng.randn(32, 4, 9, 9).astype(np.float32)
    samples[:, 1:] *= np.float32(0.01)
    found = {}
    for responses in (False, True):
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(7)
        net = network()
        data = Data(x=samples)
        options = {"method": "channel", "ranks": {"c1*": 4}, "responses": responses}
        made, _, _ = factorized(net, data, **options)
        found[responses] = least_snr(net, made, samples)
    assert found[True] < 0.5 * found[False]


def test_the_network_keeps_its_values_while_ranks_are_chosen(rng):
    net = network()
    before = net.state()
    transform, data = Factorize(method="tucker", macs=0.7), Data(x=rng.randn(8, 4, 9, 9))
    transform.decide(net, data)
    for path, values in net.state().items():
        np.testing.assert_array_equal(values, before[path])


def test_energies_ratios_and_noise_choose_ranks_of_each_layer(rng):
    net = network()
    weight = nn.get_parameters()["c2/conv/W"]
    # Five directions and a little noise.
    weight.d = (rng.randn(12, 2) @ rng.randn(2, 72)).reshape(12, 8, 3, 3) + 0.05 * rng.randn(
        12, 8, 3, 3
    )
    decide = lambda **o: Factorize(layers="c2*", **o).decide(net, Data())  # noqa: E731
    assert decide(method="channel", energy=0.98)["layers"]["c2/conv"]["ranks"] == [2]
    assert decide(method="channel", evbmf=True)["layers"]["c2/conv"]["ranks"] == [2]
    weakened = decide(method="channel", evbmf=True, rank_factor=1.5)
    assert weakened["layers"]["c2/conv"]["ranks"] == [3]
    half = decide(method="channel", ratio=0.5)
    # 16 positions: (8 * 9 + 12) r <= 12 * 8 * 9 / 2
    assert half["layers"]["c2/conv"]["ranks"] == [5]
    of_weights = decide(method="spatial", ratio=0.5, of="parameters")
    assert of_weights["layers"]["c2/conv"]["ranks"] == [7]


def test_a_layer_of_which_no_rank_saves_anything_stays_and_says_so():
    def build(x):
        return PF.affine(PF.affine(x, 40, name="a"), 1, name="b")

    _, decided, data = factorized(network(build, (1, 60)), energy=0.2)
    assert list(decided["layers"]) == ["a/affine"]
    assert decided["kept"] == {"b/affine": "its ranks would save no operations"}
    assert data.told[0] == "factorize: b/affine stays as it is: its ranks would save no operations"
    nn.clear_parameters()
    with pytest.raises(ConfigError, match="no layer would get smaller .b/affine: its ranks would"):
        factorized(network(build, (1, 60)), energy=0.2, layers="b*")


def test_layers_that_share_a_weight_share_the_factors(rng):
    def build(x):
        h = PF.convolution(x, 8, (3, 3), pad=(1, 1), name="first")
        h = F.relu(PF.convolution(h, 8, (3, 3), pad=(1, 1), name="c"))
        return PF.convolution(h, 8, (3, 3), stride=(2, 2), dilation=(2, 2), name="c")

    net = network(build)
    samples = rng.randn(2, 4, 9, 9).astype(np.float32)
    want = run(net, samples)
    made, _, _ = factorized(net, method="spatial", ranks={"c/*": 24})
    np.testing.assert_allclose(run(made, samples), want, atol=1e-5 * np.abs(want).max())
    names = [name for name in nn.get_parameters() if name.startswith("c/")]
    assert sorted(names) == [
        "c/conv/horizontal/W",
        "c/conv/horizontal/b",
        "c/conv/vertical/W",
    ]


def test_a_bias_that_others_read_stays_where_it_is(rng):
    def build(x):
        bias = nn.parameter.get_parameter_or_create("shared/b", (5,))
        bias.d = rng.randn(5)
        w = [
            nn.parameter.get_parameter_or_create(f"{n}/W", (12, 5), rng.randn(12, 5)) for n in "pq"
        ]
        return F.affine(x, w[0], bias) + F.affine(x, w[1], bias)

    net = network(build, (1, 12))
    samples = rng.randn(2, 12).astype(np.float32)
    want = run(net, samples)
    made, _, _ = factorized(net, ranks={"p": 5})
    np.testing.assert_allclose(run(made, samples), want, atol=1e-5)
    assert "shared/b" in nn.get_parameters()


def test_a_quantized_layer_is_left_alone_by_name():
    def build(x):
        h = lutq_convolution(x, 8, (3, 3), name="q")
        return PF.convolution(h, 8, (3, 3), name="c")

    _, decided, data = factorized(network(build), method="spatial", ratio=0.5)
    assert list(decided["layers"]) == ["c/conv"]
    (name,) = decided["kept"]
    assert any(f"{name} stays as it is: its weight is quantized by LUT" in x for x in data.told)


def test_factorizing_twice_takes_the_pieces_apart(rng):
    net = network()
    made, _, _ = factorized(net, method="channel", ranks={"c2*": 10})
    again, decided, _ = factorized(made, method="spatial", ranks={"c2/conv/first": 20})
    assert list(decided["layers"]) == ["c2/conv/first"]
    assert "c2/conv/first/vertical/W" in nn.get_parameters()


def test_the_same_decisions_build_the_same_bits_again():
    def made():
        nn.clear_parameters()
        nn.random.prng = np.random.RandomState(5)
        net = network()
        transform = Factorize(method=["tucker", "cpd3"], ratio=0.5)
        transform.replay(net, transform.decide(net, Data()))
        return {path: v.d.copy() for path, v in nn.get_parameters(grad_only=False).items()}

    first, second = made(), made()
    assert list(first) == list(second)
    for path, values in first.items():
        np.testing.assert_array_equal(second[path], values)


def test_its_rehearsal_refuses_budgets_and_looks_at_no_values():
    net = network()
    for parameter in nn.get_parameters().values():
        parameter.d = 0
    rehearsed = Factorize(method="tucker", energy=0.9).rehearsed
    _, decided = rehearsed.apply(net, Data())
    assert "c2/conv" in decided["layers"]
    with pytest.raises(InfeasibleBudgetError):
        Factorize(macs=0.001).rehearsed.apply(network(), Data())


def test_factors_that_are_not_those_of_the_weight_are_found_out(monkeypatch):
    # A vertical kernel that is moved like the whole layer strides twice.
    from nnabla_compress.transforms.factors.spatial import Spatial

    right = Spatial.pieces

    def wrong(self, kernel, ranks):
        first, second = right(self, kernel, ranks)
        return [first, type(second)(second.name, second.type, second.shape, {}, second.groups)]

    monkeypatch.setattr(Spatial, "pieces", wrong)
    with pytest.raises(VerifyError):
        factorized(
            network(lambda x: PF.convolution(x, 8, (3, 3), pad=(1, 1), name="c")),
            method="spatial",
            ranks=4,
        )


class TestNnablasOwn:
    def test_cpd3_gives_what_nnablas_layer_computes_with_the_same_factors(self, rng):
        net = network(lambda x: PF.convolution(x, 8, (3, 3), pad=(1, 1), stride=(2, 2), name="c"))
        samples = rng.randn(2, 4, 9, 9).astype(np.float32)
        made, _, _ = factorized(net, method="cpd3", ranks=6)
        got = run(made, samples)
        values = {name: v.d.copy() for name, v in nn.get_parameters().items()}
        x = nn.Variable.from_numpy_array(samples)
        y = PF.cpd3_convolution(x, 8, (3, 3), 6, pad=(1, 1), stride=(2, 2), name="n")
        for theirs, ours in (("I", "first"), ("K", "depthwise"), ("O", "last")):
            nn.get_parameters()[f"n/cpd3_conv/{theirs}"].d = values[f"c/conv/{ours}/W"]
        nn.get_parameters()["n/cpd3_conv/b"].d = values["c/conv/last/b"]
        y.forward()
        np.testing.assert_allclose(got, y.d, atol=1e-6)

    def test_svd_convolution_gives_what_nnablas_layer_makes_of_the_weight(self, rng):
        net = network(
            lambda x: PF.convolution(
                x, 12, (3, 3), pad=(1, 1), dilation=(2, 2), with_bias=False, name="c"
            )
        )
        weight = nn.get_parameters()["c/conv/W"].d.copy()
        samples = rng.randn(2, 4, 9, 9).astype(np.float32)
        made, _, data = factorized(net, method="svd_convolution", ranks=3)
        x = nn.Variable.from_numpy_array(samples)
        options = {"pad": (1, 1), "dilation": (2, 2), "with_bias": False}
        y = PF.svd_convolution(x, 12, (3, 3), 3, uv_init=weight, **options, name="n")
        y.forward()
        np.testing.assert_allclose(run(made, samples), y.d, atol=1e-6)

    def test_svd_of_an_affine_layer_gives_what_nnablas_layer_makes_of_the_weight(self, rng):
        # It takes the weight as (inputs, outputs), and only if it is an array.
        net = network(lambda x: PF.affine(x, 10, with_bias=False, name="fc"), (1, 30))
        weight = nn.get_parameters()["fc/affine/W"].d.copy()
        samples = rng.randn(4, 30).astype(np.float32)
        made, _, _ = factorized(net, ranks=4)
        x = nn.Variable.from_numpy_array(samples)
        y = PF.svd_affine(x, 10, 4, uv_init=weight, with_bias=False, name="n")
        y.forward()
        np.testing.assert_allclose(run(made, samples), y.d, atol=1e-6)

    @pytest.mark.parametrize(
        "method, build, largest",
        [
            ("svd", lambda x: PF.affine(x, 10, name="c"), 10),
            ("svd_convolution", lambda x: PF.convolution(x, 12, (3, 3), name="c"), 9),
        ],
    )
    def test_a_rank_that_nnabla_answers_with_an_array_error_is_refused(
        self, method, build, largest
    ):
        net = network(build, (1, 4, 9, 9))
        with pytest.raises(ConfigError, match="rank 11 of c/.* is out of range") as caught:
            factorized(net, method=method, ranks=11)
        assert f"1 to {largest}" in caught.value.help

    def test_a_kernel_given_as_a_list_is_no_obstacle(self):
        x = nn.Variable((1, 4, 9, 9))
        with pytest.raises(TypeError):
            PF.cpd3_convolution(x, 8, [3, 3], 6, name="n")
        net = network(lambda x: PF.convolution(x, 8, [3, 3], name="c"))
        _, decided, _ = factorized(net, method="cpd3", ranks=6)
        assert decided["layers"]["c/conv"]["ranks"] == [6]

    def test_svd_convolution_says_up_to_which_rank_it_saves(self):
        net = network(lambda x: PF.convolution(x, 128, (3, 3), name="c"), (1, 64, 5, 5))
        _, _, data = factorized(net, method="svd_convolution", ranks=9)
        assert "saves nothing: 78,912 weights for 73,728; up to rank 8 it does" in data.told[0]


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "nothing says which ranks"),
        ({"ranks": 4, "energy": 0.9}, "ranks and energy exclude each other"),
        ({"macs": 0.5, "evbmf": True}, "evbmf and macs exclude each other"),
        ({"method": "tuckre", "macs": 0.5}, "unknown method 'tuckre'"),
        ({"method": [], "macs": 0.5}, "no method is given"),
        ({"macs": 0}, "greater than 0"),
        ({"energy": 1.5}, "less than or equal to 1"),
        ({"bytes": "seven"}, "no size"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Factorize.checked(options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"ranks": {"conv9*": 3}}, "no layer matches 'conv9\\*'"),
        ({"ranks": 3, "layers": "nothing"}, "no layer matches 'nothing'"),
        ({"ranks": {"c1*": [5, 8]}}, "the rank 5 of c1/conv is out of range"),
        ({"ranks": {"c1*": [1, 2, 3]}}, "c1/conv has ranks \\[1, 2, 3\\], tucker takes 2"),
        ({"ranks": {"c1*": 0}}, "the rank 0 of c1/conv is out of range"),
        ({"method": "svd", "ranks": {"c1*": 4}, "layers": "c1*"}, "no layer would get smaller"),
    ],
)
def test_ranks_and_patterns_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        factorized(network(), **options)


def test_samples_of_the_wrong_shape_are_refused(rng):
    with pytest.raises(DataError, match="samples of x are 3x9x9, the network takes 4x9x9"):
        factorized(network(), Data(x=rng.randn(4, 3, 9, 9)), macs=0.6)


def test_a_network_of_a_fixed_batch_size_goes_by_its_weights(rng):
    def build(x):
        h = PF.convolution(x, 8, (3, 3), pad=(1, 1), name="c")
        mixed = F.reshape(F.transpose(h, (1, 0, 2, 3)), (2, -1))
        return PF.affine(mixed, 5, name="fc")

    net = network(build, (2, 4, 9, 9))
    _, decided, data = factorized(net, Data(x=rng.randn(8, 4, 9, 9)), method="spatial", macs=0.7)
    assert any("errors of weights are taken, not of outputs" in line for line in data.told)


@pytest.mark.skipif(not (DATA / "nnp").is_dir(), reason="needs networks of others")
@pytest.mark.parametrize(
    "file", [*sorted((DATA / "nnp").glob("*.nnp")), *sorted((DATA / "models").glob("*.nnp"))]
)
def test_networks_of_others_are_factorized_and_proved(file):
    net = NnpFile(file).build()
    made, decided, _ = factorized(net, method=["spatial", "channel"], ratio=0.6, samples=0)
    assert decided["layers"]
    assert costs(made.all_outputs).macs == decided["macs"][1] < decided["macs"][0]


def test_layers_of_flat_names_are_fitted_and_proved_as_others(rng):
    nn.clear_parameters()
    w, b = (
        nn.parameter.get_parameter_or_create(n, s)
        for n, s in (("fc.weight", (6, 4)), ("fc.bias", (4,)))
    )
    w.d, b.d = rng.randn(6, 4), rng.randn(4)
    x = nn.Variable((1, 6))
    net = Network({"x": x}, {"y": F.affine(x, w, b)})
    made, decided = Factorize(macs=0.8).apply(net)
    assert list(decided["layers"]) == ["fc.weight"]
    first, last = (nn.get_parameters()[f"fc.weight/{piece}/W"].d for piece in ("first", "last"))
    u, s, v = np.linalg.svd(w.d)
    np.testing.assert_allclose(first @ last, s[0] * np.outer(u[:, 0], v[0]), atol=1e-5)


def test_a_name_below_the_layer_that_is_taken_is_left_alone(rng):
    nn.clear_parameters()
    x = nn.Variable((1, 8))
    h = PF.affine(x, 8, name="fc")
    other = nn.parameter.get_parameter_or_create("fc/affine/first/W", (8, 3))
    other.d = kept = rng.randn(8, 3).astype(np.float32)
    net = Network({"x": x}, {"y": h, "z": F.affine(x, other)})
    Factorize(ranks={"fc/affine": 2}).apply(net)
    parameters = nn.get_parameters()
    np.testing.assert_array_equal(parameters["fc/affine/first/W"].d, kept)
    assert parameters["fc/affine_2/first/W"].shape == (8, 2)
