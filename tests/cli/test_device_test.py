# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress device-test``, and ``verify --board``."""

from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.cli import main
from nnabla_compress.device import find_board
from nnabla_compress.device.runtime_source import VARIABLE
from nnabla_compress.device.toolchain import missing_program
from nnabla_compress.exporters import export_nnb, export_nnp


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of a ReLU, and data for it."""
    made = tmp_path_factory.mktemp("relu")
    x = nn.Variable((1, 4))
    export_nnp(made / "net.nnp", F.relu(x), x)
    export_nnb(made / "net.nnb", made / "net.nnp")
    np.savez(made / "data.npz", x_test=np.float32([[1, -2, 3, -4]] * 8))
    return made


@pytest.fixture
def call(capsys):
    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([*map(str, arguments)])
        printed = capsys.readouterr()
        assert "internal error" not in printed.err
        return stop.value.code, printed.out, printed.err

    return run


@pytest.fixture
def no_source(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--board", "mps2-an387"], "did you mean 'mps2-an386'?"),
        (["--flash", "much"], "--flash: 'much' is no size"),
        (["--scratch", "4kB"], "--scratch bounds the memory of the fast kernels"),
        (["--kernels", "fast"], "has no packed weights that the fast kernels could read"),
        (["--board", "aarch64", "--ram", "64kB"], "no flash and no RAM of its own"),
        ([], "NNABLART_SOURCE is not set"),
    ],
)
def test_what_does_not_fit_is_said(folder, call, no_source, options, said):
    status, _, err = call("device-test", folder / "net.nnb", *options)
    assert status == 1 and said in err


def test_other_files_are_refused(folder, call, no_source):
    status, _, err = call("device-test", folder / "data.npz")
    assert status == 1 and "no .nnb" in err
    status, _, err = call("device-test", folder / "nothing.nnb")
    assert status == 1 and "there is no" in err


@pytest.fixture
def board():
    if missing_program(find_board("m4f")) is not None:
        pytest.skip("the tools of mps2-an386 are not installed")


def test_a_file_runs_on_data_and_limits_decide_the_status(folder, call, board, stub_source):
    data = ("--data", folder / "data.npz", "-n", 3)
    status, out, _ = call("device-test", folder / "net.nnp", *data, "--json")
    found = json.loads(out)
    assert status == 0 and found["kept"] and found["samples"]["count"] == 3
    assert found["outputs"][0]["bit_equal"] == 1.0
    assert found["ram"]["buffers"] == 16 and found["instructions"]["init"] > 0
    status, out, err = call("device-test", folder / "net.nnb", "--ram", "100B")
    assert status == 1 and "RAM:" in err and "too many" in err and "flash" in out


def test_verify_takes_a_board_as_one_more_place(folder, call, board, stub_source):
    status, out, _ = call("verify", folder / "net.nnb", "--board", "m4f", "-n", 4, "--json")
    last = json.loads(out)["comparisons"][-1]
    assert last["between"][1] == ".nnb on mps2-an386" and last["kept"] and status == 0
