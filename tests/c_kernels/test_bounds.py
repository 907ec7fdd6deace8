# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which functions behind an int8 layer its kernel does as well."""

from __future__ import annotations

import pytest

from nnabla_compress.c_kernels.bounds import Bounded, bounded_layers
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable


def chain(*steps, positions=None, outputs=None, kind="FIXED8"):
    """A layer with functions behind it, each as (type, value)."""
    positions = positions or [4] * (len(steps) + 2)
    variables = [NnbVariable(n, (1, 4), kind, p, buffer=n) for n, p in enumerate(positions)]
    functions = [NnbFunction("Affine", 0, 0, (0, 99), (1,), {"base_axis": 1})]
    for number, (name, value) in enumerate(steps, 1):
        arguments = {} if value is None else {"val": value}
        functions.append(NnbFunction(name, 0, 0, (number,), (number + 1,), arguments))
    last = len(steps) + 1
    buffers = (4,) * len(positions)
    return NnbFile(3, 44, buffers, tuple(variables), tuple(functions), (0,), outputs or (last,))


@pytest.mark.parametrize(
    ("steps", "bounds"),
    [
        ([("ReLU", None)], (0, 127)),
        ([("ReLU", None), ("MinimumScalar", 6.0)], (0, 96)),
        ([("MinimumScalar", 6.03), ("MaximumScalar", -6.03)], (-96, 96)),
        ([("MinimumScalar", 100.0)], (-128, 127)),
    ],
)
def test_clips_become_bounds(steps, bounds):
    last = len(steps) + 1
    expected = Bounded(last, *bounds, tuple(range(1, last)))
    assert bounded_layers(chain(*steps)) == {0: expected}


def test_bounds_follow_the_format():
    network = chain(("MinimumScalar", 2.0), ("ReLU", None), positions=[4, 5, 5, 3])
    assert bounded_layers(network) == {0: Bounded(3, 0, 16, (1, 2))}


@pytest.mark.parametrize(
    "network",
    [
        chain(("Tanh", None)),
        chain(("ReLU", None), kind="FLOAT32"),
        chain(("ReLU", None), outputs=(1, 2)),
        chain(("MinimumScalar", -9.0)),  # below all int8 of this format
    ],
    ids=["no clip", "floats", "read twice", "nothing left"],
)
def test_what_is_no_bound_stays(network):
    assert bounded_layers(network) == {}
