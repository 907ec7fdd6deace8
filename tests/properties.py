# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Property tests: how many examples they try, and how a failure is found again.

Every example starts from the same state of all generators, NNabla's included, so what Hypothesis
prints of it is all that it depends on. Examples that failed stay in ``.hypothesis/examples``, and
whoever runs the test again tries them first.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any, List, Tuple

import nnabla.random
import numpy as np
from hypothesis import Phase, register_random, reproduce_failure, settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".hypothesis" / "examples"
EXAMPLES = 100
"""Of a test that says no number."""
THOROUGH = "thorough"
OPTION = "--failing-example"

_BLOB = re.compile(r"@reproduce_failure\('([\w.]+)', b'([\w+/=-]*)'\)")
_times = 1
_function_seed = 0  # NNabla doesn't tell its own


def seed_nnabla(seed: int) -> None:
    """Seeds NNabla's generators: of initial parameters, and of random functions.

    Args:
        seed: 0 or more.
    """
    global _function_seed
    _function_seed = seed
    nnabla.random.prng = np.random.RandomState(seed)
    nnabla.random.set_function_seed(seed)


class _NNablaGenerators:
    """NNabla's generators as Hypothesis takes them, to seed them before each example."""

    def seed(self, seed: int) -> None:
        seed_nnabla(seed)

    def getstate(self) -> Tuple[Any, ...]:
        return nnabla.random.prng, _function_seed

    def setstate(self, state: Tuple[Any, ...]) -> None:
        generator, seed = state
        seed_nnabla(seed)
        nnabla.random.prng = generator


_generators = _NNablaGenerators()  # Hypothesis holds it weakly


def configure(times: int) -> None:
    """Sets up Hypothesis, on a machine of continuous integration as anywhere else.

    Args:
        times: How many times as many examples as usual are tried.
    """
    global _times
    _times = times
    register_random(_generators)
    settings.register_profile(
        "nnabla-compress",
        max_examples=EXAMPLES * times,
        deadline=None,
        derandomize=False,
        print_blob=True,
        database=DirectoryBasedExampleDatabase(FOLDER),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    settings.load_profile("nnabla-compress")


def examples(count: int, *base: settings, **options: Any) -> settings:
    """Says how many examples a property test tries, as a decorator.

    Args:
        count: Their number; thorough runs try many times as many.
        base: Settings to start from.
        options: More settings. With ``derandomize`` a usual run tries the same ones every time.
    """
    if _times > 1:
        options.update(derandomize=False, database=DirectoryBasedExampleDatabase(FOLDER))
    return settings(*base, max_examples=count * _times, **options)


def is_thorough(expression: str) -> bool:
    """Returns whether an expression of ``-m`` asks for the thorough runs.

    Args:
        expression: Such as "not slow".
    """
    return re.search(rf"(?<!not )\b{THOROUGH}\b", expression) is not None


def is_property(item: Any) -> bool:
    """Returns whether a test of pytest is a property test.

    Args:
        item: The test.
    """
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


def only_example(item: Any, example: str) -> None:
    """Lets a property test try one example only.

    Args:
        item: The test.
        example: The version of Hypothesis that found it, a colon, and how that writes it.
    """
    version, _, blob = example.partition(":")
    reproduce_failure(version, blob.encode())(item.obj)


def found_again(item: Any, text: str) -> str:
    """Returns the commands that find a failure of a property test again.

    Args:
        item: The test.
        text: All that was said of the failure.
    """
    thorough = ["-m", THOROUGH, "--times", str(_times)] if _times > 1 else []
    command = [_python(), "-m", "pytest", item.nodeid]
    lines: List[str] = []
    example = item.config.getoption(OPTION)
    found = _BLOB.search(text)
    if example:
        return shlex.join([*command, f"{OPTION}={example}"])
    if found:
        lines.append(
            f"this example:    {shlex.join([*command, f'{OPTION}={found[1]}:{found[2]}'])}"
        )
    seed = getattr(item.obj, "_hypothesis_internal_use_generated_seed", None)
    given = item.config.getoption("--hypothesis-seed", None)
    if seed is not None or given is not None:
        chosen = f"--hypothesis-seed={given if seed is None else seed}"
        lines.append(f"all of this run: {shlex.join([*command, *thorough, chosen])}")
    lines.append(f"failed examples, this one first: {shlex.join(command)}")
    return "\n".join(lines)


def _python() -> str:
    path = Path(sys.executable)
    return str(path.relative_to(ROOT)) if ROOT in path.parents else path.name
