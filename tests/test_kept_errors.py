# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""HDF5 writes to its end whatever the disk takes, and the first error is kept."""

from __future__ import annotations

import errno
import io

import h5py
import numpy as np
import pytest

from nnabla_compress.kept_errors import KeptErrors


class Full(io.BytesIO):
    """A file on a disk that holds no more than some bytes."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def write(self, content):
        if self.tell() + len(content) > self.most:
            raise OSError(errno.ENOSPC, "no space left")
        return super().write(content)

    def truncate(self, size=None):
        if size is not None and size > self.most:
            raise OSError(errno.ENOSPC, "no space left")
        return super().truncate(size)


@pytest.mark.parametrize("most", [0, 100, 900, 2100, 1 << 20])
def test_hdf5_ends_whatever_the_disk_takes(most):
    full = Full(most)
    kept = KeptErrors(full)
    with h5py.File(kept, "w") as file:
        for name in "abc":
            file[name] = np.arange(500.0)
            file[name].attrs["index"] = 1
    if most < 1 << 20:
        assert kept.error.errno == errno.ENOSPC
        return
    assert kept.error is None
    plain = io.BytesIO()
    with h5py.File(plain, "w") as file:
        for name in "abc":
            file[name] = np.arange(500.0)
            file[name].attrs["index"] = 1
    assert full.getvalue() == plain.getvalue()


def test_a_file_that_keeps_errors_goes_on_with_zeros():
    kept = KeptErrors(Full(4))
    assert kept.write(b"abcd") == 4 and kept.seek(0) == 0 and kept.read() == b"abcd"
    assert kept.write(b"efgh") == 4 and kept.error is not None
    assert kept.tell() == 8 and kept.truncate(6) == 6
    assert kept.seek(-2, 2) == 4 and kept.read(9) == b"\0\0"
