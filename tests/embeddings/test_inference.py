# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nnabla_compress.embeddings import PinSage, Walks, embed_all
from nnabla_compress.embeddings.arithmetic import Layer
from nnabla_compress.errors import ConfigError, DataError, DiskFullError
from tests.embeddings.graphs import random_graph, random_parameters, recursive

NETWORK = PinSage(layers=2, hidden=9, width=7, output=5)
HOW = Walks(neighbours=4, walks=10, length=3)
PARAMETERS = random_parameters(NETWORK, 6)
GRAPH = random_graph()
FEATURES = np.random.RandomState(1).randn(60, 6).astype(np.float32)


def embedded(folder, **options):
    return embed_all(PARAMETERS, FEATURES, GRAPH, HOW, folder, **options)


@pytest.mark.parametrize("pooling", ["importance", "mean", "none"])
def test_layer_by_layer_gives_what_the_network_gives_of_each_item_s_own_neighbourhood(
    tmp_path, pooling
):
    found = embedded(tmp_path, pooling=pooling, seed=3, chunk=16)
    expected = recursive(
        NETWORK, PARAMETERS, FEATURES, GRAPH, HOW, np.arange(60), seed=3, pooling=pooling
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 59, 60, 1000])
def test_the_size_of_the_chunks_changes_no_bit(tmp_path, chunk):
    whole = np.array(embedded(tmp_path / "whole"))
    assert embedded(tmp_path / "chunks", chunk=chunk).tobytes() == whole.tobytes()


def test_each_item_is_projected_once_a_layer(tmp_path, monkeypatch):
    rows, of_layer = [], Layer.project
    monkeypatch.setattr(Layer, "project", lambda self, h: rows.append(len(h)) or of_layer(self, h))
    embedded(tmp_path, chunk=16)
    assert sum(rows) <= 60 * 2


def test_features_may_be_a_file_and_nothing_but_embeddings_and_the_record_stays(tmp_path):
    np.save(tmp_path / "features.npy", FEATURES)
    found = embed_all(PARAMETERS, tmp_path / "features.npy", GRAPH, HOW, tmp_path / "a", chunk=9)
    assert found.tobytes() == embedded(tmp_path / "b").tobytes()
    for folder in ("a", "b"):
        names = {path.name for path in (tmp_path / folder).iterdir() if path.name[0] != "."}
        assert names == {"embeddings.npy", "inference.json"}
    assert (tmp_path / "features.npy").exists()


def test_what_is_there_is_not_computed_again(tmp_path, monkeypatch):
    first = np.array(embedded(tmp_path))
    monkeypatch.setattr(Layer, "project", None)
    assert embedded(tmp_path).tobytes() == first.tobytes()


def test_a_folder_of_another_inference_is_refused(tmp_path):
    embedded(tmp_path)
    with pytest.raises(ConfigError, match="of another inference: pooling, seed differ"):
        embedded(tmp_path, pooling="mean", seed=1)


def test_boards_are_walked_through_and_get_no_embedding(tmp_path):
    graph = random_graph(60, 200, items=40)
    found = embed_all(PARAMETERS, FEATURES[:40], graph, HOW, tmp_path, chunk=11)
    expected = recursive(NETWORK, PARAMETERS, FEATURES[:40], graph, HOW, np.arange(40))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"features": FEATURES[:50]}, "features have the shape"),
        ({"features": FEATURES[:, :5]}, "features have the shape"),
        ({"parameters": {}}, "no parameters of a PinSage network"),
        ({"parameters": {**PARAMETERS, "output1/affine/b": np.zeros(3)}}, "a bias of"),
        (
            {"parameters": {**PARAMETERS, "output1/affine/W": np.full((7, 7), np.nan)}},
            "holds NaN or infinity",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, changed, said):
    given = {"parameters": PARAMETERS, "features": FEATURES, **changed}
    with pytest.raises(DataError, match=said):
        embed_all(graph=GRAPH, how=HOW, folder=tmp_path, **given)


def test_options_without_a_meaning_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="pooling is 'max'"):
        embedded(tmp_path, pooling="max")
    with pytest.raises(ConfigError, match="a chunk of 0 items"):
        embedded(tmp_path, chunk=0)


def test_a_damaged_file_is_told_and_computed_again_when_it_is_removed(tmp_path, monkeypatch):
    whole = np.array(embedded(tmp_path / "whole"))
    folder = tmp_path / "damaged"
    with monkeypatch.context() as patch:
        patch.setattr(Layer, "project", _stopped)
        with pytest.raises(KeyError):
            embedded(folder, chunk=16)
    file = folder / "asked" / "000001.rows"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="000001.rows is damaged"):
        embedded(folder, chunk=16)
    file.unlink()
    assert embedded(folder, chunk=16).tobytes() == whole.tobytes()


def _stopped(*_):
    raise KeyError


WORK = """
import sys
from tests.embeddings.test_inference import embedded
embedded(sys.argv[1], chunk=2)
"""


@pytest.mark.long
def test_killed_anywhere_it_goes_on_to_the_same_bits(tmp_path):
    whole = np.array(embedded(tmp_path / "whole", chunk=2))
    folder = tmp_path / "killed"
    for files in (5, 35, 50, 62, 80, 95):  # of 30 chunks, as they come
        process = subprocess.Popen([sys.executable, "-c", WORK, str(folder)])
        while process.poll() is None and _written(folder) < files:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert embedded(folder, chunk=2).tobytes() == whole.tobytes()


def _written(folder):
    """Files written so far, those removed again counted."""
    tables = [(folder / name, at) for at, name in enumerate(("asked", "answers1", "layer1"))]
    return max([30 * at + len(list(t.glob("0*.rows"))) for t, at in tables if t.exists()] or [0])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a disk")
def test_a_full_disk_loses_nothing_and_more_room_is_all_it_takes(tmp_path):
    whole = np.array(embedded(tmp_path / "whole", chunk=4))
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=88k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted")
    try:
        with pytest.raises(DiskFullError, match="the disk is full"):
            embedded(disk / "run", chunk=4)
        kept = {p.name: p.read_bytes() for p in (disk / "run" / "asked").glob("*.rows")}
        assert kept, "the disk was full before anything was done"
        with pytest.raises(DiskFullError):
            embedded(disk / "run", chunk=4)
        assert (
            kept.items()
            <= {p.name: p.read_bytes() for p in (disk / "run" / "asked").glob("*.rows")}.items()
        )
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert embedded(disk / "run", chunk=4).tobytes() == whole.tobytes()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.long
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "pandas", "pyarrow")),
    reason="Ray Data is not installed",
)
def test_ray_data_gives_the_same_bits(tmp_path):
    whole = np.array(embedded(tmp_path / "whole"))
    found = embedded(tmp_path / "ray", chunk=16, ray="local")
    assert found.tobytes() == whole.tobytes()
