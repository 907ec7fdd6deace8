# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Names in files are anybody's text: shown as they are, obeyed by nothing."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest
from nnabla.utils.save import save

from nnabla_compress import cli

MARKUP, ESCAPE = "[bold]a[/nope]:smile:", "b\x1b[31m\x07"


@pytest.fixture
def path(tmp_path):
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name=MARKUP)), 3, name=ESCAPE)
    network = {"name": "net", "batch_size": 1, "outputs": {"[y][/y]": y}, "names": {"x": x}}
    executor = {"name": "run", "network": "net", "data": ["x"], "output": ["[y][/y]"]}
    save(str(tmp_path / "net.nnp"), {"networks": [network], "executors": [executor]})
    return tmp_path / "net.nnp"


@pytest.mark.parametrize(
    "verb",
    [
        ["inspect"],
        ["compress", "-w", "lut:bits=4", "-o", "out"],
        ["ptq", "-o", "out"],
        ["export", "-o", "out"],
        ["verify", "-n", "2"],
        ["compress", "-w", "nothing*=lut:bits=4", "-o", "out"],
    ],
)
def test_names_are_shown_as_they_are_and_the_terminal_obeys_none(verb, path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    with pytest.raises(SystemExit) as stop:
        cli.main([verb[0], str(path), *verb[1:]])
    said = "".join(capsys.readouterr())
    assert stop.value.code == (1 if "nothing*=lut:bits=4" in verb else 0), said
    assert "internal error" not in said and "\x1b" not in said and "\x07" not in said
    if verb[0] == "verify":
        assert "[y][/y]" in said
    else:
        assert MARKUP in said and "[31m" in said
