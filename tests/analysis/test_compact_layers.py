# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own compact layers are recognized, and stay what they are through files."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.analysis import layers
from nnabla_compress.analysis.compact_layers import compact_layers
from nnabla_compress.compression import compress
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.transforms import Factorize

LAYERS = {
    "svd_affine": lambda x: PF.svd_affine(x, 12, 4, name="l"),
    "svd_convolution": lambda x: PF.svd_convolution(x, 12, (3, 3), 2, pad=(1, 1), name="l"),
    "cpd3_convolution": lambda x: PF.cpd3_convolution(x, 12, (3, 3), 6, stride=(2, 2), name="l"),
}
OTHERS = {
    "depthwise_convolution": lambda x: PF.depthwise_convolution(x, (3, 3), multiplier=2, name="l"),
    "pruned_affine": lambda x: PF.pruned_affine(x, 12, rate_w=0.5, rate_b=0.5, name="l"),
    "pruned_convolution": lambda x: PF.pruned_convolution(x, 12, (3, 3), rate_w=0.5, name="l"),
}


def network(layer, rng):
    x = nn.Variable((1, 4, 8, 8))
    y = PF.affine(F.relu(layer(x)), 5, name="fc")
    for parameter in nn.get_parameters().values():
        parameter.d = rng.randn(*parameter.shape)
    return x, y


@pytest.mark.parametrize("kind, rank", [("svd_affine", 4), ("svd_convolution", 2)])
def test_an_svd_layer_is_recognized_with_its_rank(kind, rank, rng):
    _, y = network(LAYERS[kind], rng)
    (found,) = compact_layers(layers([y]))
    assert (found.kind, found.rank, len(found.layers)) == (kind, rank, 2)


def test_a_cpd3_layer_is_recognized_with_its_rank(rng):
    _, y = network(LAYERS["cpd3_convolution"], rng)
    assert [str(each) for each in compact_layers(layers([y]))] == [
        "l/cpd3_conv (cpd3_convolution, rank 6)"
    ]


def test_ordinary_layers_are_none(rng):
    _, y = network(OTHERS["depthwise_convolution"], rng)
    assert compact_layers(layers([y])) == []


@pytest.mark.parametrize("kind", [*LAYERS, *OTHERS])
def test_they_are_read_compressed_exported_and_computed_again(kind, rng, tmp_path):
    x, y = network({**LAYERS, **OTHERS}[kind], rng)
    contents = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "made.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    loaded = NnpFile(tmp_path / "made.nnp").build()
    before, x = loaded.output, loaded.all_inputs[0]
    x.d = rng.randn(1, 4, 8, 8)
    compressed = compress(before, "lut:bits=6")
    nn.forward_all([before, compressed])
    assert np.square(compressed.d - before.d).sum() < 0.05 * np.square(before.d).sum()
    export_nnp(tmp_path / "net.nnp", compressed, x)
    again = NnpFile(tmp_path / "net.nnp").build()
    again.all_inputs[0].d = x.d
    again.output.forward()
    np.testing.assert_allclose(again.output.d, compressed.d, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_their_parts_are_not_factorized_again(kind, rng):
    x, y = network(LAYERS[kind], rng)
    decided = Factorize(ratio=0.6).decide(Network({"x": x}, {"y": y}), Silent())
    assert list(decided["layers"]) == ["fc/affine"]
    assert all("is a compact layer already" in why for why in decided["kept"].values())


def test_a_network_of_them_alone_has_nothing_to_factorize(rng):
    x = nn.Variable((1, 4, 8, 8))
    y = LAYERS["svd_affine"](x)
    with pytest.raises(ConfigError, match="l/svd_affine .svd_affine, rank 4. is a compact layer"):
        Factorize(ratio=0.6).decide(Network({"x": x}, {"y": y}), Silent())


class Silent:
    seed = 0

    def samples(self, most):
        return None

    def tell(self, line):
        pass
