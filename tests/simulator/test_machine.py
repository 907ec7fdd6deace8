# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from nnabla_compress.errors import (
    ConfigError,
    DataError,
    LimitError,
    UnsupportedFunctionError,
)
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.liveness import liveness

CONVOLUTION = {"base_axis": 1, "pad": (0, 0), "stride": (1, 1), "dilation": (1, 1), "group": 1}
CONVOLUTION["channel_last"] = False


def decoded(builder, rng):
    """A convolution whose weight is computed from INT8 codes; returns the file and the weight."""
    codes = rng.randint(-8, 8, (4, 2, 3, 3))
    x = builder.input((1, 2, 5, 5))
    stored = builder.variable(codes.shape, "FIXED8", 0, codes)
    weight, y = builder.variable(codes.shape), builder.variable((1, 4, 3, 3))
    builder.function("MulScalar", [stored], [weight], val=0.25, inplace=False)
    builder.function("Convolution", [x, weight], [y], **CONVOLUTION)
    return builder.file(y), codes * 0.25


def convolved(x, w):
    out = np.zeros((len(w), x.shape[1] - 2, x.shape[2] - 2))
    for (o, i, j), c in itertools.product(np.ndindex(*out.shape), range(len(x))):
        out[o, i, j] += (x[c, i : i + 3, j : j + 3] * w[o, c]).sum()
    return out


def test_sums_are_added_in_the_order_of_the_runtime(builder):
    # 1e8 + 1 - 1e8 is 0 in that order, and 1 in any other.
    x, w = np.float32([[1e8, 1, -1e8]]), np.ones((1, 3), np.float32)
    number, y = builder.input((1, 3)), builder.variable((1, 1))
    builder.function("Affine", [number, builder.variable((3, 1), values=w)], [y], base_axis=1)
    assert Machine(builder.file(y)).forward([x])[0] == 0
    assert Machine(builder.file(y)).forward([x[:, [0, 2, 1]]])[0] == 1


def test_products_are_rounded_before_they_are_added(builder):
    # With a fused multiply-add the sum would be what the product lost: 2**-24.
    a = np.float32(1 + 2.0**-12)
    x, w = np.float32([[1 + 2.0**-11, a]]), np.float32([[-1, a]])
    number, y = builder.input((1, 2)), builder.variable((1, 1))
    builder.function("Affine", [number, builder.variable((2, 1), values=w)], [y], base_axis=1)
    assert Machine(builder.file(y)).forward([x])[0] == 0
    samples = np.repeat(x[None], 32, axis=0)
    assert not Machine(builder.file(y)).forward_many([samples])[0].any()


def test_weights_are_decoded_once_and_give_the_same_for_many_samples(builder, rng):
    network, weight = decoded(builder, rng)
    machine = Machine(network)
    samples = rng.randn(70, 1, 2, 5, 5).astype(np.float32)
    (many,) = machine.forward_many([samples])
    for sample, got in zip(samples, many):
        assert machine.forward([sample])[0].tobytes() == got.tobytes()
        np.testing.assert_allclose(got[0], convolved(sample[0], weight), rtol=1e-4, atol=1e-5)
    assert liveness(network).constants == {0}


def test_rows_are_put_into_batches_of_the_file(builder, rng):
    x, y = builder.input((4, 3)), builder.variable((4, 3))
    builder.function("MulScalar", [x], [y], val=2.0, inplace=False)
    machine = Machine(builder.file(y))
    rows = rng.randn(10, 3).astype(np.float32)
    np.testing.assert_array_equal(machine.run_many([rows])[0], 2 * rows)
    samples = rng.randn(5, 4, 3).astype(np.float32)
    np.testing.assert_array_equal(machine.run_many([samples])[0], 2 * samples)
    assert machine.run_many([samples[:0]])[0].shape == (0, 4, 3)


def test_real_values_are_limited_and_rounded(builder):
    x, y = builder.input((5,), "FIXED16", 2), builder.variable((5,), "FIXED16", 2)
    builder.function("Reshape", [x], [y], shape=(5,), inplace=False)
    got = Machine(builder.file(y)).run([np.float64([0.49, -0.49, 1e9, -1e9, np.nan])])[0]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, [0.5, -0.5, 32767 / 4, -8192, 0])


def test_a_bias_that_is_rescaled_in_the_file_drifts_from_call_to_call(builder):
    x = builder.input((1, 1), "FIXED8", 4)
    w, b = builder.variable((1, 1), "FIXED8", 4, [[0]]), builder.variable((1,), "FIXED8", 6, [100])
    y = builder.variable((1, 1), "FIXED8", 4)
    builder.function("Affine", [x, w, b], [y], base_axis=1)
    machine = Machine(builder.file(y))
    calls = [machine.forward([np.int8([[0]])])[0].item() for _ in range(3)]
    assert calls == [25, 6, 1]
    # A new machine starts from the file again, and samples are run one after another.
    again = Machine(builder.file(y)).forward_many([np.zeros((3, 1, 1), np.int8)])[0]
    assert again.ravel().tolist() == calls


def test_an_input_that_add2_rescaled_keeps_its_new_format(builder):
    x, z = builder.input((2,), "FIXED8", 6), builder.input((2,), "FIXED8", 4)
    total, copy = builder.variable((2,), "FIXED8", 4), builder.variable((2,), "FIXED8", 6)
    builder.function("Add2", [x, z], [total], inplace=False)
    builder.function("Reshape", [x], [copy], shape=(2,), inplace=False)
    machine = Machine(builder.file(total, copy))
    arrays = [np.int8([41, -41]), np.int8([1, 1])]
    # The first call divides 41 by 4; the second takes 41 for a number with 4 fraction bits.
    assert [a.tolist() for a in machine.forward(arrays)] == [[11, -9], [40, -40]]
    assert [a.tolist() for a in machine.forward(arrays)] == [[42, -40], [127, -128]]


def test_buffers_of_version_2_hold_elements_of_four_bytes(builder):
    x, y = builder.input((3,)), builder.variable((3,))
    builder.function("ReLU", [x], [y], inplace=False)
    network = dataclasses.replace(builder.file(y), version=2, buffers=(3, 3))
    assert Machine(network).forward([np.float32([-1, 0, 2])])[0].tolist() == [0, 0, 2]
    with pytest.raises(DataError, match="takes 12 bytes, but its buffer has 3"):
        Machine(dataclasses.replace(network, version=3)).forward([np.float32([1, 1, 1])])


def test_elementwise_functions_may_write_over_what_they_read(builder, rng):
    x = builder.input((4,))
    builder.function("AddScalar", [x], [x], val=1.0, inplace=False)
    builder.function("MulScalar", [x], [x], val=2.0, inplace=False)
    machine = Machine(builder.file(x))
    samples = rng.randn(9, 4).astype(np.float32)
    assert not machine.warnings
    np.testing.assert_array_equal(machine.forward_many([samples])[0], (samples + 1) * 2)


def test_one_variable_may_be_constant_first_and_data_later(builder):
    codes, x = builder.variable((2,), "FIXED8", 0, [3, -4]), builder.input((2,))
    shared, y = builder.variable((2,)), builder.variable((2,))
    builder.function("MulScalar", [codes], [shared], val=0.5, inplace=False)
    builder.function("Add2", [x, shared], [y], inplace=False)
    builder.function("MulScalar", [y], [shared], val=10.0, inplace=False)
    machine = Machine(builder.file(shared))
    assert liveness(machine.network).repeatable
    samples = np.float32([[1, 1], [2, 2], [0, 0]])
    for _ in range(2):
        got = machine.forward_many([samples])[0]
        np.testing.assert_array_equal(got, (samples + [1.5, -2]) * 10)


def test_a_buffer_that_is_overwritten_too_early_is_warned_of_and_simulated(builder):
    x, y, z = builder.input((2,)), builder.variable((2,)), builder.variable((2,))
    builder.function("MulScalar", [x], [y], val=2.0, inplace=False)
    builder.function("Add2", [x, y], [z], inplace=False)
    variables = list(builder.variables)
    variables[y] = dataclasses.replace(variables[y], buffer=variables[x].buffer)
    machine = Machine(dataclasses.replace(builder.file(z), variables=tuple(variables)))
    assert "function 1 (Add2) reads variable 0 (FLOAT32, 2) in buffer 0" in machine.warnings[0]
    got = machine.forward_many([np.float32([[1, 2], [3, 4]])])[0]
    np.testing.assert_array_equal(got, [[4, 8], [12, 16]])  # both operands are 2 x


def test_arrays_that_do_not_fit_are_refused(builder):
    x, y = builder.input((1, 3), "FIXED8", 2), builder.variable((1, 3), "FIXED8", 2)
    builder.function("ReLU", [x], [y], inplace=False)
    machine = Machine(builder.file(y))
    for match, call in (
        ("has 1 inputs, got 0 arrays", lambda: machine.forward([])),
        (r"takes shape \(1, 3\), got \(3,\)", lambda: machine.forward([np.zeros(3, np.int8)])),
        ("takes int8 .FIXED8., got float64", lambda: machine.forward([np.zeros((1, 3))])),
        (
            r"takes shape \(5, 1, 3\), got",
            lambda: machine.forward_many([np.zeros((5, 3), np.int8)]),
        ),
        (r"takes shape", lambda: machine.run_many([np.zeros((5, 4), np.int8)])),
    ):
        with pytest.raises(ConfigError, match=match):
            call()


def test_functions_that_the_runtime_lacks_are_named_with_a_way_out(builder):
    x, y = builder.input((1, 3, 4, 4)), builder.variable((1, 3, 1, 1))
    builder.function("GlobalAveragePooling", [x], [y])
    machine = Machine(builder.file(y))
    assert "function 0 (GlobalAveragePooling) has id" in machine.warnings[0]
    with pytest.raises(UnsupportedFunctionError, match="is not implemented .*-999") as caught:
        machine.forward([np.zeros((1, 3, 4, 4), np.float32)])
    assert caught.value.help == "use AveragePooling over the full map"


def test_a_callback_takes_the_place_of_a_function(builder):
    def halve(call):
        call.outputs[0].set(call.inputs[0].get() / 2)

    x, y = builder.input((2,)), builder.variable((2,))
    builder.function("ReLU", [x], [y], implement=7, inplace=False)
    machine = Machine(builder.file(y), callbacks={(14, 7): halve})
    assert machine.forward([np.float32([-2, 4])])[0].tolist() == [-1, 2]
    assert not machine.warnings
    assert Machine(builder.file(y)).forward([np.float32([-2, 4])])[0].tolist() == [0, 4]
    assert "implement 7" in Machine(builder.file(y)).warnings[0]


def test_too_much_memory_is_refused(builder):
    x = builder.input((1,))
    network = dataclasses.replace(builder.file(x), buffers=(2**31 - 1,))
    with pytest.raises(DataError, match="asks for 2,147,483,647 bytes of buffers"):
        Machine(network)


def test_contradictions_in_a_file_are_one_clear_error(builder):
    x, y = builder.input((1, 2, 4, 4)), builder.variable((1, 4, 3, 3))
    w = builder.variable((4, 2, 3, 3), values=np.zeros((4, 2, 3, 3)))
    builder.function("Convolution", [x, w], [y], **CONVOLUTION)
    with pytest.raises(DataError, match="the output is to be 1x4x2x2 .*1x2x4x4, 4x2x3x3"):
        Machine(builder.file(y)).forward([np.zeros((1, 2, 4, 4), np.float32)])


def test_a_small_file_may_not_ask_for_hours_of_work(builder, monkeypatch):
    number = builder.input((1, 1, 4096, 4096))
    weight = builder.variable((1, 1, 2048, 1), values=np.zeros((1, 1, 2048, 1)))
    y = builder.variable((1, 1, 2049, 4096))
    builder.function("Convolution", [number, weight], [y], **CONVOLUTION)
    file = builder.file(y)
    with pytest.raises(LimitError, match="needs 17,188,257,792 multiplications"):
        Machine(file)
    monkeypatch.setenv("NNABLA_COMPRESS_LIMITS", "2")
    assert Machine(file).outputs[0].shape == (1, 1, 2049, 4096)
