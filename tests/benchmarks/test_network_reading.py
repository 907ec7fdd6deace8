# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How long it takes to read, rewrite and inspect an ``.nnp``, imports left out.

Limits are of processor time: other processes add to the time on the clock, and on a quiet machine
both are the same, since one thread does all of it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import nnabla as nn
import pytest
from click.testing import CliRunner
from nnabla.utils.save import save

from nnabla_compress import compress, models
from nnabla_compress.analysis import layers
from nnabla_compress.cli.inspect import command

pytestmark = pytest.mark.benchmark(timer=time.process_time)
HOW = {"weights": "lut:bits=4", "activations": "uniform:bits=8"}


@pytest.fixture
def resnet56(tmp_path):
    """ResNet-56 for CIFAR with random weights."""
    x = nn.Variable((1, 3, 32, 32))
    y = models.build("resnet56", x, 10, True)
    network = {"name": "Validation", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "resnet56.nnp"), {"networks": [network], "executors": []})
    nn.clear_parameters()
    return tmp_path / "resnet56.nnp"


def _least(benchmark, function):
    """Seconds of processor time of the quickest of several calls, and seconds on the clock."""
    clock = []

    def timed():
        start = time.perf_counter()
        function()
        clock.append(time.perf_counter() - start)

    benchmark.pedantic(timed, setup=nn.clear_parameters, rounds=3)
    benchmark.extra_info["on_the_clock"] = min(clock)
    return benchmark.stats["min"], min(clock)


def test_reading_and_rewriting_resnet56_takes_less_than_two_seconds(benchmark, resnet56):
    rewritten = compress(resnet56, HOW)
    assert len([layer for layer in layers([rewritten.output]) if layer.quantizer]) == 56
    seconds, clock = _least(benchmark, lambda: compress(resnet56, HOW))
    print(f"\nResNet-56: read and rewritten in {seconds:.2f} s, {clock:.2f} s on the clock")
    assert seconds < 2


def test_inspecting_the_largest_file_takes_less_than_three_seconds(benchmark, resnet56):
    files = [resnet56]
    if "NNABLA_COMPRESS_DATA" in os.environ:
        files += Path(os.environ["NNABLA_COMPRESS_DATA"]).rglob("*.nnp")
    largest = max(files, key=lambda path: path.stat().st_size)

    def inspect():
        assert CliRunner().invoke(command, [str(largest)]).exit_code == 0

    seconds, clock = _least(benchmark, inspect)
    print(
        f"\n{largest.name}, {largest.stat().st_size:,} bytes: inspected in {seconds:.2f} s, "
        f"{clock:.2f} s on the clock"
    )
    assert seconds < 3
