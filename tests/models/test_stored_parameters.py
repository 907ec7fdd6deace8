# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
from nnabla.utils import nnabla_pb2

from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits
from nnabla_compress.models.stored_parameters import MOST_AXES, from_hdf5, from_proto


def parameter(axes):
    stored = nnabla_pb2.Parameter(variable_name="fc/affine/W", need_grad=True)
    stored.shape.dim.extend([1] * axes)
    stored.data.append(3.0)
    return stored


def test_a_parameter_has_as_many_axes_as_an_array_can_have():
    assert from_proto("net.nnp", parameter(MOST_AXES)).values.shape == (1,) * MOST_AXES
    with pytest.raises(DataError, match="fc/affine/W of net.nnp has 44 axes, the limit is 32"):
        from_proto("net.nnp", parameter(44))


def test_an_array_whose_name_is_no_text_is_refused():
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened.create_dataset("weight", data=np.ones(3, np.float32)).attrs["need_grad"] = True
    limits = Limits.of(1000)
    assert list(from_hdf5("net.h5", file.getvalue(), limits, limits.bytes)) == ["weight"]
    content = file.getvalue().replace(b"weight", b"w\xefight")
    with pytest.raises(DataError, match="net.h5 holds an array whose name is no text"):
        from_hdf5("net.h5", content, limits, limits.bytes)
