# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks on emulated boards."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.device import BOARDS, Limits, device_test, find_board
from nnabla_compress.device.emulator import Ran
from nnabla_compress.device.firmware import Firmware
from nnabla_compress.errors import ConfigError, ExportError, VerifyError
from nnabla_compress.verification import Samples

RECORDED = Path(__file__).parents[1] / "data" / "c_runtime"
module = importlib.import_module("nnabla_compress.device.device_test")


@pytest.mark.parametrize("name", BOARDS)
def test_packed_weights_give_the_bits_of_the_simulator_on_every_board(
    tools, stub_source, packed, name
):
    found = device_test(packed, tools(name), count=1)
    found.check()
    assert found.kept and found.promise.text == "bit for bit"
    assert found.outputs["output 0"].bit_equal == 1.0 and not found.first
    if found.board.ram is not None:
        assert len(found.measured.layers) == 9
        assert found.measured.flash.network == packed.stat().st_size
        assert 0 < found.measured.ram.scratch < 2000


@pytest.mark.parametrize("name", BOARDS)
def test_layers_from_int8_to_int8_give_the_bits_of_the_simulator_on_every_board(
    tools, stub_source, int8_layers, name
):
    found = device_test(int8_layers, tools(name), "fast")
    assert found.kept and found.promise.text == "bit for bit"
    assert found.outputs["output 0"].bit_equal == 1.0


def test_layers_from_int8_to_int8_keep_to_a_limit_of_the_scratch_memory(
    tools, stub_source, int8_layers
):
    free, bounded = (
        device_test(int8_layers, tools("m4f"), scratch_bytes=scratch) for scratch in (0, 900)
    )
    assert bounded.kept and bounded.measured.ram.scratch <= 900 < free.measured.ram.scratch


def test_fast_kernels_take_fewer_instructions_and_no_more_scratch_memory_than_they_may(
    tools, stub_source, packed
):
    board = tools("m4f")
    exact, fast, bounded = (
        device_test(packed, board, kernels, count=1, scratch_bytes=scratch).measured
        for kernels, scratch in (("exact", 0), ("fast", 0), ("fast", 4500))
    )
    assert fast.forward_instructions[0] < 0.7 * exact.forward_instructions[0]
    assert exact.ram.scratch < bounded.ram.scratch <= 4500 < fast.ram.scratch
    assert bounded.ram.total < fast.ram.total


@pytest.mark.parametrize("name", ["01_float_lenet", "20_int8_lenet", "21_int16_lenet"])
def test_recorded_networks_of_the_runtime_run_on_a_board(tools, real_source, name):
    found = device_test(RECORDED / name / "net.nnb", tools("m4f"), count=1)
    found.check()
    assert found.notes == () and found.kernels == "stock"
    ram = found.measured.ram
    assert ram.stack < 2048 and ram.buffers > 0 and ram.context > 0


def test_broken_limits_are_told_for_each_region(tools, stub_source, packed):
    limits = Limits(flash=10000, ram=1 << 20)
    found = device_test(packed, tools("m4f"), count=1, limits=limits)
    taken = found.measured.flash
    with pytest.raises(VerifyError, match="flash: .* too many") as caught:
        found.check()
    assert f"{taken.total - 10000:,} too many" in caught.value.message
    assert "RAM" not in caught.value.message and not found.kept
    assert found.as_dict()["broken_limits"] == found.limits.broken(found.measured)


def test_a_network_beyond_a_boards_ram_is_told_by_the_board_itself(tools, stub_source, packed):
    board = tools("m4f")
    code, network, ram = board.memory
    small = replace(board, memory=(code, network, replace(ram, bytes=23000)))
    with pytest.raises(ExportError, match="bytes of RAM for buffers, context and scratch"):
        device_test(packed, small, "fast", count=1)


def test_the_first_function_that_differs_is_named(monkeypatch, stub_source, relus):
    right, wrong = np.float32([[[0, 0.5, 2, 0]]]), np.float32([[[0, 0.5, 3, 0]]])
    report = {name: [0] for name in ("variables", "context", "extent", "static", "stack")}
    report.update({name: [0] for name in ("init_ticks", "changed", "left")})
    report.update(forward_ticks=[1], function_ticks=[1, 1])
    monkeypatch.setattr(module, "build_firmware", lambda *_: Firmware(board, Path("fw"), 10, 10))
    monkeypatch.setattr(module, "versions", lambda board: {})
    monkeypatch.setattr(
        module,
        "run_firmware",
        lambda *_, trace=False, seconds=0: Ran((wrong,), report, right.tobytes() + wrong.tobytes()),
    )
    board = find_board("m4f")
    samples = Samples([np.float32([[-1, 0.5, 2, -3]])], "a row")
    found = device_test(relus, board, samples=samples)
    with pytest.raises(VerifyError, match="first that differs is function 1, ReLU -> 1 x 4"):
        found.check()
    assert found.as_dict()["first_difference"] == "function 1, ReLU -> 1 x 4"


def test_options_that_do_not_fit_are_refused_before_anything_is_compiled(packed, no_source):
    with pytest.raises(ConfigError, match="--scratch bounds .* these are the exact ones"):
        device_test(packed, find_board("m4f"), scratch_bytes=1000)
    with pytest.raises(ConfigError, match="no flash and no RAM of its own"):
        device_test(packed, find_board("aarch64"), limits=Limits(ram=1000))
    with pytest.raises(ConfigError, match="NNABLART_SOURCE is not set"):
        device_test(packed, find_board("aarch64"))
