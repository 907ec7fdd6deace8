# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Changes of weights and thresholds, one by one, leave the network what it was."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.neurons import neurons
from nnabla_compress.analysis.reach import within
from nnabla_compress.transforms import neuron_values as V


def dense():
    nn.clear_parameters()
    x = nn.Variable((40, 3))
    h = F.relu(PF.affine(x, 6, name="a"))
    return x, PF.affine(h, 2, name="b")


def maps(pad=0):
    nn.clear_parameters()
    x = nn.Variable((8, 2, 8, 8))
    h = F.max_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="a")), (2, 2))
    h = F.relu(PF.convolution(h, 4, (2, 2), pad=(pad, pad), group=2, name="b"))
    return x, PF.affine(h, 2, name="c")


def computed(x, y):
    x.d = np.random.RandomState(0).uniform(-1, 1, x.shape)
    y.forward()
    return y.d.copy()


def after(y, change):
    found = neurons([y])
    arrays = {v.data: np.array(v.d, np.float64) for v in nn.get_parameters().values()}
    change(found, arrays)
    for variable in nn.get_parameters().values():
        variable.d = arrays[variable.data]
    return found, arrays


@pytest.mark.parametrize("network", [dense, maps])
def test_weights_of_length_1_give_the_same(network):
    x, y = network()
    before = computed(x, y)
    found, arrays = after(y, lambda found, arrays: [V.normalize(e, arrays) for e in found])
    assert all(np.allclose(V.lengths(each, arrays), 1, atol=1e-6) for each in found)
    np.testing.assert_allclose(computed(x, y), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", [dense, maps])
def test_a_threshold_of_a_unit_that_is_always_on_moves_to_the_bias_behind(network):
    x, y = network()
    for path in [path for path in nn.get_parameters() if path.endswith("/b")]:
        nn.get_parameters()[path].d[1] = 50
    before = computed(x, y)
    after(y, lambda found, arrays: V.move_on(found[0], [1], [40.0], arrays))
    biases = [v for path, v in nn.get_parameters().items() if path.endswith("/b")]
    assert biases[0].d[1] == 10
    np.testing.assert_allclose(computed(x, y), before, rtol=1e-4, atol=1e-4)


def test_it_does_not_move_into_a_layer_that_pads():
    assert V.can_move(neurons([maps(pad=0)[1]])[0])
    assert not V.can_move(neurons([maps(pad=1)[1]])[0])


def test_many_units_that_are_always_on_are_as_few_as_they_have_directions():
    x, y = dense()
    nn.get_parameters()["a/affine/b"].d[1:] = 50
    before = computed(x, y)

    def change(found, arrays):
        units = [1, 2, 3, 4, 5]
        made = V.merged(found[0], units, arrays)
        thresholds = V.always_on_from(made.weights, within(-np.ones((1, 3)), np.ones((1, 3))))
        assert len(thresholds) == 2  # the layer behind has two outputs
        V.merge(found[0], units, thresholds, arrays)

    found, arrays = after(y, change)
    assert (V.lengths(found[0], arrays) > 0).sum() == 3
    np.testing.assert_allclose(computed(x, y), before, rtol=1e-4, atol=1e-4)
