# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest
from nnabla.function import PythonFunction

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.graph import clone, rebuild, register_python_function


class Thrice(PythonFunction):
    """Three times the input."""

    def __init__(self, type_name):
        super().__init__(nn.get_current_context())
        self._name = type_name

    @property
    def name(self):
        return self._name

    def min_outputs(self):
        return 1

    def setup_impl(self, inputs, outputs):
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs, outputs):
        outputs[0].d = 3 * inputs[0].d


def test_an_unknown_python_function_is_refused_by_its_name():
    y = Thrice("Unheard")(nn.Variable((2,)))
    with pytest.raises(UnsupportedFunctionError, match="'Unheard'"):
        rebuild([y])


def test_a_registered_python_function_is_copied():
    register_python_function("Thrice", lambda args, inputs: Thrice("Thrice")(*inputs))
    x = nn.Variable.from_numpy_array(np.float32([1, 2]))
    (copy,) = rebuild([F.add_scalar(Thrice("Thrice")(x), 1)])
    copy.forward()
    assert copy.d.tolist() == [4, 7]


def test_arguments_change_where_asked_and_all_outputs_come_back():
    x = nn.Variable((2, 4))
    halves = F.split(x, axis=1)
    copies = clone(halves[0].parent, [nn.Variable((4, 3))], {"axis": 0})
    assert [copy.shape for copy in copies] == [(3,)] * 4


def test_a_copy_made_in_auto_forward_mode_is_computed_at_once():
    y = F.exp(nn.Variable.from_numpy_array(np.zeros(2, np.float32)))
    with nn.auto_forward():
        (copy,) = clone(y.parent, [nn.Variable.from_numpy_array(np.zeros(2, np.float32))])
    assert copy.d.tolist() == [1, 1]
