# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a quantized tensor does to a network."""

from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.kernels.exact_k_means import best_entries
from nnabla_compress.kernels.sorted_cells import sorted_cells
from nnabla_compress.models import NnpFile
from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.search import Sensitivities, measure, measure_together
from nnabla_compress.search.scoring import rule_of
from nnabla_compress.workers import workers
from tests.recipes.quick import recipe_of


def _save(path, y, x):
    network = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path), {"networks": [network], "executors": []})
    nn.clear_parameters()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity")
    random = np.random.RandomState(0)
    nn.clear_parameters()
    x = nn.Variable((4, 6))
    _save(folder / "net.nnp", PF.affine(F.relu(PF.affine(x, 16, name="a")), 3, name="b"), x)
    data = random.randn(20, 6).astype(np.float32)
    labels = random.randint(0, 3, 20)
    np.savez(folder / "data.npz", x_train=data, y_train=labels, x_test=data, y_test=labels)
    path = folder / "net.nnp"
    return network_recipe(path, DataOptions(str(folder / "data.npz")))


def test_more_bits_are_less_noise_and_the_file_holds_it_all(recipe, tmp_path):
    steps = []
    found = measure(*recipe, [1, 2, 4], samples=16, progress=lambda *step: steps.append(step))
    assert steps[-1] == (6, 6)
    assert [(row.layer, row.bits) for row in found.rows][:4] == [
        ("a/affine", 1),
        ("a/affine", 2),
        ("a/affine", 4),
        ("b/affine", 1),
    ]
    for rows in (found.rows[:3], found.rows[3:]):
        ratios = [row.tensor_snr for row in rows]
        assert ratios == sorted(ratios) and rows[0].output_snr < rows[2].output_snr
    assert found.samples == 16
    assert not nn.get_parameters(grad_only=False)
    found.write(tmp_path / "found.json")
    assert Sensitivities.read(tmp_path / "found.json") == found


def test_dictionaries_are_measured_at_their_best(recipe):
    found = measure(*recipe, [1, 3, 6], samples=8)
    with nn.parameter_scope("", {}):
        network = NnpFile(recipe[1] / recipe[0].model.nnp).build(batch_size=1)
        weights = {x.name: x.weight.d.copy() for x in layers(list(network.outputs.values()))}
    for row in found.rows:
        cells = sorted_cells(weights[row.layer])
        noise = cells.error(best_entries(cells, 2**row.bits))
        if noise > 1e-9:
            signal = np.square(weights[row.layer].astype(np.float64)).sum()
            assert row.tensor_snr == pytest.approx(10 * np.log10(signal / noise), abs=1e-3)


def test_activations_are_measured_with_ranges_of_a_batch(recipe):
    found = measure(*recipe, [2, 8], None, samples=16, activations="uniform")
    assert [(row.kind, row.layer, row.bits) for row in found.rows] == [
        ("activations", "a/affine/relu", 2),
        ("activations", "a/affine/relu", 8),
    ]
    few, many = found.rows
    assert (few.elements, few.size_bits, many.size_bits, few.macs) == (16, 32, 128, 0)
    assert few.tensor_snr < many.tensor_snr and few.output_snr < many.output_snr
    assert many.tensor_snr > 30


def test_two_processes_find_what_one_finds(recipe):
    rules = {"quantizer": "lut", "activations": "uniform"}
    assert measure(*recipe, [2], workers=workers(2), **rules) == measure(
        *recipe, [2], workers=workers(1), **rules
    )


def test_one_tensor_alone_scores_the_same_together(recipe):
    found = measure(*recipe, [2, 4], samples=16, activations="uniform")
    row = next(row for row in found.rows if row.kind == "weights" and row.bits == 2)
    scores = measure_together(found, {row.kind: {row.layer: row.bits}})
    assert scores.loss - found.loss == row.loss
    assert scores.output_snr == row.output_snr
    nothing = measure_together(found, {})
    assert (nothing.loss, nothing.output_snr) == (found.loss, None)
    everything = measure_together(
        found,
        {
            "weights": {"a/affine": 2, "b/affine": 2},
            "activations": {"a/affine/relu": 2},
        },
    )
    assert everything.output_snr < min(r.output_snr for r in found.rows if r.bits == 2)
    assert not nn.get_parameters(grad_only=False)


@pytest.mark.parametrize("quantizer", ["uniform", "lut"])
def test_what_is_scored_together_is_what_compress_makes_of_the_rules(recipe, tmp_path, quantizer):
    from nnabla_compress.runs import Run
    from nnabla_compress.search import recipe_rules

    found = measure(*recipe, [3], quantizer, samples=20, activations="uniform")
    bits = {(row.kind, row.layer): row.bits for row in found.rows}
    scores = measure_together(
        found, {"weights": {"a/affine": 3, "b/affine": 3}, "activations": {"a/affine/relu": 3}}
    )
    rules = recipe_rules(found.quantizers, bits)
    model, data = recipe[0].model.nnp, recipe[0].data.model_extra["path"]
    described, folder = recipe_of(tmp_path / model, **rules, data=data, nnb=False)
    results = Run(described, tmp_path / "run", folder).execute(
        lambda name, total: lambda *arguments: None
    )
    assert results.compressed.loss == pytest.approx(scores.loss, rel=1e-6)


def test_a_network_of_numbers_has_no_accuracy(tmp_path):
    x = nn.Variable((4, 6))
    _save(tmp_path / "net.nnp", PF.affine(x, 2, name="a"), x)
    data = np.random.RandomState(0).randn(20, 6).astype(np.float32)
    np.savez(tmp_path / "data.npz", x_test=data, y_test=data[:, :2])
    data = DataOptions(str(tmp_path / "data.npz"), loss="SquaredError")
    recipe = network_recipe(tmp_path / "net.nnp", data)
    (row,) = measure(*recipe, [2], samples=8).rows
    assert row.accuracy is None and row.loss != 0


@pytest.mark.parametrize(
    "quantizer, words",
    [
        ("lut:bits=4", "no bits to choose"),
        ("none", "no bits to choose"),
        ("prune", "prune has no bits"),
        ("prune:rate=0.5", "prune has no bits"),
        ("lutt", "unknown quantizer"),
    ],
)
def test_a_quantizer_without_bits_to_choose_is_refused(quantizer, words):
    with pytest.raises(ConfigError, match=words) as refused:
        rule_of(quantizer, 2)
    assert refused.value.help


def test_what_matches_nothing_is_refused_with_names(recipe):
    with pytest.raises(ConfigError, match="matches no layer") as refused:
        measure(*recipe, [2], "nothing*=lut")
    assert "a/affine" in refused.value.help
    with pytest.raises(ConfigError, match="matches no activation"):
        measure(*recipe, [2], activations="*tanh=uniform")
    with pytest.raises(ConfigError, match="neither weights nor activations"):
        measure(*recipe, [2], None)


@pytest.mark.parametrize("change", ["[]", "{}", '{"rows": []}', None])
def test_a_file_that_holds_no_sensitivities_is_refused(recipe, tmp_path, change):
    path = tmp_path / "x.json"
    path.write_text(change or "")
    with pytest.raises(DataError, match="holds no sensitivities"):
        Sensitivities.read(path)
    with pytest.raises(DataError, match="gone.json"):
        Sensitivities.read(tmp_path / "gone.json")


def test_rows_that_are_out_of_sense_are_refused(recipe, tmp_path):
    found = measure(*recipe, [2], samples=8)
    found.write(tmp_path / "x.json")
    for key, value in (("bits", -1), ("size_bits", "a"), ("kind", "c"), ("loss", None)):
        content = json.loads((tmp_path / "x.json").read_text())
        content["rows"][0][key] = value
        (tmp_path / "y.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match=key):
            Sensitivities.read(tmp_path / "y.json")


def test_a_network_that_is_gone_is_named(recipe, tmp_path):
    found = measure(*recipe, [2], samples=8)
    found.write(tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    content["recipe"]["model"]["nnp"] = "gone.nnp"
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="gone.nnp"):
        measure_together(Sensitivities.read(tmp_path / "x.json"), {"weights": {"a/affine": 2}})
    content["recipe"] = {"name": 3}
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="name no network"):
        measure_together(Sensitivities.read(tmp_path / "x.json"), {})
