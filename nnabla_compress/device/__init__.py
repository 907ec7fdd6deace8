# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks on emulated boards."""

from __future__ import annotations

from nnabla_compress.device.boards import BOARDS, Board, find_board
from nnabla_compress.device.device_test import DeviceTest, Limits, device_test
from nnabla_compress.device.engine import BoardPlace
from nnabla_compress.device.firmware_folder import write_firmware

__all__ = [
    "BOARDS",
    "Board",
    "BoardPlace",
    "DeviceTest",
    "Limits",
    "device_test",
    "find_board",
    "write_firmware",
]
