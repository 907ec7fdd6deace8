# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which weights can be factorized, and why others can't."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.parametric_functions import lutq_affine
from nnabla_compress.transforms.factors.site import sites


def test_layers_that_share_a_weight_are_one_site():
    x = nn.Variable((1, 4, 9, 9))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c")
    y = PF.convolution(h, 4, (3, 3), stride=(2, 2), name="c")
    (site,) = sites([y])
    assert len(site.readers) == 2
    assert site.macs == 4 * 4 * 9 * (81 + 16)
    assert site.weights == 4 * 4 * 9


@pytest.mark.parametrize(
    "build, why",
    [
        (lambda x: PF.depthwise_convolution(x, (3, 3)), "DepthwiseConvolution are not factorized"),
        (lambda x: PF.deconvolution(x, 3, (3, 3)), "Deconvolution are not factorized"),
        (lambda x: lutq_affine(x, 3), "its weight is quantized by LUT"),
    ],
)
def test_a_weight_that_can_not_be_factorized_says_why(build, why):
    (site,) = sites([build(nn.Variable((1, 4, 9, 9)))])
    assert why in site.obstacle


def test_a_weight_that_is_computed_or_read_elsewhere_stays():
    w = nn.parameter.get_parameter_or_create("a/W", (6, 4))
    x = nn.Variable((1, 6))
    y = F.affine(x, w)
    (site,) = sites([F.affine(y, F.transpose(w, (1, 0)))])
    assert "goes through" in site.obstacle
    (site,) = sites([F.sum(y) + F.sum(w**2)])
    assert site.obstacle == "its weight is read by PowScalar, too"
