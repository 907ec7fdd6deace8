# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.loading.parameters import load_parameters
from nnabla_compress.transforms.native_layers import native_in_scope


def net(kind="", **options):
    x = nn.Variable.from_numpy_array(np.random.RandomState(1).rand(2, 1, 6, 6))
    h = getattr(PF, f"{kind}convolution")(x, 3, (3, 3), name="c1", **options)
    return getattr(PF, f"{kind}affine")(h, 4, name="fc", **options)


def saved(path, rng, kind="", **options):
    nn.clear_parameters()
    y = net(kind, **options)
    for variable in nn.get_parameters().values():
        variable.d = rng.randn(*variable.shape).astype(np.float32)
    y.forward()
    nn.save_parameters(str(path))
    found = {name: v.d.copy() for name, v in nn.get_parameters().items()}
    nn.clear_parameters()
    return y.d.copy(), found


@pytest.mark.parametrize("kind", ["binary_connect_", "binary_weight_", "inq_", "pruned_"])
@pytest.mark.parametrize("ending", ["h5", "protobuf"])
def test_weights_of_a_float_network_load_into_quantized_layers_and_back(
    kind, ending, tmp_path, rng
):
    y, found = saved(tmp_path / f"float.{ending}", rng)
    quantized = net(kind)
    names = set(nn.get_parameters(grad_only=False))
    load_parameters(tmp_path / f"float.{ending}")
    assert set(nn.get_parameters(grad_only=False)) == names
    for name, variable in nn.get_parameters().items():
        plain = name.replace("bicon_", "").replace("bwn_", "").replace("inq_", "")
        np.testing.assert_array_equal(variable.d, found[plain.replace("pruned_", "")])
    quantized.forward()
    nn.save_parameters(str(tmp_path / "back.h5"))
    own = {name.split("/")[0] + name[-2:]: v.d.copy() for name, v in nn.get_parameters().items()}
    nn.clear_parameters()
    net()
    load_parameters(tmp_path / "back.h5")
    assert {"c1/conv/W", "fc/affine/b"} <= set(nn.get_parameters())
    for name in ("c1/conv/W", "c1/conv/b", "fc/affine/W", "fc/affine/b"):
        np.testing.assert_array_equal(
            nn.get_parameters()[name].d, own[name.split("/")[0] + name[-2:]]
        )


def test_what_inq_has_fixed_starts_anew_from_the_weights_that_are_read(tmp_path, rng):
    _, found = saved(tmp_path / "float.h5", rng)
    native_in_scope([net("inq_", inq_iterations=(0, 9))])  # half of random weights are fixed
    load_parameters(tmp_path / "float.h5")
    (made,) = native_in_scope([net("inq_", inq_iterations=(0, 9))])
    made.forward()
    codes = nn.get_parameters(grad_only=False)["fc/inq_affine/inq/codes"].d
    weight = made.parent.inputs[1].d
    np.testing.assert_array_equal(weight[codes == 255], found["fc/affine/W"][codes == 255])
    apart = np.abs(weight - found["fc/affine/W"])
    assert apart.max() <= np.abs(found["fc/affine/W"]).max() / 2 and (codes == 255).mean() == 0.5


def test_weights_of_another_shape_are_refused_by_name(tmp_path, rng):
    saved(tmp_path / "float.h5", rng)
    PF.inq_affine(nn.Variable((2, 5)), 3, name="fc")
    with pytest.raises(DataError, match=r"fc/inq_affine/W .* the shape \(5, 3\), fc/affine/W of"):
        load_parameters(tmp_path / "float.h5")
