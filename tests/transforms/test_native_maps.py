# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's quantizers of feature maps, and ours in their place."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.models import NnpFile
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.transforms import Convert
from nnabla_compress.transforms.native_maps import native_maps
from tests.transforms.native import write_native

pytestmark = pytest.mark.filterwarnings("ignore:.*unsigned")


def table(name, value):
    made = nn.parameter.get_parameter_or_create(name, (1, 1), need_grad=False)
    made.d = value
    return made


def ranged(low, high, first, last, **options):
    def quantize(x):
        tables = [table(*pair) for pair in zip("stuv", (low, high, first, last))]
        return F.min_max_quantize(x, *tables, **options)

    return quantize


def codes(scale, zero, **options):
    def quantize(x):
        tables = table("s", scale), table("t", zero)
        return F.dequantize_linear(F.quantize_linear(x, *tables, **options), *tables)

    return quantize


def fixed(signed, bits, step):
    return lambda x: F.fixed_point_quantize(x, signed, bits, step)


def powers(signed, zero, bits, exponent):
    return lambda x: F.pow2_quantize(x, signed, zero, bits, exponent)


NUMBERS = (np.random.RandomState(0).randn(1, 4000) * 1.5).astype(np.float32)
# A function, what it is converted to, and the quantizer with its bits; None: it stays.
CASES = [
    (fixed(True, 4, 0.25), "uniform", ("uniform", 4)),
    (fixed(True, 8, 0.01), "affine", ("affine", 8)),
    (fixed(False, 4, 0.3), "uniform", ("uniform", 4)),
    (fixed(False, 4, 0.3), "affine", ("affine", 4)),
    (fixed(True, 20, 1e-4), "affine", None),
    *((powers(*s, 4, 1), "uniform", ("pow2", 4)) for s in ((1, 1), (1, 0), (0, 1), (0, 0))),
    (powers(True, True, 4, 1), "lut", ("pow2", 4)),
    (ranged(0, 2, 0, 255), "uniform", ("uniform", 8)),
    (ranged(-1, 1, -7, 7), "uniform", ("uniform", 4)),
    (ranged(-1, 2, 0, 15), "uniform", None),
    (ranged(-1, 2, 0, 15), "affine", ("affine", 4)),
    (ranged(-1, 2, 0, 14), "affine", None),
    (ranged(-1, 2, 0, 15, x_min_max=True), "affine", None),
    (codes(0.01, 0), "affine", ("affine", 8)),
    (codes(0.01, 0), "uniform", None),
    (codes(0.01, 0, narrow_range=True), "uniform", ("uniform", 8)),
    (codes(0.01, 3), "affine", ("affine", 8)),
    (codes(0.01, 128, dtype=np.uint8), "affine", ("affine", 8)),
    (codes(0.01, 0, round_mode="HALF_TO_EVEN"), "affine", None),
    (fixed(True, 4, 0.25), "lut", None),
]


@pytest.mark.parametrize("function, to, expected", CASES)
def test_a_quantizer_of_a_map_becomes_ours_where_ours_rounds_as_it_does(function, to, expected):
    nn.clear_parameters()
    x = nn.Variable.from_numpy_array(NUMBERS)
    network = Network({"x": x}, {"y": function(F.mul_scalar(x, 1.0))})
    if expected is None:
        with pytest.raises(ConfigError, match="rounds no map as NNabla's quantizers of input/"):
            Convert(to=to).apply(network)
        return
    made, decisions = Convert(to=to).apply(network)
    (said,) = decisions["maps"].values()
    assert (said["rule"]["quantizer"], said["rule"]["bits"]) == expected
    assert len(graph_quantizers(made.all_outputs)) == 1 and not native_maps(made.all_outputs)
    nn.forward_all([network.output, made.output])
    # Where a number is half-way between two values the last digit decides: there are next to none.
    assert (np.abs(made.output.d - network.output.d) > 1e-5).mean() < 0.002


@pytest.mark.parametrize(
    "name, to",
    [("fixed point maps", "uniform"), ("power of two maps", "lut"), ("min max maps", "affine")],
)
def test_maps_of_a_file_are_converted_and_built_again_from_the_decision(name, to, tmp_path):
    x, expected = write_native(tmp_path / "net.nnp", name)
    network = NnpFile(tmp_path / "net.nnp").build()
    transform = Convert(to=to)
    made, decisions = transform.apply(network)
    assert not decisions["layers"] and list(decisions["maps"])[0].startswith("c1/conv/")
    network.all_inputs[0].d = x
    made.output.forward()
    np.testing.assert_allclose(made.output.d, expected, rtol=1e-5, atol=1e-5)
    (node,) = graph_quantizers(made.all_outputs)
    node.inputs[1].d = 0.5
    (again,) = graph_quantizers(transform.replay(network, decisions).all_outputs)
    assert again.inputs[1].data == node.inputs[1].data and again.inputs[1].d == 0.5


def test_maps_that_stay_are_told_and_a_pattern_chooses():
    class Context:
        seed, untrained, told = 0, False, []

        def samples(self, most):
            return None

        def tell(self, line):
            self.told.append(line)

    nn.clear_parameters()
    h = F.fixed_point_quantize(PF.affine(nn.Variable((1, 4)), 3, name="a"), True, 4, 0.25)
    h = ranged(-1, 2, 0, 15)(PF.affine(h, 3, name="b"))
    network = Network({}, {"y": PF.affine(h, 3, name="c")})
    made, _ = Convert(to="uniform").apply(network, Context())
    assert Context.told == [
        "convert: NNabla's quantizers of b/affine/minmaxquantize stay: uniform rounds no map as "
        "they do"
    ]
    _, decisions = Convert(to="affine", layers="b*").apply(network)
    assert list(decisions["maps"]) == ["b/affine/minmaxquantize"]


def test_functions_of_parameters_are_no_maps():
    nn.clear_parameters()
    w = nn.parameter.get_parameter_or_create("fc/W", (4, 3))
    y = F.affine(nn.Variable((1, 4)), F.fixed_point_quantize(w * 2, True, 4, 0.25))
    assert not native_maps([y])
