# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What quantizers share: the registry, finding their nodes, scopes, refusals."""

from __future__ import annotations

import gc

import nnabla as nn
import nnabla.function
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.graph import clone
from nnabla_compress.quantizers.base import NODE_PREFIX, clone_node, scope_name
from nnabla_compress.quantizers.engine import array


def test_every_quantizer_is_registered_under_its_type_name():
    for type_name, quantizer in Q.registered().items():
        assert quantizer.type_name == type_name
        assert issubclass(quantizer, Q.Quantizer)
    assert Q.registered()["LUT"] is Q.LUT
    assert Q.registered()["MagnitudePrune"] is Q.Prune


def test_the_registry_handed_out_is_a_copy():
    Q.registered().clear()
    assert "LUT" in Q.registered()


def test_a_node_found_in_a_graph_leads_to_its_quantizer_and_others_to_none():
    y = PF.affine(nn.Variable((1, 3)), 2, apply_w=Q.Prune(0.5), name="fc")
    found = {}
    y.visit(lambda f: found.update({f.info.type_name: Q.quantizer_of(f)}))
    assert found == {"nnabla_compress.MagnitudePrune": Q.Prune, "Affine": None}


@pytest.mark.parametrize("quantizer", [Q.LUT(bits=2), Q.Prune(0.5)])
def test_a_weight_that_is_computed_is_refused(quantizer):
    with pytest.raises(ConfigError, match="output of ReLU") as caught:
        quantizer(F.relu(nn.Variable((3,))))
    assert caught.value.help


def test_graph_quantizers_come_once_each_in_the_order_of_execution():
    x = nn.Variable((2, 4))
    h = PF.affine(x, 4, apply_w=Q.LUT(bits=1), name="a")
    h = PF.affine(h, 4, apply_w=Q.Prune(0.5), name="b")
    y, z = F.relu(h), PF.affine(h, 4, apply_w=Q.LUT(bits=2), name="c")
    assert [f.info.args["name"] for f in Q.graph_quantizers([y, z])] == [
        "a/affine",
        "b/affine",
        "c/affine",
    ]
    assert Q.graph_quantizers([x]) == []


def test_prepare_initialises_every_quantizer_of_the_graph():
    h = PF.affine(nn.Variable((2, 4)), 4, apply_w=Q.LUT(bits=1), name="a")
    y = PF.affine(h, 4, apply_w=Q.Prune(0.5), name="b")
    Q.prepare([y])
    parameters = nn.get_parameters(grad_only=False)
    assert np.isfinite(parameters["a/affine/lut/dictionary"].d).all()
    assert parameters["b/affine/prune/mask"].d.sum() == 8


def test_living_functions_are_those_of_the_given_parameters_in_graphs_that_exist():
    x = nn.Variable((2, 4))
    y = PF.affine(PF.affine(x, 4, apply_w=Q.LUT(bits=1), name="b"), 4, apply_w=Q.LUT(), name="a")
    parameters = nn.get_parameters()
    names = [f.args["name"] for f in Q.living_functions(parameters.values())]
    assert names == ["a/affine", "b/affine"]
    only = [parameters["b/affine/W"]]
    assert [f.args["name"] for f in Q.living_functions(only)] == ["b/affine"]
    assert Q.living_functions([]) == []
    del y
    gc.collect()
    assert Q.living_functions(parameters.values()) == []


def test_living_functions_name_a_weight_of_two_graphs_once():
    x = nn.Variable((2, 4))
    graphs = [PF.affine(x, 4, apply_w=Q.LUT(bits=1), name="a") for _ in range(3)]
    assert len(Q.living_functions(nn.get_parameters().values())) == 1
    del graphs


def test_networks_of_the_same_names_in_other_scopes_are_kept_apart(rng):
    x = nn.Variable((2, 4))
    graphs, weights = [], []
    for _ in range(2):
        nn.clear_parameters()
        graphs.append(PF.affine(x, 4, apply_w=Q.LUT(bits=1), name="a"))
        weights.append(nn.get_parameters()["a/affine/W"])
    for weight in weights:
        found = Q.living_functions([weight])
        assert len(found) == 1
        assert found[0].tensors[0].data == weight.data


def test_the_scope_is_named_by_its_path_from_the_root():
    assert scope_name() == ""
    with nn.parameter_scope("a"):
        assert scope_name() == "a"
        with nn.parameter_scope("b/c"):
            assert scope_name() == "a/b/c"
    with nn.parameter_scope("a"):
        assert scope_name() == "a"


def test_a_node_is_made_again_from_its_description(rng):
    with nn.parameter_scope("a"):
        weight = get_parameter_or_create("W", (8,), rng.randn(8).astype(np.float32))
        q = Q.LUT(bits=2)(weight)
    q.forward()
    again = clone_node(q.parent.info.type_name, dict(q.parent.info.args), q.parent.inputs)
    again.forward()
    assert again.parent.info.args == q.parent.info.args
    np.testing.assert_array_equal(again.d, q.d)
    assert clone_node("Affine", {}, []) is None


def test_an_array_of_another_type_is_turned_in_place_and_can_be_written():
    variable = nn.Variable((3,))
    variable.data.cast(np.float64)[...] = [1, 2, 3]
    values = array(variable, np.float32)
    assert values.dtype == np.float32 and values.tolist() == [1, 2, 3]
    values[0] = 9
    assert variable.d.tolist() == [9, 2, 3]
    assert variable.data.dtype == np.float32


def test_no_node_of_ours_has_the_name_of_a_function_of_nnabla():
    own = [quantizer.graph_type() for quantizer in Q.registered().values()]
    own += [FoldedBatchNormalization.graph_type(), Pow2BatchNormalization.graph_type()]
    assert all(name.startswith(NODE_PREFIX) for name in own)
    assert not NODE_PREFIX.isidentifier() and not (set(own) & set(dir(nnabla.function)))


def test_the_power_function_of_nnabla_is_no_quantizer():
    power = F.pow2(nn.Variable((1, 3)), nn.Variable((1, 3))).parent
    assert power.info.type_name == "Pow2" and Q.quantizer_of(power) is None
    copy = clone(power, [nn.Variable((2, 3)), nn.Variable((2, 3))])
    assert copy[0].parent.info.type_name == "Pow2" and copy[0].shape == (2, 3)
