# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import as_network
from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.graph import functions, with_batch_statistics
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import LUT
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.transforms import Pow2Normalizations, Quantize
from tests.graph.networks import randomize_statistics, values
from tests.transforms.removal import assert_close, computed
from tests.transforms.test_fold import LAYERS

POW2 = Pow2BatchNormalization.graph_type()


def made_of(network):
    before = computed(network)
    with network.within():
        made, decided = Pow2Normalizations().apply(network)
    return before, made, decided["normalizations"]


def types(network):
    return [function.info.type_name for function in functions(network.all_outputs)]


def scales(network):
    """What the new normalizations multiply by, unrounded and as they do."""
    for function in functions(network.all_outputs):
        if function.info.type_name == POW2:
            _, beta, gamma, mean, variance = function.inputs
            yield gamma.d / np.sqrt(variance.d + function.info.args["eps"])


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_over_what_a_scale_is_rounded_by(name):
    nn.clear_parameters()
    x = nn.Variable((2, 4, 6, 6))
    network = as_network(PF.batch_normalization(LAYERS[name](x), batch_stat=False, name="n"))
    randomize_statistics()
    before, made, decided = made_of(network)
    assert decided == {"n/bn": True}
    assert types(made)[-1] == POW2
    assert_close(before, computed(made))
    (scale,) = scales(made)
    exponents = np.log2(np.abs(scale[scale != 0]))
    np.testing.assert_allclose(exponents, np.rint(exponents), atol=1e-3)


def test_statistics_of_a_batch_give_the_same_too():
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(values(16, 3, 6, 6))
    h = PF.convolution(x, 5, (3, 3), name="c")
    network = as_network(PF.batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    (trained,) = with_batch_statistics([network.output], True)
    trained.forward()
    # Running statistics that are those of the batch, so that both networks round alike.
    with network.within():
        scope = nn.get_parameters(grad_only=False)
        h.forward()
        scope["n/bn/mean"].d = h.d.mean(axis=(0, 2, 3), keepdims=True)
        scope["n/bn/var"].d = h.d.var(axis=(0, 2, 3), keepdims=True)
    _, made, _ = made_of(network)
    (again,) = with_batch_statistics([made.output], True)
    made.all_inputs[0].d = values(16, 3, 6, 6)
    again.forward()
    np.testing.assert_allclose(again.d, trained.d, rtol=1e-3, atol=1e-4)


def test_what_others_read_stays_and_scales_are_rounded():
    nn.clear_parameters()
    x = nn.Variable((2, 4, 6, 6))
    h = PF.convolution(x, 4, (1, 1), name="c")
    y = PF.batch_normalization(h, batch_stat=False, name="n") + h
    y = PF.batch_normalization(F.relu(y), batch_stat=False, name="behind_no_layer")
    network = as_network(y)
    randomize_statistics()
    weight = nn.get_parameters()["c/conv/W"].d.copy()
    _, made, decided = made_of(network)
    assert decided == {"n/bn": False, "behind_no_layer/bn": False}
    assert np.array_equal(nn.get_parameters()["c/conv/W"].d, weight)
    assert types(made).count(POW2) == 2
    told = Pow2Normalizations().told({"normalizations": decided})
    assert "2 of them, such as n/bn, scale by up to 1.41 times" in told


def test_quantized_weights_keep_their_values():
    nn.clear_parameters()
    h = PF.convolution(nn.Variable((2, 3, 6, 6)), 4, (3, 3), apply_w=LUT(bits=2), name="c")
    network = as_network(PF.batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    _, made, decided = made_of(network)
    assert decided == {"n/bn": False} and types(made)[-1] == POW2


def test_normalizations_of_several_kinds_and_without_parameters_of_their_own():
    nn.clear_parameters()
    x = nn.Variable((2, 3, 6, 6))
    h = PF.convolution(x, 4, (3, 3), name="c")
    h = PF.fused_batch_normalization(h, batch_stat=False, name="f")
    h = PF.convolution(h, 4, (3, 3), name="d")
    network = as_network(PF.batch_normalization(h, batch_stat=False, no_scale=True, name="n"))
    randomize_statistics()
    before, made, decided = made_of(network)
    assert decided == {"f/bn": True, "n/bn": True}
    assert types(made) == ["Convolution", POW2, "ReLU", "Convolution", POW2]
    assert_close(before, computed(made))


def test_a_channel_that_is_always_zero_stays_so():
    nn.clear_parameters()
    h = PF.convolution(nn.Variable((2, 3, 6, 6)), 4, (3, 3), name="c")
    network = as_network(PF.batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    nn.get_parameters()["n/bn/gamma"].d = [[[[0]], [[-1.5]], [[2]], [[0]]]]
    before, made, _ = made_of(network)
    assert_close(before, computed(made))


def test_a_network_without_normalizations_is_refused():
    nn.clear_parameters()
    network = as_network(PF.affine(nn.Variable((2, 3)), 4, name="a"))
    with pytest.raises(ConfigError, match="no batch normalization"):
        Pow2Normalizations().apply(network)


def test_the_given_network_keeps_its_parameters():
    nn.clear_parameters()
    h = PF.convolution(nn.Variable((2, 3, 6, 6)), 4, (3, 3), name="c")
    network = as_network(PF.batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    before, _, _ = made_of(network)
    assert_close(before, computed(network))


def test_a_run_trains_and_exports_shifts(tmp_path):
    x = values(64, 1, 8, 8)
    y = (x.mean(axis=(1, 2, 3)) > 0).astype(np.int64)[:, None]
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    training = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01}
    rule = {"layers": "*", "quantizer": "lut", "bits": 4, "dictionary": "pow2"}
    content = {
        "name": "shifts",
        "model": {"name": "lenet", "options": {"batch_norm": True}},
        "data": {"source": "npz", "path": str(tmp_path / "d.npz"), "validation": 0.25},
        "steps": [
            {"train": training},
            "pow2_batch_normalization",
            {"quantize": {"weights": [rule]}},
            {"train": training},
        ],
    }
    results = Run(Recipe.checked(content), tmp_path / "run", tmp_path).execute(
        lambda name, total: lambda *now: None
    )
    assert results.compressed is not None
    (file,) = (tmp_path / "run").glob("**/results.nnp")
    network = NnpFile(file).build()
    scale = [f for f in functions(network.all_outputs) if f.info.type_name == "Mul2"]
    assert scale
    for function in scale:
        exponents = np.log2(np.abs(function.inputs[1].d))
        assert np.array_equal(exponents, np.rint(exponents))


def test_quantize_comes_behind():
    nn.clear_parameters()
    h = PF.convolution(nn.Variable((2, 3, 6, 6)), 4, (3, 3), name="c")
    network = as_network(PF.batch_normalization(h, batch_stat=False, name="n"))
    randomize_statistics()
    _, made, _ = made_of(network)
    rule = {"layers": "*", "quantizer": "lut", "bits": 4, "dictionary": "pow2"}
    with made.within():
        quantized, _ = Quantize.checked({"weights": [rule]}).apply(made)
    assert isinstance(quantized, Network)
    assert [t for t in types(quantized) if t == POW2] == [POW2]
