# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.fixed_point.calibration import Spread, calibrate, channel_means
from nnabla_compress.lowering.fixed_point.graph import integer_graph
from nnabla_compress.lowering.fixed_point.kernels import key


def calibrated(y, x, *batches, bits=8):
    graph = integer_graph([y], [x], [], {})
    return graph, calibrate(graph, [{x: np.float32(batch)} for batch in batches], bits)


def layer(weights, bias):
    x = nn.Variable((1, len(weights)))
    w = nn.Variable.from_numpy_array(np.float32(weights))
    b = nn.Variable.from_numpy_array(np.float32(bias))
    return x, F.affine(x, w, b)


def test_a_spread_knows_what_saturation_cuts_off():
    spread = Spread(8)
    spread.add(np.float32([1, -3, 4]))
    spread.add(np.float32([2]))
    assert (spread.largest, spread.count, spread.squares) == (4, 4, 30)
    assert spread.cut[:5].tolist() == [0, 0, 0, 0, 0]  # 127 / 16 = 7.9
    assert spread.cut[5] == pytest.approx((4 - 127 / 32) ** 2)
    assert spread.cut[6] == pytest.approx(
        (4 - 127 / 64) ** 2 + (3 - 127 / 64) ** 2 + (2 - 127 / 64) ** 2
    )
    assert np.isinf(spread.cut[8])


def test_what_a_relu_cuts_off_does_not_count():
    x, h = layer([[1.0, 1.0]], [0, 0])
    graph, found = calibrated(F.relu(h), x, [[-100.0], [3.0]])
    y = graph.outputs[0]
    assert found.windows[key(y.parent.inputs[0])] == (0, np.inf)
    assert found.spreads[key(y.parent.inputs[0])].largest == 3
    assert found.spreads[key(x)].largest == 100


def test_a_clip_bounds_the_window_from_above():
    x, h = layer([[1.0]], [0])
    graph, found = calibrated(F.minimum_scalar(F.relu(h), 6.0), x, [[50.0]])
    relu = graph.outputs[0].parent.inputs[0]
    assert found.windows[key(relu)] == (-np.inf, 6)
    assert found.windows[key(relu.parent.inputs[0])] == (0, 6)


def test_what_only_moves_values_has_their_counts_but_not_those_before_a_bias():
    x, h = layer([[1.0]], [-90.0])
    moved = F.reshape(F.relu(h), (1, 1, 1))
    graph, found = calibrated(F.reshape(h, (1, 1, 1)) + moved, x, [[100.0]])
    by_type = {}
    for function in functions(graph.outputs):
        by_type.setdefault(function.info.type_name, []).append(key(function.outputs[0]))
    largest = {name: [found.spreads[k].largest for k in keys] for name, keys in by_type.items()}
    assert largest["Affine"] == [100]  # before its bias is added
    assert sorted(largest["Reshape"]) == [10, 10] and largest["ReLU"] == [10]


@pytest.mark.parametrize(
    ("low", "high", "reads"),
    [(0, 6, F.tanh), (0, 6, F.relu), (-2, 3, F.tanh), (4, 2, F.tanh), (-3, -1, F.relu)],
)
def test_what_passes_a_clip_is_counted_as_it_comes_out(low, high, reads):
    x, h = layer([[1.0]], [1.0])
    clipped = F.minimum_scalar(F.maximum_scalar(h, low), high)
    graph, found = calibrated(reads(clipped), x, [[-9.0], [1.5], [4.0]], [[100.0]])
    seen = np.maximum([-8, 2.5, 5, 101], low)
    for name, values in (("MaximumScalar", seen), ("MinimumScalar", np.minimum(seen, high))):
        variable = next(f.outputs[0] for f in functions(graph.outputs) if f.info.type_name == name)
        values = np.clip(values, *found.windows[key(variable)])
        spread = found.spreads[key(variable)]
        assert (spread.count, spread.largest) == (4, np.abs(values).max())
        assert spread.squares == pytest.approx(np.square(values).sum())


def test_several_readers_see_the_wider_window():
    x, h = layer([[1.0]], [0])
    _, found = calibrated(F.add2(F.relu(h), h), x, [[-5.0]])
    assert max(s.largest for s in found.spreads.values()) == 5


def test_the_sum_before_the_bias_must_fit_where_it_matters():
    x, h = layer([[1.0, 1.0]], [-9, -900])
    graph, found = calibrated(F.relu(h), x, [[10.0]])
    # Channel 0 gives 10 - 9; channel 1 is never above 0, so that its bias may saturate.
    assert found.spreads[key(graph.outputs[0].parent.inputs[0])].largest == 10


def test_means_are_those_of_all_batches_within_the_window():
    x, h = layer([[1.0, -1.0]], [0, 0])
    graph, found = calibrated(F.relu(h), x, [[1.0], [-3.0]], [[5.0]])
    function = graph.outputs[0].parent.inputs[0].parent
    assert found.means[function].tolist() == [2, 1]


def test_parameters_are_certain():
    x, h = layer([[0.25, 4.0]], [0, 0])
    graph, found = calibrated(h, x, [[1.0]])
    spread = found.spreads[key(graph.outputs[0].parent.inputs[1])]
    assert spread.certain and spread.largest == 4


def test_means_of_channels():
    assert channel_means(np.float32([[[1, 3]], [[5, 9]]]), 1).tolist() == [[2], [7]]


def test_means_can_be_those_of_some_rows_while_all_are_counted():
    x, h = layer([[1.0, -1.0]], [0, 0])
    graph = integer_graph([F.relu(h)], [x], [], {})
    batches = [{x: np.float32([[1], [-3], [9]])}, {x: np.float32([[5]])}]
    found = calibrate(graph, batches, 8, rows=[np.array([0, 1]), np.array([], int)])
    function = graph.outputs[0].parent.inputs[0].parent
    assert found.means[function].tolist() == [0.5, 1.5]
    assert found.spreads[key(x)].count == 4 and found.spreads[key(x)].largest == 9


def test_means_of_spreads_and_without_them_are_the_same():
    nn.clear_parameters()
    x = nn.Variable((1, 3, 6, 6))
    y = F.relu(PF.convolution(F.relu(PF.convolution(x, 4, (3, 3), name="a")), 5, (2, 2), name="b"))
    graph = integer_graph([y], [x], [], {})
    feed = {x: np.random.RandomState(0).randn(7, 3, 6, 6).astype(np.float32)}
    counted, alone = (calibrate(graph, [feed], 8, spread=spread).means for spread in (True, False))
    assert len(counted) == 2
    for function in counted:
        np.testing.assert_allclose(counted[function], alone[function], rtol=1e-6)
