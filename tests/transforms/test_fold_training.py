# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph import functions, with_batch_statistics
from nnabla_compress.quantizers import MovingRange
from nnabla_compress.transforms import (
    fold_batch_normalization,
    fold_for_training,
    remove_quantizers,
)
from tests.graph.networks import values

X = values(8, 3, 6, 6)


def network(x, bits):
    def weights(axis=0):
        return MovingRange(bits=bits, axis=axis) if bits else None

    h = PF.convolution(x, 6, (3, 3), pad=(1, 1), apply_w=weights(), name="c1")
    h = F.relu(PF.batch_normalization(h, name="c1"))
    h = PF.convolution(h, 4, (3, 3), group=2, with_bias=False, apply_w=weights(), name="c2")
    h = F.relu(PF.batch_normalization(h, name="c2"))
    h = PF.affine(h, 5, apply_w=weights(1), name="f1")
    h = F.relu(PF.batch_normalization(h, name="f1"))
    return PF.affine(h, 4, apply_w=weights(1), name="f2")


def built(bits, fold, batch_stat=True, freeze_after=None):
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(1)
    x = nn.Variable.from_numpy_array(X)
    y = network(x, bits)
    for name, p in nn.get_parameters(grad_only=False).items():
        chosen = values(*p.shape, seed=sum(map(ord, name)))
        if name.endswith(("/b", "beta", "gamma", "mean")):
            p.d = chosen
        elif name.endswith("var"):
            p.d = 0.5 + np.abs(chosen)
    if fold:
        (y,) = fold_for_training([y], freeze_after)
    if not batch_stat:
        (y,) = with_batch_statistics([y], False)
    return x, y


def gradients(y):
    for p in nn.get_parameters().values():
        p.g = 0
    loss = F.mean(y**2)
    loss.forward()
    loss.backward()
    return {name: p.g.copy() for name, p in nn.get_parameters().items()}


@pytest.mark.parametrize("batch_stat, freeze_after", [(True, None), (True, 0), (False, None)])
def test_with_many_bits_it_trains_as_the_float_network(batch_stat, freeze_after):
    frozen = freeze_after == 0
    _, y = built(None, fold=False, batch_stat=batch_stat and not frozen)
    want, out = gradients(y), y.d.copy()
    statistics = {n: p.d.copy() for n, p in nn.get_parameters(grad_only=False).items()}
    _, y = built(16, True, batch_stat, freeze_after)
    got = gradients(y)
    np.testing.assert_allclose(y.d, out, atol=2e-3 * np.abs(out).max())
    if batch_stat:
        for name, gradient in want.items():
            limit = 5e-3 * max(np.abs(gradient).max(), 1e-3)
            np.testing.assert_allclose(got[name], gradient, atol=limit, err_msg=name)
    for name, p in nn.get_parameters(grad_only=False).items():
        if name.endswith(("mean", "var")):
            np.testing.assert_allclose(p.d, statistics[name], atol=1e-3)


def test_in_inference_the_normalizations_become_biases_of_their_layers():
    _, y = built(4, True, batch_stat=False)
    (folded,) = fold_batch_normalization([y])
    types = [f.info.type_name for f in functions([folded])]
    assert not {"nnabla_compress.FoldedBatchNormalization", "Mul2", "Add2"} & set(types)
    y.forward()
    folded.forward()
    np.testing.assert_allclose(folded.d, y.d, rtol=1e-4, atol=1e-5)


def test_it_exports_to_native_functions(tmp_path):
    x, y = built(4, True)
    y.forward()
    report = export_nnp(tmp_path / "net.nnp", y, x)
    assert [row.bits for row in report.rows] == [4, 4, 4, 4]
    assert report.largest_difference < 1e-5


@pytest.mark.parametrize("batch_stat", [True, False])
def test_without_the_quantizers_it_is_the_original_bit_for_bit(batch_stat):
    _, y = built(None, fold=False, batch_stat=batch_stat)
    y.forward()
    want = y.d.copy()
    _, y = built(4, True, batch_stat)
    (plain,) = remove_quantizers([y])
    plain.forward()
    assert plain.d.tobytes() == want.tobytes()


def test_others_stay_as_they_are():
    nn.clear_parameters()
    x = nn.Variable((2, 3, 4, 4))
    h = PF.convolution(x, 3, (1, 1), apply_w=MovingRange(bits=8), name="read_twice")
    y = PF.batch_normalization(h, name="a") + h
    z = PF.batch_normalization(PF.convolution(x, 3, (1, 1), name="float"), name="b")
    w = PF.convolution(x, 3, (1, 1), apply_w=MovingRange(bits=8), name="no_scale")
    w = PF.batch_normalization(w, no_scale=True, name="c")
    made = fold_for_training([y + z + w])
    types = [f.info.type_name for f in functions(made)]
    assert types.count("BatchNormalization") == 3
    assert "nnabla_compress.FoldedBatchNormalization" not in types
