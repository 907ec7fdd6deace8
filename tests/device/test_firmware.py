# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is found out before anything is compiled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nnabla_compress.device import find_board
from nnabla_compress.device.boards.board import Region
from nnabla_compress.device.firmware import build_firmware, kernels_for
from nnabla_compress.device.runtime_source import find_runtime
from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.nnb import read_nnb, write_nnb


def test_packed_weights_are_run_by_exact_kernels_and_others_by_the_runtimes_own(packed, relus):
    assert (kernels_for(packed), kernels_for(packed, "fast")) == ("exact", "fast")
    assert kernels_for(relus) == kernels_for(relus, "stock") == "stock"


def test_kernels_that_cant_run_a_file_are_refused(packed, relus):
    with pytest.raises(ConfigError, match="own kernels can't run .* its weights are packed"):
        kernels_for(packed, "stock")
    with pytest.raises(ConfigError, match="no packed weights that the fast kernels"):
        kernels_for(relus, "fast")


def test_a_network_beyond_the_boards_flash_is_told_with_what_is_too_many(
    stub_source, tmp_path, packed
):
    board = find_board("m4f")
    code, network, ram = board.memory
    size = packed.stat().st_size
    small = replace(board, memory=(code, Region(network.start, size - 100), ram))
    with pytest.raises(ExportError, match=f"flash for the network takes {size:,} bytes.* 100 too"):
        build_firmware(tmp_path / "fw", small, packed, find_runtime(), "exact")


def test_buffers_beyond_the_boards_ram_are_told_with_what_is_too_many(stub_source, tmp_path, relus):
    network = replace(read_nnb(relus), buffers=(1 << 23, 16, 16))
    large = write_nnb(tmp_path / "large.nnb", network)
    too_many = (1 << 23) + 32 - ((4 << 20) - 8192)
    with pytest.raises(ExportError, match=f"RAM for buffers .* {too_many:,} too many"):
        build_firmware(tmp_path / "fw", find_board("m4f"), large, find_runtime())
