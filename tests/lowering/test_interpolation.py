# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.lowering.interpolation import interpolation
from nnabla_compress.models import NnpFile
from nnabla_compress.simulator import Machine
from tests.c_runtime import check_runtime
from tests.graph.networks import forward, values

WAYS = [
    {"mode": "linear", "align_corners": True},
    {"mode": "linear", "align_corners": False},
    {"mode": "linear", "align_corners": False, "half_pixel": True},
    {"mode": "nearest"},
    {"mode": "nearest", "half_pixel": True, "half_pixel_for_nn": True},
]


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("size", [(8, 7), (3, 9), (4, 5), (2, 5), (1, 1)])
def test_layers_give_the_numbers_of_the_interpolation(options, size):
    x = nn.Variable.from_numpy_array(values(2, 3, 4, 5))
    y = F.interpolate(x, output_size=size, **options)
    made = interpolation(y.parent, [x])
    np.testing.assert_allclose(forward(made), forward(y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape, size", [((2, 3, 6), (11,)), ((1, 2, 3, 4, 2), (5, 4, 3))])
def test_maps_of_one_or_three_axes_are_enlarged_too(shape, size):
    x = nn.Variable.from_numpy_array(values(*shape))
    y = F.interpolate(x, output_size=size, mode="linear", align_corners=True)
    np.testing.assert_allclose(
        forward(interpolation(y.parent, [x])), forward(y), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("options", WAYS)
def test_it_reaches_the_device_bit_for_bit(options, tmp_path):
    x = nn.Variable.from_numpy_array(values(1, 2, 4, 4))
    h = F.interpolate(PF.convolution(x, 3, (1, 1), name="c"), output_size=(8, 8), **options)
    y = PF.affine(F.relu(h), 5, name="fc")
    expected = forward(y)
    export_nnp(tmp_path / "net.nnp", y, x)
    made = NnpFile(tmp_path / "net.nnp").build(x=x).output
    assert "Interpolate" not in {f.info.type_name for f in functions([made])}
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    np.testing.assert_allclose(Machine(nnb).run([x.d])[0], expected, rtol=1e-4, atol=1e-5)
    check_runtime(nnb, [values(3, 2, 4, 4)])


def test_channels_that_come_last_are_refused(tmp_path):
    x = nn.Variable((1, 4, 4, 2))
    y = F.interpolate(x, output_size=(8, 8), mode="linear", channel_last=True)
    with pytest.raises(UnsupportedFunctionError, match="Interpolate"):
        export_nnp(tmp_path / "net.nnp", y, x)
