# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a sweep may say, and what is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nnabla_compress.errors import ConfigError
from nnabla_compress.sweeping import Sweep
from tests.sweeping.test_sweep import CONTENT, described

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*_sweep.yaml"))


def test_sizes_are_all_combinations_on_top_of_the_options_of_all():
    model = {"name": "lenet", "options": {"batch_norm": True}}
    found = described(model=model, sizes={"maps": [4, 8], "hidden": [10, 20]}).networks
    assert [name for name, _ in found] == [
        "maps=4, hidden=10",
        "maps=4, hidden=20",
        "maps=8, hidden=10",
        "maps=8, hidden=20",
    ]
    assert found[0][1] == {"batch_norm": True, "maps": 4, "hidden": 10}


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"model": {"python": "net.py:net"}}, "names no network of the zoo"),
        ({"sizes": {"hiden": [4]}}, "no option 'hiden'"),
        ({"sizes": {"hidden": []}}, "hidden has no values"),
        ({"data": {"source": "digits"}}, "no validation samples"),
        ({"training": {"learning_rate": 0.1}}, "training has no epochs"),
        ({"training": {"epochs": 1, "rate": 0.1}}, "unknown key 'rate'"),
        ({"compressions": {"odd": [{"quantise": "lut"}]}}, "unknown step 'quantise'"),
        ({"compressions": {"float": []}}, "two compressions have one name"),
        ({"budgets": ["2 pounds"]}, "2 pounds"),
        ({"equal": "seconds"}, "equal"),
    ],
)
def test_what_no_run_could_do_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        described(**changes)


def test_a_file_is_read_with_paths_from_its_folder(tmp_path):
    (tmp_path / "data.npz").write_bytes(b"")
    data = {"source": "npz", "path": "data.npz", "validation": 0.1}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**CONTENT, "data": data}))
    assert Sweep.read(tmp_path / "sweep.yaml").data["path"] == str(tmp_path / "data.npz")


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x"])
def test_a_file_that_holds_no_sweep_is_refused_by_name(tmp_path, text):
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(ConfigError, match="sweep.yaml"):
        Sweep.read(tmp_path / "sweep.yaml")


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="can't read .*none.yaml"):
        Sweep.read(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_shipped_sweep_is_valid_and_named_as_its_file(path):
    assert Sweep.read(path).name == path.stem
