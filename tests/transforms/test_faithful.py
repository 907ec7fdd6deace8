# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A rewritten network without its quantizers is the given one."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.transforms.quantize
from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.calibration import post_training_quantize
from nnabla_compress.errors import VerifyError
from nnabla_compress.graph import clone, rebuild
from nnabla_compress.graph.constants import own
from nnabla_compress.transforms import check_faithful, fold_batch_normalization
from nnabla_compress.transforms.faithful import FOLDED
from tests.graph import tied_networks as tied
from tests.graph.networks import batch_normalization, randomize_statistics


def network(x):
    h = F.relu(PF.convolution(x, 4, (3, 3), name="a"))
    return PF.affine(F.dropout(F.relu(PF.convolution(h, 4, (3, 3), name="b"))), 3, name="c")


def without(kind):
    """Leaves the functions of a type out."""
    return lambda function, inputs: inputs[:1] if function.info.type_name == kind else None


def test_a_difference_is_an_error_that_names_the_first_function():
    y = network(nn.Variable((2, 1, 8, 8)))
    with pytest.raises(VerifyError) as error:
        check_faithful([y], rebuild([y], _scaled_second))
    assert "the first function that differs is ReLU behind b/conv" in error.value.message
    assert "NAME=none" in error.value.help


def _scaled_second(function, inputs):
    if function.info.type_name == "Convolution" and function.inputs[1].shape[1] == 4:
        return [clone(function, inputs)[0] * 1.001]
    return None


def test_neither_graph_nor_statistics_nor_inputs_change():
    x = nn.Variable.from_numpy_array(np.ones((2, 3, 4, 4), np.float32))
    y = PF.batch_normalization(PF.convolution(x, 2, (3, 3)), batch_stat=True)
    before = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    check_faithful([y], [compress(y, "lut:bits=2")])
    np.testing.assert_array_equal(x.d, 1)
    for name, values in before.items():
        np.testing.assert_array_equal(nn.get_parameters(grad_only=False)[name].d, values)


def test_folding_may_round_but_not_more():
    x = nn.Variable((2, 3, 6, 6))
    y = F.relu(batch_normalization(PF.convolution(x, 4, (3, 3))))
    randomize_statistics()
    folded = fold_batch_normalization([y])
    check_faithful([y], folded, tolerance=FOLDED)
    with pytest.raises(VerifyError):
        check_faithful([y], [1.01 * folded[0]], tolerance=FOLDED)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: F.affine(F.embed(x, tied.parameter("e/W", 9, 6)), tied.square(), base_axis=2),
        lambda x: F.log(F.affine(x, tied.square())),  # NaN at the same places
        lambda x: F.affine(x + F.rand(0, 1, x.shape), tied.square()),
        lambda x: F.affine(F.random_choice(x, x, (6,)), tied.square()),
    ],
    ids=["row numbers", "log", "noise", "choice"],
)
def test_inputs_of_any_kind_do(build):
    y = build(nn.Variable((1, 6)))
    check_faithful([y], rebuild([y]))
    with pytest.raises(VerifyError):
        check_faithful([y], [2 * y + 1])


def test_a_batch_that_the_network_fixes_is_kept():
    x = nn.Variable((2, 6))
    y = F.reshape(F.affine(x, tied.square()), (3, 4), inplace=False)
    check_faithful([y], rebuild([y]))
    with pytest.raises(VerifyError):
        check_faithful([y], [y + 1])


def test_a_rewriting_that_drops_a_function_stops_the_compression(monkeypatch):
    insert = nnabla_compress.transforms.quantize.insert_weight_quantizers

    def dropping(outputs, choose, **more):
        return rebuild(insert(outputs, choose, **more), without("Transpose"))

    monkeypatch.setattr(nnabla_compress.transforms.quantize, "insert_weight_quantizers", dropping)
    _, y = tied.built(tied.transposed)
    with pytest.raises(VerifyError, match="the first function that differs is Affine t"):
        compress(y, "lut:bits=8")


def test_a_wrong_copy_stops_post_training_quantization(monkeypatch):
    import nnabla_compress.calibration.network as network

    fold = network.fold_batch_normalization
    monkeypatch.setattr(
        network, "fold_batch_normalization", lambda outputs: [2 * y for y in fold(outputs)]
    )
    x, y = tied.built(tied.shared_and_normalized)
    with pytest.raises(VerifyError, match="differs from the given one"):
        post_training_quantize([y], [x], [np.random.RandomState(0).randn(40, 6)])


def test_an_equalization_that_changes_the_network_is_taken_back(monkeypatch):
    import nnabla_compress.calibration.ptq as ptq

    def wrong(outputs, *more, **options):
        weight = layers(outputs)[0].weight
        own(weight)
        weight.d = weight.d * 2
        return 1

    monkeypatch.setattr(ptq, "equalize_for", wrong)
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name="a")), 3, name="b")
    result = post_training_quantize([y], [x], [np.random.RandomState(0).randn(64, 6)])
    (step,) = [step for step in result.steps if "equalization" in step.name]
    assert not step.kept
    assert any("equalization is taken back" in note for note in result.notes)


def test_a_saturated_softmax_hides_nothing():
    x = nn.Variable((1, 6))
    h = F.affine(x, tied.square())
    y, z = F.softmax(1e4 * h), F.softmax(1.1e4 * h)
    with pytest.raises(VerifyError):
        check_faithful([y], [z], tolerance=FOLDED)
