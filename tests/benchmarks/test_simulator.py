# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Images a second through ResNet-20 in the simulator of the C runtime, on one core.

Processor time, so that other work on the machine does not count. With NNABLA_COMPRESS_DATA set the
network and the images are those of CIFAR-10 and the accuracy is printed; otherwise they are random.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress import models
from nnabla_compress.data.cifar10 import cifar10
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.models.nnp import NnpFile
from nnabla_compress.nnb import NnbFile, read_nnb, values
from nnabla_compress.simulator import Machine

IMAGES, MOST_SECONDS = 1000, 60
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """ResNet-20 as an .nnb file of floats."""
    folder = tmp_path_factory.mktemp("resnet20")
    if "NNABLA_COMPRESS_DATA" in os.environ:
        data = Path(os.environ["NNABLA_COMPRESS_DATA"])
        loaded = NnpFile(data / "models" / "resnet20_cifar10.nnp").build(batch_size=1)
        outputs, inputs = loaded.outputs, loaded.inputs
    else:
        x = nn.Variable((1, 3, 32, 32))
        outputs, inputs = {"y": models.build("resnet20", x, 10)}, {"x": x}
    export_nnp(folder / "net.nnp", outputs, inputs)
    nn.clear_parameters()
    return read_nnb(export_nnb(folder / "net.nnb", folder / "net.nnp"))


@pytest.fixture(scope="module")
def images():
    """Images and labels; labels are None without data."""
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        return np.random.RandomState(0).randn(IMAGES, 3, 32, 32).astype(np.float32), None
    test = cifar10(Path(os.environ["NNABLA_COMPRESS_DATA"]) / "cifar10").test
    pixels = test.x[:IMAGES].astype(np.float32) / 255
    return (pixels - MEAN[:, None, None]) / DEVIATION[:, None, None], test.y[:IMAGES].ravel()


def as_integers(network: NnbFile, type_name: str, fp_pos: int) -> NnbFile:
    """The same network in integers, all of one format: fast or slow, not accurate."""
    bits = {"FIXED8": 8, "FIXED16": 16}[type_name]
    variables = []
    for variable in network.variables:
        data = variable.data
        if data is not None:
            scaled = np.round(values(variable) * 2.0**fp_pos)
            limited = np.clip(scaled, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            data = limited.astype(f"<i{bits // 8}").tobytes()
        variables.append(dataclasses.replace(variable, type=type_name, fp_pos=fp_pos, data=data))
    return dataclasses.replace(network, variables=tuple(variables))


@pytest.mark.parametrize("kind", ["float", "int16", "int8"])
def test_a_thousand_images_take_less_than_a_minute(network, images, kind, benchmark):
    x, labels = images
    formats = {"int16": ("FIXED16", 10), "int8": ("FIXED8", 4)}
    machine = Machine(as_integers(network, *formats[kind]) if kind in formats else network)
    machine.run_many([x[:32]])
    start = time.process_time()
    (logits,) = benchmark.pedantic(machine.run_many, args=([x],), rounds=1)
    seconds = time.process_time() - start
    line = f"\nResNet-20, {kind}: {IMAGES / seconds:.0f} images a second"
    if labels is not None:
        line += f", accuracy {100 * np.mean(logits.argmax(axis=1) == labels):.1f} %"
    start = time.process_time()
    machine.run([x[:1]])
    print(f"{line}; one image alone {time.process_time() - start:.2f} s")
    assert seconds < MOST_SECONDS
