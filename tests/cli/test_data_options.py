# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the words behind ``--data`` stand for."""

from __future__ import annotations

import pytest

from nnabla_compress.cli.data_options import data_part, preprocessing_part
from nnabla_compress.errors import ConfigError


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a.npz,y=mask,n_classes=3",
         {"source": "npz", "path": "a.npz", "y": "mask", "n_classes": 3}),
        ("a.csv,b.csv,y=t", {"source": "csv", "train": "a.csv", "test": "b.csv", "y": "t"}),
        ("csv:a.csv", {"source": "csv", "test": "a.csv"}),
        ("my/data.py:get", {"source": "python", "path": "my/data.py", "function": "get",
                            "split": "test"}),
        ("my.data:get,limit=5,split=train,batched=true",
         {"source": "python", "path": "my.data", "function": "get", "split": "train", "limit": 5,
          "batched": True}),
        ("python:data.py:get", {"source": "python", "path": "data.py", "function": "get",
                                "split": "test"}),
        ("mnist:a.npz,y=x", {"source": "mnist", "path": "a.npz", "y": "x"}),
        ("npz:odd=name.npz", {"source": "npz", "path": "odd=name.npz"}),
    ],
)  # fmt: skip
def test_sources_and_their_options(text, expected):
    assert data_part(text, training=False) == {**expected, "validation": 0}


def test_a_fraction_scales_targets_and_samples():
    part = data_part("a.npz,y_scale=1/255", training=False)
    assert part["y_scale"] == 1 / 255
    assert preprocessing_part("1/255", "0.5", "1,2") == {
        "scale": 1 / 255, "mean": 0.5, "std": [1, 2],
    }  # fmt: skip


def test_a_function_is_learned_from_where_there_is_a_training():
    part = data_part("a.py:f", training=True)
    assert part["split"] == "train" and part["validation"] == 0.1
    assert data_part("a.py:f,validation=0.5", training=True)["validation"] == 0.5


@pytest.mark.parametrize(
    "text",
    ["a.npz,b.npz", "a.csv,b.csv,c.csv,d.csv", "a.onnx", "python", "python:a.py", "a.py",
     "a.py:b:c", "digit", ""],
)  # fmt: skip
def test_what_is_no_data_is_refused_with_what_there_is(text):
    with pytest.raises(ConfigError, match="is no .npz file") as wrong:
        data_part(text, training=False)
    assert "FILE.py:NAME" in wrong.value.help
    with pytest.raises(ConfigError, match="y_scale is '1/0'"):
        data_part("a.npz,y_scale=1/0", training=False)
