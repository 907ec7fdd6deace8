# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.quantizers.coded import Coded
from nnabla_compress.rules import QuantizerRule

CODES = np.array([[0, 3], [1, 2]])
ENCODINGS = {
    "scale": Encoding(CODES, 2, scale=np.float32(0.3)),
    "scales": Encoding(CODES, 2, scale=np.float32([0.3, 0]), zero_point=1, axis=0),
    "zero points": Encoding(
        CODES, 2, scale=np.float32([0.3, 0.7]), zero_point=np.array([1, 3]), axis=1
    ),
    "odd integers": Encoding(CODES, 2, scale=np.float32(0.3), zero_point=3, spacing=2),
    "dictionary": Encoding(CODES, 2, dictionary=np.float32([0.5, -1, 7, 0])),
}


@pytest.mark.parametrize("form", ENCODINGS)
def test_the_node_says_how_the_weight_is_encoded_and_keeps_its_values(form):
    encoding = ENCODINGS[form]
    y = Coded(encoding, "LUT")(nn.Variable.from_numpy_array(encoding.decode(), need_grad=True))
    y.forward()
    np.testing.assert_array_equal(y.d, encoding.decode())
    found = Coded.encode(y.parent)
    np.testing.assert_array_equal(found.decode(), encoding.decode())
    assert found.bits == 2 and found.axis == encoding.axis
    assert Coded.label(y.parent.info.args) == "LUT"
    y.parent.inputs[0].grad.zero()
    y.backward(3.0)
    np.testing.assert_array_equal(y.parent.inputs[0].g, np.full((2, 2), 3.0))


def test_a_weight_that_was_changed_is_no_longer_coded():
    encoding = ENCODINGS["scale"]
    w = nn.Variable.from_numpy_array(encoding.decode())
    y = Coded(encoding)(w)
    w.d = w.d + 0.01
    with pytest.raises(ExportError, match="no longer has the values"):
        Coded.encode(y.parent)


def test_rules_do_not_know_it():
    with pytest.raises(ConfigError):
        QuantizerRule(quantizer="coded")
