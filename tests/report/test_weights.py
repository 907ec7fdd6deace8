# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.report.weights import (
    histogram_rows,
    plot_series,
    plot_weights,
    weight_histograms,
)


def net():
    h = F.relu(PF.affine(nn.Variable((1, 16)), 8, apply_w=Q.Uniform(2, initial_step=0.5), name="a"))
    h = PF.affine(h, 4, apply_w=Q.LUT(bits=2), name="b")
    return PF.affine(h, 2, name="c/$x^{")


def test_each_layer_has_its_weights_counted_and_the_levels_that_it_has():
    found = weight_histograms([net()])
    assert [name.split("/")[0] for name in found] == ["a", "b", "c"]
    for histogram in found.values():
        assert abs(histogram.counts.sum() - 1) < 1e-9
        middle = histogram.edges[len(histogram.counts) // 2 :][:2]
        assert middle[0] < 0 < middle[1] and abs(middle.sum()) < 1e-9
    largest = np.abs(nn.get_parameters()["a/affine/W"].d).max()
    assert found["a/affine"].edges[[0, -1]].tolist() == [-float(largest), float(largest)]
    assert found["a/affine"].levels.tolist() == [-0.5, 0, 0.5]
    assert len(found["b/affine"].levels) == 4 and not len(found[list(found)[2]].levels)


def test_weights_that_are_zero_or_not_finite_can_be_counted():
    y = net()
    nn.get_parameters()["a/affine/W"].d = 0
    nn.get_parameters()["b/affine/W"].d = np.nan
    found = weight_histograms([y])
    assert found["a/affine"].counts.max() == 1 and "b/affine" not in found


def test_pictures_are_written_for_any_names(tmp_path):
    found = weight_histograms([net()])
    plot_weights(found, found, tmp_path / "weights.png", "a $title^{")
    plot_weights({}, found, tmp_path / "none.png")
    for name in ("weights", "none"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_series_is_drawn_where_there_is_one(tmp_path):
    assert not plot_series(tmp_path, "Beta", tmp_path / "beta.png")
    (tmp_path / "Beta-conv1.conv.series.txt").write_text("9 7\n19 5.5\n")
    (tmp_path / "Beta-$x^{.series.txt").write_text("")
    assert plot_series(tmp_path, "Beta", tmp_path / "beta.png", "example")
    assert (tmp_path / "beta.png").read_bytes().startswith(b"\x89PNG")


def test_rows_of_histograms_have_the_same_bins_before_and_after_and_a_dictionarys_levels():
    nn.clear_parameters()
    w = np.linspace(-2, 2, 40).reshape(8, 5)
    x = nn.Variable((1, 8))
    before = weight_histograms([PF.affine(x, 5, w_init=w, name="fc")])
    quantized = PF.affine(x, 5, w_init=w, name="fc", apply_w=Q.LUT(bits=1))
    (row,) = histogram_rows(before, weight_histograms([quantized]))
    assert (row["layer"], row["low"], row["high"], len(row["levels"])) == ("fc/affine", -2, 2, 2)
    assert row["before"] == row["after"] and sum(row["after"]) == pytest.approx(1, abs=1e-3)
    assert "before" not in histogram_rows({}, before)[0]
