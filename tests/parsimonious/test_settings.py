# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.parsimonious import ParsimoniousSettings


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "gibs"}, "method is 'gibs'"),
        ({"used_by": "none"}, "used_by is 'none'"),
        ({"most_layers": 0}, "most_layers is 0"),
        ({"sweeps": 2.5}, "sweeps is 2.5"),
        ({"sweeps": 100, "burn_in": 100}, "none is kept"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ParsimoniousSettings(**options)


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert ParsimoniousSettings(sweeps=np.int64(200)).sweeps == 200
