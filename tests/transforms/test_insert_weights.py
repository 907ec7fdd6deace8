# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.nnp_graph import NnpLoader
from nnabla.utils.save import save

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, UnsupportedFunctionError
from nnabla_compress.graph import functions
from nnabla_compress.quantizers import LUT
from nnabla_compress.transforms import insert_weight_quantizers
from tests.graph.networks import forward, values


def small(x, **args):
    h = F.relu(PF.convolution(x, 4, (3, 3), name="c", **args), inplace=True)
    return PF.affine(h, 3, name="f", **args)


def test_inserted_quantizers_equal_those_of_apply_w():
    x = nn.Variable.from_numpy_array(values(2, 3, 6, 6))
    (inserted,) = insert_weight_quantizers([small(x)], lambda layer: LUT(bits=2))
    got = forward(inserted)
    np.testing.assert_array_equal(got, forward(small(x, apply_w=LUT(bits=2))))
    assert len(np.unique(functions([inserted])[0].outputs[0].d)) == 4
    assert "f/affine/lut/dictionary" in nn.get_parameters(grad_only=False)


def test_layers_that_are_not_chosen_stay_float():
    x = nn.Variable((2, 3, 6, 6))
    (y,) = insert_weight_quantizers(
        [small(x)], lambda layer: LUT(bits=2) if layer.type == "Affine" else None
    )
    assert [layer.quantizer is not None for layer in layers([y])] == [False, True]


def test_a_weight_of_two_layers_is_quantized_once():
    h = PF.affine(nn.Variable((1, 4)), 4, name="s")
    asked = []
    (y,) = insert_weight_quantizers(
        [PF.affine(h, 4, name="s")], lambda layer: asked.append(layer.name) or LUT(bits=1)
    )
    assert asked == ["s/affine"]
    assert [f.info.type_name for f in functions([y])] == ["nnabla_compress.LUT", "Affine", "Affine"]


def test_gradients_reach_the_float_weight():
    x = nn.Variable.from_numpy_array(values(2, 3, 6, 6))
    (y,) = insert_weight_quantizers([small(x)], lambda layer: LUT(bits=2))
    weight = nn.get_parameters()["c/conv/W"]
    weight.grad.zero()
    loss = F.mean(y)
    loss.forward()
    loss.backward()
    assert np.abs(weight.g).max() > 0


def test_a_network_from_a_file_in_a_private_scope_is_quantized_there(tmp_path):
    x = nn.Variable((2, 3, 6, 6))
    y = small(x)
    path = str(tmp_path / "net.nnp")
    network = {"name": "n", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
    save(path, {"networks": [network], "executors": []})
    nn.clear_parameters()
    scope = OrderedDict()
    with nn.parameter_scope("", scope):
        network = NnpLoader(path).get_network("n", batch_size=1)
    (quantized,) = insert_weight_quantizers(
        list(network.outputs.values()), lambda layer: LUT(bits=2), scope
    )
    network.inputs["x"].d = values(1, 3, 6, 6)
    assert np.isfinite(forward(quantized)).all()
    assert nn.get_parameters(grad_only=False) == {}
    with nn.parameter_scope("", scope):
        assert "c/conv/lut/assignments" in nn.get_parameters(grad_only=False)
        names = [layer.quantizer.info.args["name"] for layer in layers([quantized])]
    assert names == ["c/conv", "f/affine"]


def test_a_quantizer_that_is_there_is_replaced_and_one_that_does_not_fit_refused():
    x = nn.Variable((2, 3, 6, 6))
    (y,) = insert_weight_quantizers([small(x)], lambda layer: LUT(bits=2))
    (z,) = insert_weight_quantizers([y], lambda layer: LUT(bits=2, prune=0.5))
    assert [layer.quantizer.info.args["prune"] for layer in layers([z])] == [0.5, 0.5]
    with pytest.raises(ConfigError, match="layer c/conv holds parameters of another quantizer"):
        insert_weight_quantizers([y], lambda layer: LUT(bits=3))


def test_a_weight_behind_another_function_is_refused():
    y = PF.fixed_point_quantized_affine(nn.Variable((1, 4)), 2, name="q")
    with pytest.raises(UnsupportedFunctionError, match="goes through FixedPointQuantize"):
        insert_weight_quantizers([y], lambda layer: LUT(bits=2))
