# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.single_assignment import single_assignment


def relu(source, target):
    return NnbFunction("ReLU", 14, 0, (source,), (target,), {"inplace": False})


def network(functions, inputs, outputs, buffers=(0, 1)):
    variables = [NnbVariable(i, (1, 4), "FLOAT32", buffer=b) for i, b in enumerate(buffers)]
    return NnbFile(3, 44, (16, 16), tuple(variables), tuple(functions), inputs, outputs)


def test_what_is_written_once_stays_as_it_is():
    given = network([relu(0, 1)], (0,), (1,))
    assert single_assignment(given) == given


def test_every_further_time_gets_a_variable_in_the_same_buffer():
    given = network([relu(0, 1), relu(1, 0), relu(0, 1)], (0,), (1,))
    split = single_assignment(given)
    assert [(f.inputs, f.outputs) for f in split.functions] == [
        ((0,), (1,)),
        ((1,), (2,)),
        ((2,), (3,)),
    ]
    assert [v.buffer for v in split.variables] == [0, 1, 0, 1] and split.outputs == (3,)
    assert [v.id for v in split.variables] == [0, 1, 2, 3]
    assert single_assignment(split) == split
