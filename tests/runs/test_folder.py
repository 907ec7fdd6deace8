# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A run is not written among the files of others."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.runs.folder import refuse_foreign


def test_a_folder_with_other_files_is_refused_with_a_way_out(tmp_path):
    for name in ("photo.png", "notes.txt", "a", "b"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"a, b, notes.txt, \.\.\.") as refused:
        refuse_foreign(tmp_path)
    assert f"-o {tmp_path / 'run'}" in refused.value.help


@pytest.mark.parametrize(
    "names", [[], [".hidden"], ["float.nnp", "float.nnb", "results.settings.yaml"],
              ["recipe.yaml", "mine.txt"], ["results.json", "mine.txt"]]
)  # fmt: skip
def test_new_and_empty_folders_and_those_of_runs_are_taken(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    refuse_foreign(tmp_path)
    refuse_foreign(tmp_path / "new")


def test_a_file_is_no_run_folder(tmp_path):
    (tmp_path / "net.nnp").touch()
    with pytest.raises(ConfigError, match="net.nnp is a file") as refused:
        refuse_foreign(tmp_path / "net.nnp")
    assert "-o" in refused.value.help
