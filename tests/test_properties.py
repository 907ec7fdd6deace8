# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A property test that fails is found again by what it prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exporters.networks import random_network
from tests.properties import EXAMPLES, FOLDER, ROOT, examples, is_thorough

# Fails for a few numbers only, and by a number that NNabla draws.
RARE = """
import nnabla.random
from hypothesis import given
from hypothesis import strategies as st
from tests.properties import examples

@examples(20)
@given(st.integers(0, 10**6))
def test_rare(number):
    assert number % 7 or nnabla.random.prng.randint(10**6) == 0
"""


def pytest_on(folder, *arguments):
    """The exit status and the output of pytest with this folder's settings on a file of another."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_failure_prints_the_command_that_finds_it_again(tmp_path):
    (tmp_path / "test_rare.py").write_text(RARE)
    status, out = pytest_on(tmp_path, "test_rare.py", "-m", "thorough", "--times", "30")
    assert status == 1
    assert "number=0," in out and "--times 30 --hypothesis-seed=" in out
    (printed,) = re.findall("this example: *(.*)", out)
    again = shlex.split(printed)[3:]
    shown = RARE.replace("number % 7 or", "print('tried', number) or")
    (tmp_path / "test_rare.py").write_text(shown)
    status, out = pytest_on(tmp_path, *again)
    assert status == 1 and set(re.findall("tried .*", out)) == {"tried 0"}


@pytest.mark.parametrize(
    "expression, thorough",
    [
        ("thorough", True),
        ("thorough and not slow", True),
        ("not slow", False),
        ("not thorough", False),
        ("not slow and not thorough", False),
        ("", False),
    ],
)
def test_only_who_asks_for_thorough_runs_gets_them(expression, thorough):
    assert is_thorough(expression) is thorough


def test_examples_that_failed_are_kept_in_a_folder_that_is_not_committed():
    assert settings().database is not None and settings().print_blob
    assert settings().deadline is None
    assert settings().max_examples % EXAMPLES == 0
    assert FOLDER == ROOT / ".hypothesis" / "examples"
    assert ".hypothesis/" in (ROOT / ".gitignore").read_text().splitlines()


HERE = ("tests/properties.py", "tests/test_properties.py")


def test_every_property_test_takes_its_number_of_examples_from_one_place():
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if re.search(r"max_examples|register_profile|import .*\bsettings\b", path.read_text())
    ]
    assert [name for name in found if name not in HERE] == []


SEEN = set()


def drawn():
    """Bytes that NNabla's generators of parameters and of random functions decide."""
    nn.clear_parameters()
    y = F.dropout(PF.affine(nn.Variable.from_numpy_array(np.ones((1, 3), np.float32)), 40), 0.5)
    y.forward()
    return y.d.tobytes()


@examples(5)
@given(st.integers(0, 9))
def test_every_example_starts_from_the_same_state_of_nnablas_generators(number):
    SEEN.add(drawn())
    assert len(SEEN) == 1


def test_a_random_network_depends_on_its_seed_only():
    found = []
    for seed in (5, 5, 6):
        drawn()  # moves the generators on
        nn.clear_parameters()
        random_network(seed)
        found.append([p.d.tobytes() for p in nn.get_parameters(grad_only=False).values()])
    assert found[0] == found[1] != found[2]
