# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import zipfile

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.exporters import export_nnb, export_nnp


@pytest.fixture
def nnp(tmp_path):
    x = nn.Variable((2, 16))
    y = PF.affine(x, 10, name="f")
    export_nnp(tmp_path / "net.nnp", y, x)
    return tmp_path / "net.nnp"


def test_the_file_has_version_3_the_api_level_and_the_weights(nnp, tmp_path):
    path = export_nnb(tmp_path / "net.nnb", nnp, api=44)
    content = path.read_bytes()
    assert struct.unpack_from("<II", content) == (3, 44)
    # Converters store the weight of an Affine as [out, in].
    weight = np.ascontiguousarray(nn.get_parameters()["f/affine/W"].d.T)
    assert weight.astype("<f4").tobytes() in content
    assert export_nnb(tmp_path / "old.nnb", nnp, api=3).read_bytes()[4] == 3


def test_wrong_arguments_are_refused(nnp, tmp_path):
    for match, call in (
        ("does not end in .nnb", lambda: export_nnb(tmp_path / "net.bin", nnp)),
        ("there is no file", lambda: export_nnb(tmp_path / "a.nnb", tmp_path / "none.nnp")),
        ("api is 46", lambda: export_nnb(tmp_path / "a.nnb", nnp, api=46)),
        ("batch_size is 0", lambda: export_nnb(tmp_path / "a.nnb", nnp, batch_size=0)),
    ):
        with pytest.raises(ConfigError, match=match):
            call()


def test_what_the_converter_refuses_is_said_and_leaves_no_file(nnp, tmp_path, capfd):
    with zipfile.ZipFile(tmp_path / "empty.nnp", "w") as archive:
        archive.writestr("nnp_version.txt", "0.1\n")
        archive.writestr("network.nntxt", "")
    good = tmp_path / "net.nnb"
    good.write_bytes(b"good")
    with pytest.raises(ExportError, match="converter can't turn .*empty.nnp"):
        export_nnb(good, tmp_path / "empty.nnp")
    assert good.read_bytes() == b"good"
    assert capfd.readouterr().out == ""
