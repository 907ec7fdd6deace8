# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest
from click.testing import CliRunner
from nnabla.utils.save import save
from rich.console import Console

from nnabla_compress.cli.inspect import command
from nnabla_compress.exporters import export_nnp
from nnabla_compress.inspection import FileSummary, summary
from nnabla_compress.quantizers import LUT
from nnabla_compress.report.network import summary_tables


@pytest.fixture
def path(tmp_path):
    x = nn.Variable((2, 1, 6, 6))
    h = F.relu(PF.convolution(x * 0.5, 4, (3, 3), apply_w=LUT(bits=2), name="c"))
    export_nnp(tmp_path / "net.nnp", PF.affine(h, 2, name="f"), x)
    return tmp_path / "net.nnp"


def _printed(found):
    console = Console(file=io.StringIO(), width=160)
    for part in summary_tables(found):
        console.print(part)
    return console.file.getvalue()


def test_layers_encodings_costs_and_executors_are_printed(path):
    text = _printed(summary(path))
    for words in ("c/conv", "LUT 2 bit", "at their bits", "pre-processing: MulScalar 0.5"):
        assert words in text
    # x (36), the scaled x, the map (64) and ReLU's (64); the most are the two maps.
    assert "512 B at ReLU behind c/conv" in text
    assert "Runtime    Validation" in text


def test_names_are_never_markup_nor_control_characters(tmp_path):
    x = nn.Variable((2, 4))
    y = PF.affine(x, 3, name="[red]f[/bold]")
    save(
        str(tmp_path / "net.nnp"),
        {
            "networks": [
                {"name": "n[/x]\x1b[2J", "batch_size": 2, "outputs": {"y": y}, "names": {"x": x}}
            ],
            "executors": [],
        },
    )
    text = _printed(summary(tmp_path / "net.nnp"))
    assert "[red]f[/bold]" in text and "n[/x]" in text and "\x1b" not in text


def test_failures_are_printed_with_their_reason():
    text = _printed(FileSummary(Path("a.nnp"), 1, (), None, (), {"bad": "no such function"}))
    assert "network bad can't be built: no such function" in text


def test_json_holds_all_that_is_known(path):
    result = CliRunner().invoke(command, [str(path), "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    (network,) = found["networks"]
    assert network["costs"]["peak_bytes"] == 512
    assert network["costs"]["peak_at"] == "ReLU behind c/conv"
    unknown = {"step": None, "low": None, "high": None}
    assert network["layers"][0]["weights"] == {"quantizer": "LUT", "bits": 2, **unknown}
    assert network["layers"][1]["weights"] == {"quantizer": "", "bits": 32, **unknown}
    (activation,) = network["activations"]
    assert activation["name"] == "c/conv/relu" and activation["encoding"]["bits"] == 32
    assert network["preprocessing"] == ["MulScalar 0.5"]
    assert found["executors"][0]["name"] == "Runtime" and found["failures"] == {}
    assert found["bytes"] == path.stat().st_size


def test_channels_computed_for_nothing_and_the_runtimes_memory_are_printed(tmp_path):
    x = nn.Variable((1, 1, 6, 6))
    y = PF.affine(F.relu(PF.convolution(x, 4, (3, 3), name="c")), 2, name="f")
    nn.get_parameters()["c/conv/W"].d[3] = 0
    report = export_nnp(tmp_path / "net.nnp", y, x)
    found = summary(tmp_path / "net.nnp")
    text = _printed(found)
    assert "channels computed for nothing" in text and "1 of 4 output channels zero" in text
    assert "how alike filters are" in text and found.networks[0].redundancy[0].filters == 3
    device = found.networks[0].device
    assert f".nnb of {device.nnb_bytes:,} bytes (flash), {device.buffer_bytes:,} bytes" in text
    assert "c/conv (1 of 4 output channels zero)" in report.notes[0]
    assert "41 weights" in report.notes[0]  # 9 of the convolution, 16 positions for 2 outputs
