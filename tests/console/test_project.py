# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network of Neural Network Console tells of its project."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from nnabla_compress.console.project import data_sets, pixel_scale
from tests.console.project import results_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return results_folder(tmp_path_factory.mktemp("project"), samples=4)


def changed(source, target, *replaced):
    """The network of a folder with other words in its text."""
    with zipfile.ZipFile(source / "results.nnp") as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            for before, after in replaced if name.endswith(".nntxt") else ():
                assert before in content
                content = content.replace(before, after)
            new.writestr(name, content)
    return target


def test_the_data_sets_of_a_project_are_found_beside_its_network(made):
    assert data_sets(made) == [made / "training.csv"]
    assert data_sets(made / "results.nnp") == [made / "training.csv"]


def test_separators_may_be_those_of_windows(made, tmp_path):
    (tmp_path / "sub").mkdir()
    shutil.copy(made / "training.csv", tmp_path / "sub" / "training.csv")
    path = changed(made, tmp_path / "a.nnp", (b'"training.csv"', b'"sub\\\\training.csv"'))
    assert data_sets(path) == [tmp_path / "sub" / "training.csv"]


@pytest.mark.parametrize("uri", [b'"s3://bucket/index.csv"', b'"missing.csv"', b'"data.cache"'])
def test_data_sets_of_other_machines_are_none(uri, made, tmp_path):
    (tmp_path / "data.cache").mkdir()
    assert data_sets(changed(made, tmp_path / "a.nnp", (b'"training.csv"', uri))) == []


def test_images_are_left_as_they_are_unless_their_normalization_is_switched_off(made, tmp_path):
    assert pixel_scale(made) is None
    switched = (b'  name: "Executor"', b'  name: "Executor"\n  no_image_normalization: true')
    assert pixel_scale(changed(made, tmp_path / "a.nnp", switched)) == 255
