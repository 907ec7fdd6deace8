# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.data.two_classes import two_classes
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.parsimonious import ParsimoniousSettings, fit, fit_parsimonious
from nnabla_compress.parsimonious.fit import information_criterion
from nnabla_compress.parsimonious.hyperplanes import Hyperplanes

# Cells of a table of 2,201 people: class of the cabin (0: crew), male, adult, died, survived.
TITANIC = (
    "1 1 0 0 5, 2 1 0 0 11, 3 1 0 35 13, 1 0 0 0 1, 2 0 0 0 13, 3 0 0 17 14, 1 1 1 118 57, "
    "2 1 1 154 14, 3 1 1 387 75, 0 1 1 670 192, 1 0 1 4 140, 2 0 1 13 80, 3 0 1 89 76, 0 0 1 3 20"
)
QUICK = ParsimoniousSettings(sweeps=40, burn_in=20, most_layers=1)


def titanic():
    x, y = [], []
    for cell in TITANIC.split(", "):
        *who, died, survived = (int(word) for word in cell.split())
        x += [who] * (died + survived)
        y += [0] * died + [1] * survived
    order = np.random.RandomState(0).permutation(len(y))
    return np.float32(x)[order], np.array(y)[order]


def error_of(found, split):
    return float((found.predict(split.x) != split.y.ravel()).mean())


@pytest.mark.long
def test_a_table_of_people_takes_few_hyperplanes_and_is_nearly_as_good_as_can_be():
    x, y = titanic()
    found = fit_parsimonious((x[:150], y[:150]), sweeps=400)
    assert (found.predict(x[150:]) != y[150:]).mean() < 0.24  # 0.2095 is the least of the table
    assert sum(map(sum, found.widths)) <= 10 and len(found.layers) == 1


@pytest.mark.slow
def test_spirals_are_separated_by_depth_where_draws_are_taken_and_not_where_the_mode_is():
    data = two_classes("spirals", samples=1200)
    drawn = fit_parsimonious(data.split("train"))
    assert len(drawn.layers) > 1 and error_of(drawn, data.split("test")) < 0.08
    shallow = fit_parsimonious(data.split("train"), most_layers=1)
    assert error_of(shallow, data.split("test")) > 0.25
    mode = fit_parsimonious(data.split("train"), method="map")
    assert error_of(mode, data.split("test")) > 0.25
    assert "method='gibbs'" in mode.notes[0]


def test_layers_are_added_until_the_criterion_does_not_fall(monkeypatch):
    of_sides = iter([-50.0, -50.0, -25.0, -25.0, -20.0, -20.0])
    monkeypatch.setattr(Hyperplanes, "log_likelihood", lambda self, x, y: next(of_sides))

    read = []

    def two(x, y, settings, seed):
        read.append(x.shape[1])
        return Hyperplanes(np.zeros((x.shape[1] + 1, 2)), np.ones(2))

    monkeypatch.setattr(fit, "sample_hyperplanes", two)
    found = fit_parsimonious((np.random.RandomState(0).randn(20, 3), np.arange(20) % 2))
    # Sides of 2 hyperplanes: layer 2 reads both and the inputs, layer 3 both and those of layer 1.
    assert read == [3, 3, 7, 7, 8, 8]
    assert found.criteria == (240, 180, 200) and len(found.layers) == 2
    assert found.tried == ((2, 2),) * 3 and found.widths == ((2, 2),) * 2


def test_the_criterion_counts_what_a_layer_reads_of_the_one_below():
    assert information_criterion(2, [11], -100) == 288
    assert information_criterion(2, [11, 7], -60) == 368


def test_labels_may_be_called_anything_and_samples_have_any_shape():
    x = np.random.RandomState(0).randn(40, 1, 2, 2).astype(np.float32)
    labels = np.where(x[:, 0, 0, 0] > 0, "yes", "no")
    found = fit_parsimonious((x, labels), QUICK)
    assert found.classes == ("no", "yes") and set(found.predict(x)) <= {"no", "yes"}
    assert (found.predict(x) == labels).mean() > 0.9
    batch = nn.Variable.from_numpy_array(x)
    made = found.network.on({"x": batch}).output
    made.forward()
    np.testing.assert_allclose(made.d[:, 1], found.probability(x), atol=1e-5)


@pytest.mark.parametrize("method", ["gibbs", "map"])
def test_separable_classes_and_a_constant_input_give_a_sane_network(method):
    x = np.stack([np.linspace(-1, 1, 60), np.full(60, 7.0)], axis=1)
    y = (x[:, 0] > 0).astype(int)
    found = fit_parsimonious((x, y), QUICK, method=method, updates=600)
    assert (found.predict(x) == y).mean() > 0.9
    assert "1 of 2 inputs are constant: left out" in found.notes
    assert all(np.isfinite(v.d).all() for v in found.network.parameters.values())
    moved = x + [0, 100]
    np.testing.assert_array_equal(found.predict(moved), found.predict(x))


@pytest.mark.parametrize(
    "x, y, message",
    [
        (np.eye(4), np.zeros(4), "1 class\\(es\\) in the labels \\(0.0\\), it separates two"),
        (np.eye(5), np.arange(5), "5 class\\(es\\) in the labels \\(0, 1, 2, 3, ...\\)"),
        (np.ones((4, 2)), [0, 1, 0, 1], "all inputs are constant"),
        (np.full((60, 2), 0.1), np.arange(60) % 2, "all inputs are constant"),
        (np.eye(4) * 1e200, [0, 1, 0, 1], "sample 0 holds .* a number beyond 1e\\+30"),
        (np.eye(4), [0, 1, 0, np.nan], "the label of sample 3 is NaN"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "sample 0 holds NaN"),
        (np.eye(4), [0, 1], "4 samples and 2 labels"),
        (np.zeros((0, 2)), [], "0 samples and 0 labels"),
        ([["a"], ["b"]], [0, 1], "no array of numbers"),
    ],
)
def test_what_can_not_be_separated_is_refused_with_one_message(x, y, message):
    with pytest.raises(DataError, match=message) as error:
        fit_parsimonious((x, y), QUICK)
    assert error.value.help


@pytest.mark.parametrize("data", [two_classes("rings", samples=8), np.eye(3), None, (1, 2, 3)])
def test_what_is_no_pair_of_samples_and_labels_is_refused(data):
    with pytest.raises(DataError, match="no samples with their labels") as error:
        fit_parsimonious(data, QUICK)
    assert "data.split('train')" in error.value.help


def test_other_samples_than_those_of_the_fit_are_refused():
    x = np.random.RandomState(0).randn(20, 2)
    found = fit_parsimonious((x, x[:, 0] > 0), QUICK)
    for other in (x[:, :1], x[0], np.ones((3, 5))):
        with pytest.raises(DataError, match="the network was fitted to 2"):
            found.predict(other)
    with pytest.raises(DataError, match="sample 1 holds NaN"):
        found.predict([[0, 0], [0, np.nan]])


def test_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match="layers"):
        fit_parsimonious((np.eye(2), [0, 1]), layers=3)
