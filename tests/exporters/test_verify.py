# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest
from nnabla.function import PythonFunction

from nnabla_compress.errors import ExportError, TrainingError, VerifyError
from nnabla_compress.exporters.verify import input_rounds, verify_lowered


def test_a_difference_above_the_tolerance_is_refused():
    x = nn.Variable((2, 8))
    y, z = F.mul_scalar(x, 2.0), F.mul_scalar(x, 2.002)
    rounds = input_rounds({"x": x}, {}, 2)
    assert verify_lowered([x], [y], [z], rounds, 2e-3, False).largest == pytest.approx(
        1e-3, rel=1e-2
    )
    with pytest.raises(VerifyError, match="differs from the network by 0.001"):
        verify_lowered([x], [y], [z], rounds, 1e-4, False)


def test_with_quantized_activations_single_steps_are_allowed_but_not_many():
    x = nn.Variable((2, 800))
    y = F.tanh(x)
    spike = np.zeros((2, 800), np.float32)
    spike[0, 0] = 0.5
    z = F.add2(y, nn.Variable.from_numpy_array(spike))
    rounds = input_rounds({"x": x}, {}, 2)
    assert verify_lowered([x], [y], [z], rounds, 1e-4, True).largest > 0.4
    with pytest.raises(VerifyError, match="allowed is 0.05"):
        verify_lowered([x], [y], [F.mul_scalar(y, 1.1)], rounds, 1e-4, True)


def test_given_samples_are_run_in_full_batches():
    x = nn.Variable((2, 3))
    rows = np.arange(15).reshape(5, 3)
    rounds = input_rounds({"x": x}, {"x": rows}, 2)
    assert [values[0].tolist() for values in rounds[3:]] == [rows[:2].tolist(), rows[2:4].tolist()]


def test_random_inputs_have_the_mean_and_spread_of_the_samples():
    x = nn.Variable((2, 400))
    plain = input_rounds({"x": x}, {}, 2)
    rounds = input_rounds({"x": x}, {"x": np.float32([[90] * 400, [110] * 400])}, 2)
    np.testing.assert_allclose(rounds[0][0], 10 * plain[0][0] + 100, rtol=1e-5)
    constant = input_rounds({"x": x}, {"x": np.full((2, 400), 7)}, 2)
    np.testing.assert_allclose(constant[0][0], plain[0][0] + 7, rtol=1e-5)


def test_no_more_than_sixteen_batches_of_samples_are_run():
    x = nn.Variable((1, 3))
    assert len(input_rounds({"x": x}, {"x": np.zeros((100, 3))}, 1)) == 3 + 16


def test_outputs_of_large_networks_are_kept_of_the_first_rounds_only():
    small, large = nn.Variable((1, 8)), nn.Variable((1, 1 << 20))
    kept = []
    for x in (small, large):
        rounds = input_rounds({"x": x}, {}, 1)
        found = verify_lowered([x], [F.mul_scalar(x, 2.0)], [F.add2(x, x)], rounds, 0.0, False)
        assert len(found.computed) == len(found.expected)
        for values, computed in zip(rounds, found.computed):
            assert np.array_equal(computed[0], 2 * values[0])
        kept.append(len(found.computed))
    assert kept == [3, 2]


class Failing(PythonFunction):
    """A function that can't be computed."""

    def __init__(self, error):
        super().__init__(nn.get_current_context())
        self.error = error

    @property
    def name(self):
        return "Failing"

    def min_outputs(self):
        return 1

    def setup_impl(self, inputs, outputs):
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs, outputs):
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised", "match"),
    [
        (RuntimeError("no kernel"), ExportError, "can't be run on random inputs"),
        (TrainingError("LUT: 1 weight is NaN."), TrainingError, "LUT: 1 weight is NaN"),
    ],
)
def test_a_network_that_fails_is_told_in_one_line(error, raised, match):
    x = nn.Variable((2, 3))
    y = Failing(error)(x)
    with pytest.raises(raised, match=match) as caught:
        verify_lowered([x], [y], [y], input_rounds({"x": x}, {}, 2), 0.0, False)
    assert len(str(caught.value).splitlines()) <= 2


def test_where_a_quantizer_makes_a_network_jump_it_may_differ_as_much_as_it_does_itself():
    x = nn.Variable((1, 64))
    jumps = F.round(x * 1e5) * 1e-5 - x  # what is left jumps with the last digits of x
    others = F.round((x + 3e-6) * 1e5) * 1e-5 - x
    rounds = input_rounds({"x": x}, {}, 1)
    assert verify_lowered([x], [jumps], [others], rounds, 0.0, True).largest > 0.05
    with pytest.raises(VerifyError):
        verify_lowered([x], [jumps], [others + 0.01], rounds, 0.0, True)


def test_a_saturated_softmax_hides_nothing():
    x = nn.Variable((1, 4))
    rounds = input_rounds({"x": x}, {}, 1)
    y, z = F.softmax(F.mul_scalar(x, 1e4)), F.softmax(F.mul_scalar(x, 1.1e4))
    with pytest.raises(VerifyError, match="differs from the network by 0.1"):
        verify_lowered([x], [y], [z], rounds, 1e-4, False)
