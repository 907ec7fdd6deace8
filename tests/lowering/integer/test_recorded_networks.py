# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The integer networks that were recorded on the C runtime, made again from their weights."""

from __future__ import annotations

from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.exactness import Exactness
from nnabla_compress.encodings import Encoding
from nnabla_compress.graph import functions, rebuild
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.lowering.integer import IntegerGraph, integer_weight
from nnabla_compress.models import NnpFile

FOLDERS = Path(__file__).parents[2] / "data" / "c_runtime"
CASES = [
    "06_codes_w8a8",
    "07_codes_w4a4",
    "08_codes_w2a4",
    "09_codes_w4a4_packed",
    "10_codes_w2a4_signplanes",
    "18_lut4_intdict_codes_a4",
]
# Averages of 36 codes are no multiples of a power of two: the layer behind them adds floats.
WITH_AVERAGE = ("06_codes_w8a8", "08_codes_w2a4", "10_codes_w2a4_signplanes")


@pytest.fixture(params=CASES)
def recorded(request):
    folder = FOLDERS / request.param
    if not (folder / "net.nnp").is_file():
        pytest.skip(f"{request.param} is not among the tests' data")
    network = NnpFile(folder / "net.nnp").build(batch_size=1)
    return request.param, folder, network.inputs["x"], network.outputs["y"]


def numbers(variable):
    if variable.parent is not None:
        variable.forward()
    return np.array(variable.d)


def step_of(codes):
    """The step of the quantizer behind some codes: the inverse of what it multiplies by."""
    function = codes.parent
    while function.info.type_name != "Round":
        function = function.inputs[0].parent
    return np.float32(1 / np.float32(function.inputs[0].parent.info.args["val"]))


def trained_network(x, y):
    """The recorded network with float weights and activations, and how its weights are encoded."""
    readers = consumers([y])
    encodings = {}

    def replace(function, inputs):
        type_name = function.info.type_name
        if type_name == "MinimumScalar":
            (copy,) = rebuild(function.outputs, inputs=dict(zip(function.inputs, inputs)))
            return copy * float(step_of(function.outputs[0]))
        if type_name == "Mul2" and function.inputs[0].parent in convolutions:
            return inputs[0]
        if function not in convolutions:
            return None
        codes = numbers(function.inputs[1]).astype(np.int64)
        (follower,) = readers[function.outputs[0]]
        total = numbers(follower.inputs[1]).ravel() / step_of(function.inputs[0])
        scale = total.astype(np.float32)
        encoding = Encoding(codes, 8, scale=scale, axis=0)
        weight = constant(encoding.decode(), f"c{len(encodings)}/W")
        encodings[weight.data] = encoding
        args = function.info.args
        keys = ("base_axis", "pad", "stride", "dilation", "group")
        return F.convolution(inputs[0], weight, **{key: args[key] for key in keys})

    convolutions = [f for f in functions([y]) if f.info.type_name == "Convolution"]
    (output,) = rebuild([y], replace)
    return output, encodings


def types_on_the_way(x, y):
    """The types of the functions that depend on the input."""
    exactness = Exactness([x])
    return [f.info.type_name for f in functions([y]) if not exactness.is_constant(f.outputs[0])]


def test_what_was_recorded_is_proven_exact_but_for_layers_behind_averages(recorded):
    name, _, x, y = recorded
    found = [inexact.function for inexact in Exactness([x]).inexact([y])]
    assert len(found) == (1 if name in WITH_AVERAGE else 0)
    for function in found:
        assert function.inputs[0].parent.info.type_name == "AveragePooling"


def test_the_same_functions_come_out_and_the_same_numbers(recorded):
    name, folder, x, y = recorded
    trained, encodings = trained_network(x, y)
    weights = {data: integer_weight(encoding) for data, encoding in encodings.items()}
    graph = IntegerGraph(
        [x], weights, {}, lambda weight, w: constant(w.numbers, weight.name), lambda *_: None
    )
    (made,) = graph.build([trained])
    assert graph.reasons == {}
    assert Exactness([x]).inexact([made]) == []
    # A sum is exact where an average is not; equal scales of all channels are one number.
    expected = types_on_the_way(x, y)
    if name in WITH_AVERAGE:
        expected[expected.index("AveragePooling")] = "SumPooling"
    if name.startswith("18"):
        expected = ["MulScalar" if kind == "Mul2" else kind for kind in expected]
    assert types_on_the_way(x, made) == expected
    samples, outputs = (np.load(folder / f"{kind}.npz") for kind in ("in", "out"))
    for row, output in zip(samples["x"], outputs["y"]):
        x.d = row
        nn.forward_all([made])
        np.testing.assert_allclose(made.d, output, rtol=0, atol=1e-6 * np.abs(output).max())
