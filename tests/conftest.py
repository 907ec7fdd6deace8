# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Every test starts from NNabla's own state: no parameters, seeded, CPU, static graphs."""

from __future__ import annotations

import functools
import gc
import os
import shutil
from pathlib import Path

import nnabla as nn
import nnabla.utils.converter
import numpy as np
import pytest

from tests import properties

# Workers of pytest-xdist tell their processes that they have 80 columns.
os.environ.pop("COLUMNS", None)


def pytest_addoption(parser):
    group = parser.getgroup("property tests")
    group.addoption(
        properties.OPTION, metavar="VERSION:EXAMPLE", help="try this example only, as printed"
    )
    group.addoption(
        "--times", type=int, default=100, help="with -m thorough: how many times as many examples"
    )


def pytest_configure(config):
    thorough = properties.is_thorough(config.option.markexpr)
    properties.configure(config.getoption("--times") if thorough else 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Property tests are the thorough ones where these are asked for; their time is not limited."""
    thorough = properties.is_thorough(config.option.markexpr)
    example = config.getoption(properties.OPTION)
    for item in filter(properties.is_property, items):
        if thorough:
            item.add_marker(pytest.mark.thorough)
            item.add_marker(pytest.mark.timeout(0))
        if example:
            properties.only_example(item, example)


def pytest_collection_finish(session):
    """Lets garbage collections leave out what lives as long as the process: a third of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Says of a property test that fails how the failure is found again."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and properties.is_property(item):
        notes = getattr(call.excinfo.value, "__notes__", ())
        text = "\n".join([report.longreprtext, *notes, *(said for _, said in report.sections)])
        report.sections.append(("Found again by", properties.found_again(item, text)))


@pytest.fixture(autouse=True)
def fresh_nnabla():
    """Clears parameters before and after a test, seeds, and puts the graph mode back."""
    nn.clear_parameters()
    properties.seed_nnabla(313)
    yield
    nn.set_auto_forward(False)
    nn.clear_parameters()


@pytest.fixture(autouse=True, scope="session")
def quick_conversions():
    """Lets NNabla's converter read its table of functions once, not at every conversion."""
    read = nnabla.utils.converter.get_function_info
    nnabla.utils.converter.get_function_info = functools.lru_cache(maxsize=None)(read)
    yield
    nnabla.utils.converter.get_function_info = read


@pytest.fixture(autouse=True, scope="session")
def quick_files():
    """Files of tests need not outlive a power cut: nobody waits for the disk."""
    sync = os.fsync
    os.fsync = lambda descriptor: None
    yield
    os.fsync = sync


@pytest.fixture
def stub_source(tmp_path, monkeypatch):
    """A checkout of the stand-in for the C runtime, which NNABLART_SOURCE then names."""
    stub, folder = Path(__file__).parent / "c_kernels" / "stub_runtime", tmp_path / "stub"
    shutil.copytree(str(stub / "nnablart"), str(folder / "include" / "nnablart"))
    for name in ("src/runtime", "src/functions/implements"):
        (folder / name).mkdir(parents=True)
    for name in ("runtime.c", "context.h"):
        shutil.copyfile(str(stub / name), str(folder / "src/runtime" / name))
    known = ("RELU", "MAXPOOLING", "RELU_FLOAT32")
    config = "".join(f"#define CONFIG_{name} 1\n" for name in known)
    (folder / "include/nnablart/config.h").write_text(config)
    with open(folder / "include/nnablart/network.h", "a") as header:
        header.write(
            '#define NN_C_RUNTIME_VERSION ("stand-in")\n#define NN_API_LEVEL (44)\n'
            "#define NN_BINARY_FORMAT_MINIMUM_VERSION (2)\n#define NN_BINARY_FORMAT_VERSION (3)\n"
        )
    monkeypatch.setenv("NNABLART_SOURCE", str(folder))
    return folder


@pytest.fixture
def rng():
    """A seeded generator."""
    return np.random.RandomState(0)


def _reference_step(values, dictionary):
    flat = np.asarray(values, np.float64).ravel()
    entries = np.asarray(dictionary, np.float64)
    codes = np.empty(flat.size, np.int64)
    for start in range(0, flat.size, 10000):
        part = flat[start : start + 10000, None]
        codes[start : start + 10000] = np.abs(part - entries).argmin(axis=1)
    means = entries.copy()
    for k in np.unique(codes):
        means[k] = flat[codes == k].mean()
    return codes.reshape(np.shape(values)), means


@pytest.fixture
def reference_step():
    """One k-means step as the definition says it, in NumPy float64, one distance at a time.

    A value half way between two entries goes to the lower one; empty clusters keep their entry.
    """
    return _reference_step
