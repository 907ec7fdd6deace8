# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph import functions
from nnabla_compress.models import lenet, resnet_cifar
from nnabla_compress.recipes import Recipe
from nnabla_compress.report.results import Results
from nnabla_compress.runs import Run, evaluate_run
from nnabla_compress.transforms import AddExits, add_exits

FIRST, SECOND = "conv1/conv/relu", "conv2/conv/relu"


def digits_net():
    return lenet(nn.Variable((2, 1, 8, 8)), 10)


def test_the_last_exit_is_what_the_network_gave():
    y = digits_net()
    exits = add_exits([y], [FIRST, SECOND])
    assert list(exits) == ["exit1", "exit2", "exit3"] and exits["exit3"] == y
    assert [e.shape for e in exits.values()] == [(2, 10)] * 3


def test_a_classifier_reads_its_map_and_nothing_behind_it():
    exits = add_exits([digits_net()], [FIRST, SECOND], maps=4)
    types = [f.info.type_name for f in functions([exits["exit1"]])]
    assert types[:3] == ["Convolution", "MaxPooling", "ReLU"]
    assert types.count("Convolution") == 3 and types.count("BatchNormalization") == 2
    assert nn.get_parameters()["exit1/conv1/conv/W"].shape == (4, 16, 3, 3)


@pytest.mark.parametrize("build", ["means", "rows", "flat"])
def test_maps_of_any_number_of_axes_have_means(build):
    x = nn.Variable((2, 3, 6))
    h = F.relu(PF.convolution(x, 4, (3,), name="c"))
    h = {"means": lambda: h, "rows": lambda: PF.affine(h, 5, base_axis=2, name="r")}.get(
        build, lambda: PF.affine(h, 5, name="r")
    )()
    place = "c/conv/relu" if build == "means" else "r/affine"
    exits = add_exits([PF.affine(F.tanh(h), 3, name="y")], [place])
    values = np.random.RandomState(0).randn(*x.shape)
    x.d = values
    nn.forward_all([h, *exits.values()])
    seen = h.d.copy()
    means = seen if seen.ndim == 2 else seen.reshape(*seen.shape[:2], -1).mean(2)
    w, b = (nn.get_parameters()[f"exit1/fc/affine/{name}"].d for name in "Wb")
    np.testing.assert_allclose(exits["exit1"].d, means @ w + b, rtol=1e-4, atol=1e-5)


def test_an_exit_reads_a_quantized_map_as_the_layers_behind_it_do():
    x = nn.Variable((2, 3))
    h = F.relu(PF.affine(x, 4, name="a"))
    quantized = Q.Uniform(bits=4, signed=False)(h)
    exits = add_exits([PF.affine(quantized, 2, name="b")], ["a/affine/relu"])
    assert exits["exit1"].parent.inputs[0] == quantized


def test_new_weights_depend_on_the_seed_and_not_on_what_was_drawn_before():
    drawn = []
    for seed, before in ((1, 0), (1, 5), (2, 0)):
        nn.clear_parameters()
        y = digits_net()
        np.random.rand(before)
        nn.random.prng.rand(before)
        add_exits([y], [FIRST], seed=seed)
        drawn.append(nn.get_parameters()["exit1/fc/affine/W"].d.copy())
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    "at, maps, said",
    [
        (["conv1/conv/rel"], 0, "no map 'conv1/conv/rel'"),
        ([SECOND, FIRST], 0, "is computed before"),
        ([FIRST, FIRST], 0, "named twice"),
        (["fc4/affine"], 0, "is the output"),
        (["fc3/affine/relu"], 8, "convolutions need maps"),
    ],
)
def test_a_place_that_can_have_no_exit_is_refused_and_leaves_nothing(at, maps, said):
    y = digits_net()
    before = set(nn.get_parameters(grad_only=False))
    with pytest.raises(ConfigError, match=said):
        add_exits([y], at, maps)
    assert set(nn.get_parameters(grad_only=False)) == before


def test_places_side_by_side_come_in_the_order_of_execution():
    x = nn.Variable((1, 4))
    a = PF.affine(x, 4, name="a")
    b = PF.affine(x, 4, name="b")
    with pytest.raises(ConfigError, match="is computed before"):
        add_exits([PF.affine(a + b, 2, name="y")], ["b/affine", "a/affine"])


def test_exits_are_added_once_and_to_classifiers_only():
    exits = add_exits([digits_net()], [FIRST])
    network = as_network(list(exits.values()))
    with pytest.raises(ConfigError, match="exits already"):
        AddExits(at=[SECOND]).apply(type(network)(network.inputs, exits))
    nn.clear_parameters()
    y = PF.convolution(nn.Variable((1, 1, 8, 8)), 2, (3, 3), name="c")
    with pytest.raises(ConfigError, match="one row of numbers"):
        add_exits([PF.convolution(y, 2, (3, 3), name="d")], ["c/conv"])


def test_resnet_has_exits_behind_its_stages():
    y = resnet_cifar(nn.Variable((1, 3, 32, 32)), 10, depth=8)
    at = [f"layer{n}/block0/conv2/conv/relu" for n in (1, 2)]
    assert list(add_exits([y], at)) == ["exit1", "exit2", "exit3"]


RECIPE = {
    "name": "exits",
    "seed": 1,
    "model": {"name": "lenet", "options": {"maps": 4, "hidden": 16}},
    "data": {"source": "digits", "validation": 0.2},
    "preprocessing": {"scale": 1.0},
    "steps": [
        {"train": {"epochs": 4, "learning_rate": 0.05, "solver_options": {"momentum": 0.9}}},
        {"add_exits": {"at": [FIRST, SECOND]}},
        {"train": {"epochs": 6, "learning_rate": 0.5, "terms": [{"exits": {"freeze": True}}]}},
    ],
}


@pytest.mark.long
def test_a_recipe_adds_exits_to_a_trained_network_and_trains_them(tmp_path):
    run = Run(Recipe.checked(RECIPE), tmp_path / "run", tmp_path)
    results = run.execute(lambda name, total: lambda *now: None)
    compressed = Results.read(tmp_path / "run").compressed
    assert len(compressed.exit_accuracies) == 3
    assert compressed.exit_accuracies[-1] == compressed.accuracy == results.float.accuracy
    assert compressed.exit_accuracies[0] > 0.15 and compressed.exit_accuracies[1] > 0.3
    score = evaluate_run(tmp_path / "run")
    assert list(score.exit_accuracies) == compressed.exit_accuracies


@pytest.mark.parametrize("at, maps", [([], 0), (["a/affine/relu"], -4)])
def test_options_out_of_range_are_refused_in_a_script_as_in_a_recipe(at, maps):
    h = F.relu(PF.affine(nn.Variable((2, 4)), 3, name="a"))
    with pytest.raises(ConfigError, match="add_exits"):
        add_exits([PF.affine(h, 2, name="b")], at=at, maps=maps)


def test_one_place_may_stand_for_a_list_of_it():
    h = F.relu(PF.affine(nn.Variable((2, 4)), 3, name="a"))
    assert len(add_exits([PF.affine(h, 2, name="b")], at="a/affine/relu")) == 2


def test_a_recipe_with_an_exit_at_no_such_place_is_refused_before_anything_is_trained(tmp_path):
    steps = [RECIPE["steps"][0], {"add_exits": ["conv7"]}]
    run = Run(Recipe.checked({**RECIPE, "steps": steps}), tmp_path / "run", tmp_path)
    with pytest.raises(ConfigError, match="no map 'conv7'"):
        run.execute(lambda name, total: pytest.fail("trained"))
