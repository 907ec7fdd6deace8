# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Emulated programs that fail, hang, or have too little memory."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nnabla_compress.device import find_board
from nnabla_compress.device.emulator import run_firmware
from nnabla_compress.device.firmware import Firmware
from nnabla_compress.errors import ExportError, VerifyError
from nnabla_compress.simulator import Machine

DONE = "0000000000000001 done"


@pytest.fixture
def firmware(tmp_path):
    folder = tmp_path / "fw"
    folder.mkdir()
    return Firmware(find_board("m4f"), folder / "firmware.elf", 1000, 34)


def test_outputs_and_numbers_are_read_and_inputs_given_sample_after_sample(
    firmware, program, relus, x
):
    program(
        "qemu-system-arm",
        # The outputs are the inputs, which stand behind two numbers.
        f"tail -c 32 samples.bin > outputs.bin; printf '000000000000000a stack\n{DONE}\n' "
        "> report.txt; printf abc > trace.bin",
    )
    ran = run_firmware(firmware, Machine(relus), x, trace=True)
    np.testing.assert_array_equal(ran.outputs[0], np.concatenate(x))
    assert ran.report == {"stack": [10], "done": [1]} and ran.trace == b"abc"


def test_a_program_that_hangs_is_ended(firmware, program, relus, x):
    program("qemu-system-arm", "exec sleep 60")
    start = time.monotonic()
    with pytest.raises(VerifyError, match=r"mps2-an386 did not end within 0\.2 seconds"):
        run_firmware(firmware, Machine(relus), x, seconds=0.2)
    assert time.monotonic() - start < 30


def test_a_fault_is_told_with_its_words_and_its_function(firmware, program, relus, x):
    program(
        "qemu-system-arm",
        "echo the processor stopped with a fault; "
        "echo 0000000000000001 failed_function > report.txt; exit 4",
    )
    with pytest.raises(VerifyError, match="status 4 in function 1, ReLU:\n  the processor stopped"):
        run_firmware(firmware, Machine(relus), x)


def test_memory_that_is_short_is_told_with_what_is_too_many(firmware, program, relus, x):
    numbers = {"bytes": 0x1000, "extent": 0x2000, "heap": 0x2800}
    lines = "\n".join(f"{value:016x} short_{name}" for name, value in numbers.items())
    program("qemu-system-arm", f"printf '{lines}\n' > report.txt; exit 3")
    with pytest.raises(ExportError, match="10,240 bytes .* 8,192 are taken.* 2,048 too many"):
        run_firmware(firmware, Machine(relus), x)


def test_outputs_that_are_too_few_are_told(firmware, program, relus, x):
    program("qemu-system-arm", f"printf 123 > outputs.bin; echo '{DONE}' > report.txt")
    with pytest.raises(VerifyError, match="wrote 3 bytes of outputs instead of 32"):
        run_firmware(firmware, Machine(relus), x)
