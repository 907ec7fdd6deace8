# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, FixedBatchError
from nnabla_compress.graph import Network, functions
from nnabla_compress.graph.constants import own


def two_outputs():
    a, b = nn.Variable((2, 4)), nn.Variable((2, 2))
    h = F.relu(PF.affine(a, 3, name="fc"))
    return Network({"a": a, "b": b}, {"y": h, "z": PF.affine(h, 2, name="head") + b})


def computed(network, **values):
    for name, value in values.items():
        network.inputs[name].d = value
    F.sink(*network.outputs.values()).forward()
    return [variable.d.copy() for variable in network.outputs.values()]


VALUES = {"a": np.arange(8.0).reshape(2, 4), "b": np.ones((2, 2))}


def test_a_copy_owns_its_parameters_under_their_paths():
    network = two_outputs()
    expected = computed(network, **VALUES)
    copy = network.copy()
    assert sorted(copy.parameters) == [
        "fc/affine/W",
        "fc/affine/b",
        "head/affine/W",
        "head/affine/b",
    ]
    for parameter in network.parameters.values():
        parameter.d = 0
    for got, wanted in zip(computed(copy, **VALUES), expected):
        np.testing.assert_array_equal(got, wanted)
    assert list(copy.inputs) == ["a", "b"] and list(copy.outputs) == ["y", "z"]


def test_a_copy_that_shares_reads_the_same_arrays_until_a_parameter_gets_its_own():
    network = two_outputs()
    copy, expected = network.copy(sharing=True), computed(network, **VALUES)
    pairs = [(v, copy.parameters[path]) for path, v in network.parameters.items()]
    assert all(np.shares_memory(one.d, other.d) for one, other in pairs)
    own(copy.parameters["fc/affine/W"])
    copy.parameters["fc/affine/W"].d = 7
    assert not np.array_equal(computed(copy, **VALUES)[0], expected[0])
    for got, wanted in zip(computed(network, **VALUES), expected):
        np.testing.assert_array_equal(got, wanted)


def test_parameters_of_one_name_get_numbers_in_a_copy():
    x = nn.Variable((1, 2))
    first, second = (nn.Variable.from_numpy_array(np.full((2, 2), v)) for v in (1.0, 2.0))
    first.name = second.name = "W"
    copy = Network({"x": x}, {"y": F.affine(F.affine(x, first), second)}).copy()
    assert {path: float(v.d.max()) for path, v in copy.parameters.items()} == {"W": 1.0, "W_2": 2.0}


def test_state_is_put_back():
    network = two_outputs()
    state, expected = network.state(), computed(network, **VALUES)
    network.parameters["fc/affine/W"].d = 7
    network.restore({**state, "another": np.ones(3)})
    for got, wanted in zip(computed(network, **VALUES), expected):
        np.testing.assert_array_equal(got, wanted)


def test_of_values_that_a_twin_has_too_state_holds_no_copies():
    network = two_outputs()
    twin = network.copy()
    network.parameters["fc/affine/b"].d = -0.0 * np.ones(3)
    twin.parameters["fc/affine/b"].d = 0
    state = network.state(twin)
    shared = [p for p, v in twin.parameters.items() if np.shares_memory(state[p], v.d)]
    assert set(twin.parameters) - set(shared) == {"fc/affine/b"}
    for parameter in network.parameters.values():
        parameter.d = 7
    network.restore(state)
    assert np.signbit(network.parameters["fc/affine/b"].d).all()
    for got, wanted in zip(computed(network, **VALUES), computed(twin, **VALUES)):
        np.testing.assert_array_equal(got, wanted)


def test_other_inputs_may_have_another_number_of_samples():
    network = two_outputs()
    wide = network.on({"a": nn.Variable((6, 4)), "b": nn.Variable((6, 2))})
    assert [y.shape for y in wide.outputs.values()] == [(6, 3), (6, 2)]
    assert wide.parameters["fc/affine/W"].data == network.parameters["fc/affine/W"].data


def test_a_batch_that_is_written_into_functions_stays():
    x = nn.Variable((2, 6))
    mixed = Network({"x": x}, {"y": F.reshape(F.transpose(x, (1, 0)), (2, 6))})
    with pytest.raises(FixedBatchError, match="2 sample"):
        mixed.on({"x": nn.Variable((4, 6))})


def test_a_scope_of_its_own_is_current_only_within():
    network = Network({}, {}, OrderedDict())
    with network.within():
        nn.parameter.set_parameter("w", nn.Variable((1,)))
    assert list(network.parameters) == ["w"] and nn.get_parameters() == {}


def test_paths_name_the_parameters_of_graphs_made_of_it():
    network = two_outputs()
    known = {variable.data: path for path, variable in network.parameters.items()}
    named = Network(network.inputs, network.outputs, paths=known)
    outputs = list(network.outputs.values())
    assert sorted(named.paths_in(outputs).values()) == sorted(known.values())
    assert sorted(named.parameters_in(outputs)) == sorted(known.values())
    assert all(
        name.startswith("parameter_")
        for name in network.parameters_in([F.affine(network.inputs["a"], nn.Variable((4, 2)))])
    )


def test_only_one_output_is_the_output():
    network = two_outputs()
    with pytest.raises(ConfigError, match="2 outputs: y, z"):
        assert network.output
    one = Network(network.inputs, {"y": network.outputs["y"]})
    assert one.ends_in == "ReLU" == functions([one.output])[-1].info.type_name
    assert list(one.giving([F.tanh(one.output)]).outputs) == ["y"]
