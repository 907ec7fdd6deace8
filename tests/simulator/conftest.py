# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Small networks as NNB files, put together without NNabla."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.function_table import FUNCTIONS

DTYPES = {"FLOAT32": "<f4", "FIXED16": "<i2", "FIXED8": "i1"}
IDS = {}
for number, known in FUNCTIONS.items():
    if known.type_name not in IDS or len(known.arguments) > len(
        FUNCTIONS[IDS[known.type_name]].arguments
    ):
        IDS[known.type_name] = number


class Builder:
    """Collects variables and functions; every variable gets a buffer of its own."""

    def __init__(self):
        self.variables, self.functions, self.buffers, self.inputs = [], [], [], []

    def variable(self, shape, type_name="FLOAT32", fp_pos=0, values=None):
        """Adds a variable, with values a parameter, and returns its number."""
        data = buffer = None
        if type_name == "SIGN":
            data = np.packbits(np.ravel(values) > 0, bitorder="little").tobytes()
        elif values is not None:
            data = np.asarray(values).astype(DTYPES[type_name]).tobytes()
        else:
            buffer = len(self.buffers)
            size = int(np.prod(shape)) * np.dtype(DTYPES[type_name]).itemsize
            self.buffers.append(max(size, 4))
        number = len(self.variables)
        self.variables.append(
            NnbVariable(number, tuple(shape), type_name, fp_pos, buffer=buffer, data=data)
        )
        return number

    def input(self, shape, type_name="FLOAT32", fp_pos=0):
        """Adds an input."""
        self.inputs.append(self.variable(shape, type_name, fp_pos))
        return self.inputs[-1]

    def function(self, type_name, inputs, outputs, implement=0, number=None, **arguments):
        """Adds a function."""
        ident = IDS[type_name] if number is None else number
        self.functions.append(
            NnbFunction(type_name, ident, implement, tuple(inputs), tuple(outputs), arguments)
        )

    def file(self, *outputs, version=3, api_level=44):
        """Returns the network."""
        return NnbFile(
            version,
            api_level,
            tuple(self.buffers),
            tuple(self.variables),
            tuple(self.functions),
            tuple(self.inputs),
            outputs,
        )


@pytest.fixture
def builder():
    return Builder()


@pytest.fixture
def new_builder():
    """The class itself, for tests that build several networks."""
    return Builder
