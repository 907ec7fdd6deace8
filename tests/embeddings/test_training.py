# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import PairTraining, PinSage, Walks, linked_pairs, train
from nnabla_compress.embeddings import training as module
from nnabla_compress.errors import ConfigError, DataError, TrainingError
from tests.embeddings.graphs import planted, random_graph

HOW = Walks(neighbours=3, walks=10, length=3)
SMALL = PinSage(2, 12, 12, 6)
FEATURES = np.random.RandomState(0).randn(60, 6).astype(np.float32)


def trained(seed=0, folder=None, network=SMALL, features=FEATURES, **options):
    graph = random_graph()
    settings = PairTraining(
        **{"epochs": 3, "batch_size": 32, "negatives": 8, "hard": 2, "first_rank": 2, **options}
    )
    pairs = linked_pairs(graph)
    return train(network, features, graph, pairs, HOW, settings, seed=seed, folder=folder)


def same(one, other):
    return all(
        one.parameters[path].tobytes() == v.tobytes() for path, v in other.parameters.items()
    )


def test_it_learns_and_its_seed_says_all():
    first = trained(start="random", epochs=20, hard=0, learning_rate=0.01, dropout=0, decay=1.0)
    assert first.losses[-1] < 0.8 * first.losses[0]
    short = trained()
    assert same(short, trained()) and not same(short, trained(seed=1))


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_how_far_ahead_samples_are_made_changes_no_bit(ahead):
    assert same(trained(ahead=ahead), trained())


def test_killed_in_any_epoch_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    whole = trained(dropout=0.2)
    update, calls = module._update, []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) in (6, 11):
            raise KeyboardInterrupt
        return update(*arguments)

    monkeypatch.setattr(module, "_update", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(folder=tmp_path, dropout=0.2)
    resumed = trained(folder=tmp_path, dropout=0.2)
    assert same(resumed, whole) and resumed.losses == whole.losses
    updates = 3 * (len(linked_pairs(random_graph())) // 32)
    assert updates < len(calls) < updates + 2 * (updates // 3) + 2, "whole epochs were kept"


def test_a_training_that_diverges_is_told():
    with pytest.raises(TrainingError, match="is no longer finite after update"):
        trained(learning_rate=1e38, start="random")


def test_a_feature_that_is_no_number_is_told_with_its_item():
    features = FEATURES.copy()
    features[5, 2] = np.nan
    with pytest.raises(DataError, match="a feature of item 5 is NaN or infinite"):
        trained(features=features)


def test_features_that_are_all_zeros_are_told():
    with pytest.raises(DataError, match="items, those of batch 0, are all zeros"):
        trained(features=np.zeros_like(FEATURES))


def test_features_that_are_not_those_of_the_items_are_refused():
    with pytest.raises(DataError, match=r"the shape \(59, 6\), the graph has 60 items"):
        trained(features=FEATURES[:59])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"epochs": -1}, "epochs is -1, the least is 0"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"last_rank": 1}, "last_rank is 1, the least is 2"),
        ({"margin": 0}, "margin is 0"),
        ({"decay": 1.5}, "decay is 1.5"),
        ({"dropout": 1}, "dropout is 1"),
        ({"start": "poling"}, "start is 'poling'"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        trained(**options)


def test_a_network_too_narrow_to_begin_as_pooling_is_told():
    with pytest.raises(ConfigError, match="can't begin as pooling") as caught:
        trained(network=PinSage(2, 11, 12, 6))
    assert "at least 12" in caught.value.help


@pytest.mark.long
def test_planted_groups_are_found_by_edges_where_features_say_little(tmp_path):
    from nnabla_compress.embeddings import embed_all, precision

    graph, features, labels = planted(noise=1.5)
    settings = PairTraining(epochs=4, batch_size=128, negatives=64, margin=0.5, first_rank=30)
    how = Walks(neighbours=8)
    network = PinSage(2, 32, 32, 16)
    found = {}
    for pooling in ("importance", "none"):
        made = train(network, features, graph, linked_pairs(graph), how, settings, pooling)
        z = embed_all(made.parameters, features, graph, how, tmp_path / pooling, pooling)
        found[pooling] = precision(z, labels)
    content = precision(features, labels)
    assert found["importance"] > 95 and found["importance"] > max(content, found["none"]) + 10
