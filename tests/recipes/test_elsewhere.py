# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.cli.faults import fault
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe

NET = {"name": "net", "model": {"name": "lenet"}, "data": {"source": "digits"}}


@pytest.mark.parametrize(
    "part, place",
    [
        ({"compression": {"weights": "lut", "training": {"epochs": 1, "terms": []}}}, "train"),
        ({"steps": [{"train": {"epochs": 1, "distill": {}}}]}, "terms, as an entry"),
        ({"steps": [{"train": {"epochs": 1, "distill": {}}}]}, "compression"),
        ({"colour": 4, "steps": [{"quantize": "lut:bits=2"}]}, None),
        ({"export": {"scale": 2}}, "preprocessing"),
        ({"compression": {"weights": "lut:bits=2", "steps": []}}, "the recipe itself"),
    ],
)  # fmt: skip
def test_a_key_in_a_wrong_place_is_told_where_it_belongs(part, place):
    with pytest.raises(ConfigError, match="unknown key") as error:
        Recipe.checked({**NET, **part})
    text, status = fault(error.value)
    assert text.startswith("ConfigError: ") and status == 1
    belongs = text.partition(" is a key of ")[2]
    assert belongs == "" if place is None else place in belongs
