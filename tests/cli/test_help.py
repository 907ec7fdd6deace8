# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Help is there at once, because it loads nothing of the library; its words are the library's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnabla_compress.analysis.feature_maps import MAPS
from nnabla_compress.calibration.methods import METHODS
from nnabla_compress.calibration.settings import AUTO, JUDGES
from nnabla_compress.cli import VERBS, choices
from nnabla_compress.data import SOURCES
from nnabla_compress.device.firmware import MODES
from nnabla_compress.exporters.console_project import STORAGES
from nnabla_compress.importances import importances
from nnabla_compress.lowering import storage
from nnabla_compress.recipes.recipe import MOST_SEED
from nnabla_compress.runs.exit_files import PREFIXES, STAGES
from nnabla_compress.search.choices import MEASURES
from nnabla_compress.targets import TARGETS
from nnabla_compress.transforms.convert import CONVERSIONS
from nnabla_compress.transforms.factors import FORMS

HEAVY = ("nnabla", "numpy", "numba", "matplotlib", "pydantic", "yaml", "rich")
PROGRAM = """
import sys
from nnabla_compress.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
print("loaded:", *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [[], *([verb] for verb in VERBS)], ids=" ".join)
def test_help_loads_nothing_that_takes_time(arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments, "--help"],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: nnabla-compress")
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


def test_verbs_load_scipy_when_they_need_it_only():
    modules = ", ".join(f"nnabla_compress.cli.{verb.replace('-', '_')}" for verb in VERBS)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print('scipy' in sys.modules)"],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])),
        timeout=240,
    )
    assert done.stdout.splitlines()[-1:] == ["False"], done.stdout + done.stderr


def test_the_words_of_the_options_are_those_of_the_library():
    assert choices.TARGETS == tuple(TARGETS)
    assert choices.KERNELS == MODES
    assert choices.PROJECTS == STORAGES
    assert choices.EXITS == (PREFIXES, STAGES)
    assert choices.SCHEMES == tuple(storage.SCHEMES)
    assert (choices.SMALLEST, choices.FLOAT) == (storage.SMALLEST, storage.FLOAT)
    assert choices.CALIBRATIONS == tuple(METHODS)
    assert (choices.JUDGES, choices.AUTO) == (JUDGES, AUTO)
    assert choices.MEASURES == MEASURES
    assert choices.MAPS == MAPS
    assert choices.CONVERSIONS == CONVERSIONS
    assert choices.FACTORIZATIONS == tuple(FORMS)
    assert choices.SOURCES == tuple(SOURCES)
    assert choices.MOST_SEED == MOST_SEED
    assert choices.IMPORTANCES == tuple(importances())
