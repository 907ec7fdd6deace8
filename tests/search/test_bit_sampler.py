# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What samplers of bits share."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.step import steps
from nnabla_compress.search.sampler import sampler_of, samplers


@pytest.mark.parametrize("name", ["exhaustive", "greedy", "random", "releq"])
def test_it_is_known_and_refuses_quantizers_without_bits(name):
    steps()
    assert samplers()[name].name == name
    with pytest.raises(ConfigError, match="leaves no bits to choose"):
        sampler_of({name: {"quantizer": "lut:bits=3"}})
