# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.exporters import export_nnp, summary
from nnabla_compress.quantizers import LUT


@pytest.fixture
def exported(tmp_path):
    x = nn.Variable((4, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), apply_w=LUT(bits=1), name="c"))
    export_nnp(tmp_path / "net.nnp", PF.affine(h, 2, name="f"), x)
    return tmp_path / "net.nnp"


def test_an_export_tells_layers_costs_and_packed_bytes(exported):
    found = summary(exported)
    (network,) = found.networks
    assert (network.name, network.inputs, network.outputs) == (
        "Validation",
        {"x": (1, 3, 8, 8)},
        {"y": (1, 2)},
    )
    assert network.functions == {"Convolution": 1, "ReLU": 1, "Affine": 1}
    conv, affine = network.layers
    assert (conv.parameters, conv.macs, conv.distinct, conv.packed_bytes) == (112, 3888, 2, 14 + 8)
    assert (affine.parameters, affine.bytes, affine.packed_bytes) == (290, 1160, None)
    assert network.parameters == 402 and network.bytes == 1608
    assert found.compression["target"] == "portable" and found.bytes == exported.stat().st_size


def test_scopes_stay_as_they_are(exported):
    nn.clear_parameters()
    summary(exported)
    assert nn.get_parameters(grad_only=False) == {}


@pytest.mark.parametrize("keep", [0, 100, -30])
def test_a_damaged_file_is_refused_with_its_name(exported, keep):
    exported.write_bytes(exported.read_bytes()[:keep])
    with pytest.raises(DataError, match="net.nnp"):
        summary(exported)


def test_files_of_other_tools_are_summed_up():
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    root = Path(os.environ["NNABLA_COMPRESS_DATA"])
    found = {path.stem: summary(path) for folder in ("nnp", "models")
             for path in (root / folder).glob("*.nnp")}  # fmt: skip
    assert len(found) >= 5
    assert all(network.layers for each in found.values() for network in each.networks)
    (resnet,) = found["resnet20_cifar10"].networks
    assert len(resnet.layers) == 20 and resnet.macs == 40_551_040
    # README of the data: 269,722 parameters and the statistics of 688 channels.
    assert resnet.parameters == 269_722 + 2 * 688
    assert found["resnet20_cifar10"].compression is None
