# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis import stored_maps
from nnabla_compress.graph import functions
from nnabla_compress.quantizers import Affine
from nnabla_compress.transforms import insert_map_quantizers


def test_quantizers_are_put_on_the_places_and_named_after_them(rng):
    x = nn.Variable((2, 4, 8, 8))
    y = PF.affine(F.relu(PF.convolution(x, 4, (3, 3), name="a")), 3, name="fc")
    found = stored_maps([y], [x])
    (z,) = insert_map_quantizers(
        [y], found, lambda each: Affine(8) if each.name != "input" else None
    )
    nodes = [f for f in functions([z]) if f.info.type_name == "nnabla_compress.AffineQuantizer"]
    assert [node.info.args["name"] for node in nodes] == ["a/conv/relu"]
    assert nodes[0].inputs[0].parent.info.type_name == "ReLU"
    x.d = rng.randn(*x.shape)
    y.forward()
    z.forward()
    assert 0 < np.abs(y.d - z.d).max() < 0.1 * np.abs(y.d).max()
