# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network suffers where it gets smaller, against NumPy."""

from __future__ import annotations

import json
from dataclasses import replace

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.search import Sensitivities, Shares, Smaller, measure, measure_together
from nnabla_compress.workers import workers
from tests.search.networks import LAYERS, loss_of, outputs_of, three_layers


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return three_layers(tmp_path_factory.mktemp("measure"))


@pytest.fixture(scope="module")
def found(given):
    shares = Shares(channels=[0.25, 0.5], ranks=[0.4, 0.8], method="svd")
    return measure(*given[0], [2], samples=40, shares=shares)


def rows(found, kind):
    return [row for row in found.rows if row.kind == kind]


def masked(weights, layer, channels):
    values = {path: array.copy() for path, array in weights.items()}
    values[f"{layer}/W"][:, channels] = 0
    values[f"{layer}/b"][channels] = 0
    return values


def test_channels_that_go_do_what_zeros_in_their_place_do(given, found):
    _, weights, data, labels = given
    before = loss_of(weights, data, labels)
    assert found.loss == pytest.approx(before, rel=1e-5)
    channels = rows(found, "channels")
    assert [(row.layer, row.share) for row in channels] == [
        ("a/affine", 0.25),
        ("a/affine", 0.5),
        ("b/affine", 0.25),
        ("b/affine", 0.5),
    ]
    for row in channels:
        magnitudes = np.abs(weights[f"{row.layer}/W"]).sum(axis=0)
        least = np.argsort(magnitudes)[: round(row.share * len(magnitudes))]
        assert row.decided == {"channels": sorted(least.tolist())}
        values = masked(weights, row.layer, least)
        assert row.loss == pytest.approx(loss_of(values, data, labels) - before, abs=1e-5)
        y, z = outputs_of(weights, data), outputs_of(values, data)
        noise = np.square(y - z).sum() / np.square(y).sum()
        assert row.output_snr == pytest.approx(-10 * np.log10(noise), abs=1e-3)
        w = weights[f"{row.layer}/W"].astype(np.float64)
        noise = np.square(w[:, least]).sum() / np.square(w).sum()
        assert row.tensor_snr == pytest.approx(-10 * np.log10(noise), abs=1e-3)


def test_they_save_their_weights_biases_and_the_weights_that_read_them(found):
    assert (found.parameters, found.macs) == (6 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3, 248)
    of_a, of_b = rows(found, "channels")[1], rows(found, "channels")[3]
    assert (of_a.saved_parameters, of_a.saved_macs) == (8 * (6 + 1 + 8), 8 * (6 + 8))
    assert (of_a.elements, of_a.macs, of_a.size_bits) == (8, 112, 32 * 112)
    assert (of_b.saved_parameters, of_b.saved_macs) == (4 * (16 + 1 + 3), 4 * (16 + 3))


def test_a_layer_at_lower_ranks_is_its_nearest_matrix_of_that_rank(given, found):
    _, weights, data, labels = given
    ranks = rows(found, "ranks")
    # 16 x 8 weights in two layers: 24 a rank; of 6 x 16: 22, of 8 x 3: 11.
    assert [(row.layer, row.share, row.decided["ranks"]) for row in ranks] == [
        ("a/affine", 0.4, [1]),
        ("a/affine", 0.8, [3]),
        ("b/affine", 0.4, [2]),
        ("b/affine", 0.8, [4]),
        ("c/affine", 0.8, [1]),
    ]
    before = loss_of(weights, data, labels)
    for row in ranks:
        w = weights[f"{row.layer}/W"].astype(np.float64)
        u, s, v = np.linalg.svd(w, full_matrices=False)
        (rank,) = row.decided["ranks"]
        near = (u[:, :rank] * s[:rank]) @ v[:rank]
        values = {**weights, f"{row.layer}/W": near}
        assert row.loss == pytest.approx(loss_of(values, data, labels) - before, abs=1e-4)
        noise = np.square(w - near).sum() / np.square(w).sum()
        assert row.tensor_snr == pytest.approx(-10 * np.log10(noise), abs=1e-2)
        left = rank * sum(w.shape)
        assert (row.elements, row.macs, row.size_bits) == (left, left, 32 * left)
        assert row.saved_parameters == row.saved_macs == w.size - left
        assert len(row.decided["layers"]) == 2


def test_what_can_not_get_smaller_is_kept_with_its_reason(found):
    assert list(found.kept["channels"]) == ["c/affine"]
    assert "output y" in found.kept["channels"]["c/affine"]
    assert "ranks" not in found.kept  # one share was enough for each layer


def test_the_file_holds_all_kinds_and_older_files_are_read(found, tmp_path):
    found.write(tmp_path / "x.json")
    assert Sensitivities.read(tmp_path / "x.json") == found
    content = json.loads((tmp_path / "x.json").read_text())
    for key in ("how", "kept", "parameters", "macs"):
        del content[key]
    content["rows"] = [row for row in content["rows"] if row["kind"] == "weights"]
    for row in content["rows"]:
        for key in ("share", "saved_parameters", "saved_macs", "decided"):
            del row[key]
    (tmp_path / "old.json").write_text(json.dumps(content))
    old = Sensitivities.read(tmp_path / "old.json")
    assert old.only_bits and list(old.rows) == rows(found, "weights")


@pytest.mark.parametrize(
    "kind, change",
    [
        ("channels", {"share": 1.5}),
        ("channels", {"decided": {}}),
        ("channels", {"decided": {"channels": ["a"]}}),
        ("ranks", {"decided": {"method": "svd", "ranks": [1.5], "layers": []}}),
        ("ranks", {"share": None}),
        ("weights", {"share": 0.5}),
    ],
)
def test_rows_whose_decisions_make_no_sense_are_refused(found, tmp_path, kind, change):
    row = next(row for row in found.rows if row.kind == kind)
    replace(found, rows=(replace(row, **change),)).write(tmp_path / "x.json")
    with pytest.raises(DataError, match="holds no sensitivities"):
        Sensitivities.read(tmp_path / "x.json")


def test_two_processes_find_the_same_channels_and_ranks(given, found):
    shares = Shares(channels=[0.25, 0.5], ranks=[0.4, 0.8], method="svd")
    assert measure(*given[0], [2], samples=40, workers=workers(2), shares=shares) == found


def test_one_change_alone_scores_the_same_together(found):
    row = rows(found, "channels")[0]
    scores = measure_together(found, {}, Smaller({row.layer: row.decided["channels"]}))
    assert scores.loss - found.loss == row.loss and scores.output_snr == row.output_snr
    assert not nn.get_parameters(grad_only=False)


def test_an_importance_that_looks_at_data_ranks_by_them(given):
    _, weights, data, _ = given
    shares = Shares(channels=[0.25], importance="mean_activation")
    (row, _) = measure(*given[0], [], None, samples=40, shares=shares).rows
    h = np.maximum(data @ weights["a/affine/W"] + weights["a/affine/b"], 0).mean(axis=0)
    assert row.decided["channels"] == sorted(np.argsort(h)[:4].tolist())


def test_a_network_whose_channels_all_stay_is_refused_with_reasons(tmp_path):
    import nnabla.parametric_functions as PF
    from nnabla.utils.save import save

    from nnabla_compress.recipes.quick_data import DataOptions

    x = nn.Variable((4, 6))
    contents = {
        "name": "main",
        "batch_size": 4,
        "outputs": {"y": PF.affine(x, 3, name="only")},
        "names": {"x": x},
    }
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    data = np.random.RandomState(0).randn(8, 6).astype(np.float32)
    np.savez(tmp_path / "data.npz", x_test=data, y_test=np.arange(8) % 3)
    recipe = network_recipe(tmp_path / "net.nnp", DataOptions(str(tmp_path / "data.npz")))
    with pytest.raises(ConfigError, match="no channels of this network can go .only/affine: the"):
        measure(*recipe, [], None, samples=8, shares=Shares(channels=[0.5]))
    with pytest.raises(ConfigError, match="no layer would get smaller"):
        measure(*recipe, [], None, samples=8, shares=Shares(ranks=[0.1], method="svd"))


def test_the_layers_are_those_of_the_oracle(found):
    assert tuple(row.layer for row in rows(found, "weights")) == LAYERS
