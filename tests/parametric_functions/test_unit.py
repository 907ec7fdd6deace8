# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.parametric_functions as CPF
from nnabla_compress.analysis import layers
from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.calibration import PostTrainingSettings, post_training_quantize
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models import NnpFile
from nnabla_compress.simulator import Machine
from nnabla_compress.transforms import NormalizeNeurons
from tests.transforms.removal import assert_close, computed


def network(rows=2):
    nn.clear_parameters()
    x = nn.Variable((rows, 1, 6, 6))
    h = F.relu(CPF.unit_convolution(x, 4, (3, 3), threshold=3.0, name="c"))
    h = F.relu(CPF.unit_affine(h, 8, name="a"))
    return x, PF.affine(h, 3, name="last")


@pytest.mark.parametrize("shape, axis", [((5, 3), 1), ((4, 2, 3, 3), 0)])
def test_it_computes_with_weights_of_length_1(shape, axis):
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    if len(shape) == 2:
        x = nn.Variable.from_numpy_array(rng.randn(2, 5))
        layer, plain, path = CPF.unit_affine, lambda w: F.affine(x, w), "n/affine"
        y = layer(x, 3, name="n")
    else:
        x = nn.Variable.from_numpy_array(rng.randn(2, 2, 6, 6))
        layer, plain, path = CPF.unit_convolution, lambda w: F.convolution(x, w), "n/conv"
        y = layer(x, 4, (3, 3), name="n")
    w = nn.get_parameters()[f"{path}/W"]
    others = tuple(a for a in range(w.ndim) if a != axis)
    unit = w.d / np.sqrt(np.square(w.d).sum(axis=others, keepdims=True))
    expected = plain(nn.Variable.from_numpy_array(unit))
    nn.forward_all([y, expected])
    np.testing.assert_allclose(y.d, expected.d, rtol=1e-4, atol=1e-5)


def test_gradients_are_at_right_angles_to_the_weights():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(6, 5))
    loss = F.mean(CPF.unit_affine(x, 3, name="n") ** 2)
    w = nn.get_parameters()["n/affine/W"]
    w.grad.zero()
    loss.forward()
    loss.backward()
    np.testing.assert_allclose((w.g * w.d).sum(axis=0), 0, atol=1e-5)
    assert np.abs(w.g).max() > 1e-4


def test_a_bias_stays_within_the_threshold_however_far_it_is_trained():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(np.zeros((1, 2)))
    y = CPF.unit_affine(x, 2, threshold=1.5, name="n")
    nn.get_parameters()["n/affine/b"].d = [0.01, 900]
    y.forward()
    np.testing.assert_allclose(y.d, [[0.01, 1.5]], rtol=1e-4)


def test_any_solver_trains_it():
    x, y = network(4)
    x.d = np.random.RandomState(0).rand(*x.shape)
    loss = F.mean((y - 1.0) ** 2)
    solver = S.Adam(0.01)
    solver.set_parameters(nn.get_parameters())
    values = []
    for _ in range(40):
        loss.forward()
        values.append(float(loss.d))
        solver.zero_grad()
        loss.backward()
        solver.update()
    assert values[-1] < 0.2 * values[0]


def test_an_export_holds_weights_of_length_1_and_computes_the_same(tmp_path):
    x, y = network()
    expected = computed(as_network(y))
    export_nnp(tmp_path / "net.nnp", y, x)
    made = NnpFile(tmp_path / "net.nnp").build()
    for each in made.parameters.items():
        if each[0] in ("c/conv/W", "a/affine/W"):
            rows = np.moveaxis(each[1].d, 0 if "conv" in each[0] else 1, 0)
            np.testing.assert_allclose(np.square(rows.reshape(len(rows), -1)).sum(1), 1, rtol=1e-5)
    x.d = np.random.RandomState(0).rand(*x.shape)
    y.forward()
    machine = Machine(export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp"))
    got = machine.run_many([x.d])[0]
    np.testing.assert_allclose(got, y.d, rtol=1e-4, atol=1e-5)
    assert expected


def test_its_neurons_can_be_normalized_and_quantized_afterwards():
    _, y = network()
    given = as_network(y)
    before = computed(given)
    made, decided = NormalizeNeurons().apply(given)
    assert decided["layers"] == ["c/conv", "a/affine"]
    assert_close(before, computed(made))
    with made.within():
        assert not any(layer.computed_by for layer in layers(made.all_outputs))
    settings = PostTrainingSettings(weights=("affine:bits=8",), activations=None)
    result = post_training_quantize(made.all_outputs, made.all_inputs, settings=settings)
    assert result.steps[0].weight_snr > 30


@pytest.mark.parametrize("threshold", [0, -1.0, float("inf"), float("nan"), "a", [1]])
def test_a_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(ConfigError, match="a unit layer got threshold="):
        CPF.unit_affine(nn.Variable((1, 2)), 2, threshold=threshold)
