# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is owed follows from functions, types and kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nnabla_compress.device.promises import promise_of
from nnabla_compress.nnb import read_nnb
from nnabla_compress.verification.report import BITS, SINGLE_STEPS


def ending_in(network, type_name):
    last = replace(network.functions[-1], type_name=type_name)
    return replace(network, functions=(*network.functions[:-1], last))


def beginning_packed(network, kind="FLOAT32"):
    """The network with a packed layer in the place of its first function."""
    first = replace(network.functions[0], type_name="Affine", id=0, implement=20)
    variables = tuple(replace(variable, type=kind) for variable in network.variables)
    functions = (first, *network.functions[1:])
    return replace(network, functions=functions, variables=variables)


@pytest.mark.parametrize("kernels", ["stock", "exact"])
def test_the_stock_order_is_owed_bit_for_bit(relus, kernels):
    assert promise_of(read_nnb(relus), kernels) == BITS


def test_a_function_of_the_c_library_and_another_order_are_owed_closely(relus):
    network = read_nnb(relus)
    assert promise_of(ending_in(network, "Softmax"), "stock").largest == 1e-5
    assert promise_of(beginning_packed(network), "fast").largest == 1e-4


def test_what_rounds_behind_them_may_fall_to_the_next_step(relus):
    network = beginning_packed(read_nnb(relus))
    assert promise_of(ending_in(network, "Round"), "fast") == SINGLE_STEPS
    assert promise_of(ending_in(network, "Round"), "exact") == BITS


def test_layers_of_integers_are_owed_bit_for_bit(relus):
    network = beginning_packed(read_nnb(relus), "FIXED8")
    assert promise_of(network, "fast") == promise_of(network, "exact") == BITS
