# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters are written whole or not at all, without a copy of the file in memory."""

from __future__ import annotations

import io
import resource

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.checksums import check_bytes
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.training.parameter_files import (
    load_parameters,
    load_some_parameters,
    read_parameters,
    save_parameters,
)


def parameters(rng, size=3000):
    nn.clear_parameters()
    for name in ("a/W", "b/W"):
        nn.parameter.set_parameter(
            name, nn.Variable.from_numpy_array(rng.randn(size, 9).astype("f4"))
        )


def test_the_file_is_nnablas_and_a_checksum(tmp_path, rng):
    parameters(rng)
    memory = io.BytesIO()
    nn.save_parameters(memory, extension=".h5")
    checksum = save_parameters(tmp_path / "p.h5")
    written = (tmp_path / "p.h5").read_bytes()
    assert written.startswith(memory.getvalue()) and checksum.encode() in written[-66:]
    assert check_bytes(tmp_path / "p.h5", "begin again") == checksum
    before = nn.get_parameters(grad_only=False)["b/W"].d.copy()
    nn.get_parameters(grad_only=False)["b/W"].d = 0
    load_parameters(tmp_path / "p.h5", "begin again")
    np.testing.assert_array_equal(nn.get_parameters(grad_only=False)["b/W"].d, before)


@pytest.mark.parametrize("limit", [0, 100, 5000, 150_000])
def test_a_file_that_can_not_become_as_large_leaves_the_old_one(tmp_path, rng, limit):
    parameters(rng)
    path = tmp_path / "p.h5"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(ConfigError, match=r"p\.h5: the file would be larger"):
            save_parameters(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_values_given_as_float64_are_written_as_the_network_has_them(tmp_path):
    nn.parameter.get_parameter_or_create("a/W", (2,), np.array([0.1, 3.0]))
    save_parameters(tmp_path / "p.h5")
    nn.clear_parameters()
    nn.parameter.get_parameter_or_create("a/W", (2,))
    load_parameters(tmp_path / "p.h5", "")
    assert nn.get_parameters()["a/W"].d.tolist() == np.float32([0.1, 3.0]).tolist()


def test_a_file_of_a_part_changes_nothing_else(tmp_path, rng):
    parameters(rng, 4)
    found = nn.get_parameters(grad_only=False)
    before = found["a/W"].d.copy()
    with nn.parameter_scope("", {}):
        nn.parameter.set_parameter("a/W", found["a/W"])
        save_parameters(tmp_path / "part.h5")
    for parameter in found.values():
        parameter.d = 7
    load_some_parameters(tmp_path / "part.h5", "begin again")
    np.testing.assert_array_equal(found["a/W"].d, before)
    assert (found["b/W"].d == 7).all()


@pytest.mark.parametrize(("size", "wrong"), [(4, "holds b/W, which the"), (5, "with the shape")])
def test_a_part_that_does_not_fit_the_network_is_refused_as_a_whole(tmp_path, rng, size, wrong):
    parameters(rng, 4)
    save_parameters(tmp_path / "part.h5")
    parameters(rng, size)
    if size == 4:
        nn.parameter.pop_parameter("b/W")
    found = nn.get_parameters(grad_only=False)
    before = found["a/W"].d.copy()
    with pytest.raises(DataError, match=wrong):
        load_some_parameters(tmp_path / "part.h5", "begin again")
    np.testing.assert_array_equal(found["a/W"].d, before)


def test_arrays_are_read_and_the_network_stays_as_it_is(tmp_path, rng):
    parameters(rng)
    save_parameters(tmp_path / "p.h5")
    kept = {name: p.d.copy() for name, p in nn.get_parameters(grad_only=False).items()}
    parameters(rng)
    found = read_parameters(tmp_path / "p.h5", "begin again")
    assert list(found) == ["a/W", "b/W"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, kept[name])
        assert (nn.get_parameters(grad_only=False)[name].d != values).any()
    content = bytearray((tmp_path / "p.h5").read_bytes())
    content[5000] ^= 1
    (tmp_path / "p.h5").write_bytes(content)
    with pytest.raises(DataError, match="p.h5"):
        read_parameters(tmp_path / "p.h5", "begin again")
