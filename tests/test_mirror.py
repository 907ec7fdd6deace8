# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What tests a module stands where the module stands: tests/x/test_y.py for x/y.py, or for x/y/."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "nnabla_compress"
# Folders of the package that are called otherwise here: tests/data holds recordings.
ELSEWHERE = {"data_sets": "data"}
# Tests of the project beside its package.
OTHER_FOLDERS = ("benchmarks", "fuzz", "tools")
# Tests of what several modules do together, by folder. A contract is that of all of a folder.
TOGETHER = {
    "": "architecture docs examples mirror packaging pages properties readme",
    "c_kernels": "checks no_multiply packed_between sanitizers",
    "calibration": "shared_biases",
    "cli": "answers cli damaged_files faithful files_of_others files_with_data fine_tune help "
    "names_of_others other_tools",
    "exporters": "large_networks nnabla_cli tied_weights",
    "graph": "tied_weights",
    "lowering/integer": "recorded_networks",
    "models": "loops nnp_batch nnp_fuzz",
    "parametric_functions": "examples register",
    "quantizers": "contract",
    "recipes": "contract",
    "runs": "rows whole_folder",
    "runs/steps": "made_up",
    "simulator": "against_nnabla generic_kernels integer_kernels random_networks vectors",
    "targets": "contract",
    "training/terms": "contract",
    "verification": "packed_files",
}
FILES = [
    path.relative_to(TESTS)
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.relative_to(TESTS).parts[0] not in OTHER_FOLDERS
]


def together(folder):
    return TOGETHER.get(folder, "").split()


def module_of(path):
    """What a file of tests is for by its place, without an ending."""
    first, *rest = path.parent.parts or ("",)
    return PACKAGE.joinpath(ELSEWHERE.get(first, first), *rest, path.stem[len("test_") :])


def folder_of(path):
    return path.parent.as_posix() if path.parent.parts else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.as_posix())
def test_it_has_a_module_or_is_known_to_be_of_several(path):
    module = module_of(path)
    there = module.is_dir() or any(module.with_suffix(end).exists() for end in (".py", ".c"))
    known = path.stem[len("test_") :] in together(folder_of(path))
    assert there != known, (
        f"{path} is for {module.relative_to(PACKAGE.parent)}.py, which is there, too: "
        "take it off TOGETHER"
        if there
        else f"there is no {module.relative_to(PACKAGE.parent)}.py: rename {path}"
    )


def test_all_that_are_of_several_modules_exist():
    for folder in TOGETHER:
        for name in together(folder):
            assert (TESTS / folder / f"test_{name}.py").exists(), f"{folder}/test_{name}.py"
